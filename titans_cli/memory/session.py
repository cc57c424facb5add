"""The memory of a session: what surprised the language model, kept in integers, and what that says of what comes next.

A frozen language model reads a document. Wherever it did not expect the next token, the surprise is written under
several keys that tell where it happened: the last tokens, and what the model expected instead. The write is Titans'
momentary surprise (arXiv 2501.00663, eq. 8), the gradient of the model's own loss: by the logit of the token that came
it is p - 1, so what was predicted writes nothing. It is taken at the frozen model and not at the memory, as linear
attention does; what that buys is that writes do not depend on each other:

    S = sum over documents, tokens, keys of  round(PARTS (1 - p)) e(key, token)

Sums of integers are exact: a document is subtracted to the last bit, in any order, and memories can be added. Momentum
and forgetting (eq. 9-14) are left out for the same reason: they would make a write depend on its place.

`e` has a fixed size. A key owns a row of `WAYS` cells, a token one of these. A cell holds two sums: of the amounts, and
of the amounts times a label (the token's id and a checksum of key and token). If one label alone was written there, the
second is a multiple of the first, and dividing reads it off; if several were, the quotient has not the checksum that
it should have, but for one case in four million, and the cell is silent. That is a cell of an invertible Bloom lookup
table (Goodrich and Mitzenmacher, arXiv 1101.2245).
Nothing is overwritten or evicted: a memory that is too full falls silent.

What is read moves the model's distribution: the logit of every token that an answer names gets a bias, by a small
trained network (`SessionGate`) over what the memory says of it. Only these logits move, so normalising costs a sum over
them, and a model without a memory, or with an empty one, is left exactly as it is.

Shapes: n predicted tokens, O keys of each, A = O * WAYS answers, m pieces of evidence (a token and one it may be).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PARTS = 8  # that a surprise of 1 is counted in
WAYS = 4  # cells of a key: so many tokens can be told apart that followed it, if they fall on different ones
CELLS = 1 << 22  # of 12 bytes: 50 MB
SEGMENT = 128  # tokens that are read before they are written
LENGTHS = (1, 2, 3, 4, 6)  # of the keys made of the last tokens
KEYS = len(LENGTHS) + 6
FEATURES = 5 * KEYS + 2
_ID_BITS, _CHECK_BITS = 20, 22
_MULTIPLIERS = (-4658895280553007687, -7723592293110705685)  # of splitmix64, as signed integers
_LOUDEST = 8.0  # of a bias, nats


class SessionState(NamedTuple):
    """`amounts` [cells] int32 and `labels` [cells] int64: sums, exact modulo 2^32 and 2^64."""

    amounts: Tensor
    labels: Tensor


class Share(NamedTuple):
    """All that one document writes: `tokens` [n + 1] int64, and of each but the last the model's two likeliest next
    tokens, `guesses` [n, 2] int64, and how much of what came is written, `amounts` [n] int64 in [0, PARTS]."""

    tokens: Tensor
    guesses: Tensor
    amounts: Tensor


class KeyEvidence(NamedTuple):
    """What the memory says, a row for each token that one of its answers names."""

    at: Tensor  # [m] which predicted token
    features: Tensor  # [m, FEATURES]
    log_p: Tensor  # [m] of the named token, by the model alone
    came: Tensor  # [m] bool: whether it is what came


class _Answers(NamedTuple):
    ids: Tensor  # [n, A], -1 where the memory is silent
    amounts: Tensor  # [n, A]


# ---- what is kept of a document


def rows_of(share: Share) -> Tensor:
    """A share as rows [n + 1, 4] int32, to be kept: a token, the two guesses at the next one, and how much of that is
    written; of the last token, with which a share ends, these are 0, 0, -1."""
    last = torch.tensor([[0, 0, -1]])
    columns = torch.cat([torch.cat([share.guesses, share.amounts[:, None]], dim=1), last])
    return torch.cat([share.tokens[:, None], columns], dim=1).to(torch.int32)


def shares_of(rows: Tensor, vocabulary: int) -> Iterator[Share]:
    """The shares that lie one after another in rows of `rows_of`. Raises ValueError for what are none, or name tokens
    that a model of this vocabulary has not."""
    if rows.ndim != 2 or rows.shape[1:] != (4,) or rows.dtype != torch.int32:
        raise ValueError(f"rows {list(rows.shape)} {rows.dtype}")
    ends = (rows[:, 3] < 0).nonzero()[:, 0].tolist()
    if len(rows) and (not ends or ends[-1] != len(rows) - 1):
        raise ValueError("the last share has no end")
    if bool(((rows[:, :3] < 0) | (rows[:, :3] >= vocabulary)).any()) or bool((rows[:, 3] > PARTS).any()):
        raise ValueError("what is no token, or too much")
    begun = 0
    for end in ends:
        part = rows[begun : end + 1].long()
        yield Share(part[:, 0], part[:-1, 1:3], part[:-1, 3])
        begun = end + 1


# ---- writing


def initial_state(cells: int = CELLS) -> SessionState:
    """Knows nothing. `cells`: a power of two, at least WAYS."""
    return SessionState(torch.zeros(cells, dtype=torch.int32), torch.zeros(cells, dtype=torch.int64))


def amounts_of(nats_n: Tensor) -> Tensor:
    """How much of each token is written: its momentary surprise 1 - p, in whole parts."""
    return ((1 - (-nats_n.double()).exp()) * PARTS).round().long().clamp(0, PARTS)


def written(state: SessionState, share: Share, times: int = 1) -> SessionState:
    """The state with a document's share in it; `times` = -1: without it, to the bit as if it never had been."""
    made = SessionState(state.amounts.clone(), state.labels.clone())
    _write(made, keys_of(share.tokens[:-1], share.guesses), share.tokens[1:], share.amounts * times)
    return made


def without(state: SessionState, share: Share) -> SessionState:
    return written(state, share, -1)


def merged(first: SessionState, second: SessionState) -> SessionState:
    """What reading both came to. The sizes must be equal."""
    return SessionState(first.amounts + second.amounts, first.labels + second.labels)


def _mixed(x: Tensor) -> Tensor:
    """splitmix64's finaliser: every bit of the result depends on every bit of `x` (int64, modulo 2^64)."""
    x = (x ^ ((x >> 30) & ((1 << 34) - 1))) * _MULTIPLIERS[0]
    x = (x ^ ((x >> 27) & ((1 << 37) - 1))) * _MULTIPLIERS[1]
    return x ^ ((x >> 31) & ((1 << 33) - 1))


def keys_of(tokens_n: Tensor, guesses_n2: Tensor) -> Tensor:
    """[n, O] int64: under which keys what follows each token is written and sought; 0 where there is none yet.

    `tokens_n` are a document's from its beginning.
    """
    n = len(tokens_n)

    def back(by: int) -> Tensor:
        return torch.cat([torch.zeros(min(by, n), dtype=torch.long), tokens_n[: max(0, n - by)] + 1])

    def key(kind: int, *parts: Tensor) -> Tensor:
        made = torch.full((n,), kind, dtype=torch.long)
        for part in parts:
            made = _mixed(made * 31 + part)
        return made

    made = []
    for length in LENGTHS:
        last = key(length, *(back(by) for by in range(length)))
        last[: length - 1] = 0
        made.append(last)
    first, second = guesses_n2.unbind(-1)
    made += [
        key(101, first, tokens_n),
        key(102, first, second),
        key(103, tokens_n, back(2)),
        key(104, first, back(1)),
        key(105, first, second, tokens_n),
        key(106, first),
    ]
    return torch.stack(made, dim=-1)


def _row(keys: Tensor, cells: int) -> Tensor:
    """The first cell of each key's row."""
    return (keys & (cells // WAYS - 1)) * WAYS


def _checksum(keys: Tensor, ids: Tensor) -> Tensor:
    return _mixed(keys ^ (ids + 1)) & ((1 << _CHECK_BITS) - 1)


def _write(state: SessionState, keys_nO: Tensor, next_n: Tensor, amounts_n: Tensor) -> None:
    """In place."""
    token, key = ((keys_nO != 0) & (amounts_n != 0)[:, None]).nonzero(as_tuple=True)
    chosen, came, much = keys_nO[token, key], next_n[token], amounts_n[token]
    where = _row(chosen, len(state.amounts)) + (_mixed(came) & (WAYS - 1))
    label = (_checksum(chosen, came) << _ID_BITS) + came
    state.amounts.index_add_(0, where, much.to(torch.int32))
    state.labels.index_add_(0, where, label * much)


# ---- reading


def _read(state: SessionState, keys_nO: Tensor, vocabulary: int) -> _Answers:
    """A label that was taken for one by chance may name any number: what is no token is no answer."""
    where = _row(keys_nO, len(state.amounts))[..., None] + torch.arange(WAYS)
    amounts, labels = state.amounts[where].long(), state.labels[where]
    divisor = amounts.clamp(min=1)
    label = torch.div(labels, divisor, rounding_mode="floor")
    ids = label & ((1 << _ID_BITS) - 1)
    sound = (amounts > 0) & (label * divisor == labels) & (label >> _ID_BITS == _checksum(keys_nO[..., None], ids))
    sound &= (keys_nO != 0)[..., None] & (ids < vocabulary)
    ids = torch.where(sound, ids, -1)
    return _Answers(ids.flatten(1), torch.where(sound, amounts, 0).flatten(1))


class ModelOutputs(NamedTuple):
    """What the frozen model alone makes of a document of n + 1 tokens."""

    tokens: Tensor  # [n + 1] int64
    guesses: Tensor  # [n, 2] int64: its two likeliest next tokens
    sure: Tensor  # [n] log-probability of the first of them
    nats: Tensor  # [n] its loss
    vocabulary: int  # tokens are below it
    log_p: Callable[[Tensor, Tensor], Tensor]  # (which predicted tokens [m], ids [m]) -> log-probabilities [m]

    @property
    def share(self) -> Share:
        return Share(self.tokens, self.guesses, amounts_of(self.nats))


class _Tally:
    """How often each key has answered in this document so far, and how often it was right."""

    def __init__(self) -> None:
        self.guesses = torch.zeros(KEYS)
        self.right = torch.zeros(KEYS)

    def count(self, answers: _Answers, next_n: Tensor) -> None:
        guessed = (answers.ids >= 0).view(-1, KEYS, WAYS)
        right = (answers.ids == next_n[:, None]).view(-1, KEYS, WAYS)
        self.guesses += guessed.any(2).sum(0)
        self.right += right.any(2).sum(0)


def read_on(state: SessionState, seen: ModelOutputs, *, write: bool = True) -> Iterator[KeyEvidence]:
    """The memory's evidence on a document, `SEGMENT` predicted tokens at a time, each read before it is written.

    `state` is changed in place, if `write`. What is told of a token depends on earlier segments alone, and on the
    model's own view of the tokens before it.
    """
    keys, came, amounts = keys_of(seen.tokens[:-1], seen.guesses), seen.tokens[1:], amounts_of(seen.nats)
    tally = _Tally()
    for start in range(0, len(came), SEGMENT):
        part = slice(start, start + SEGMENT)
        answers = _read(state, keys[part], seen.vocabulary)
        yield _evidence(answers, tally, seen, start)
        tally.count(answers, came[part])
        if write:
            _write(state, keys[part], came[part], amounts[part])


def _evidence(answers: _Answers, tally: _Tally, seen: ModelOutputs, start: int) -> KeyEvidence:
    token, answer = (answers.ids >= 0).nonzero(as_tuple=True)
    named = answers.ids[token, answer]
    pairs, which = torch.unique((token << _ID_BITS) + named, return_inverse=True)
    at, ids = pairs >> _ID_BITS, pairs & ((1 << _ID_BITS) - 1)
    key = answer // WAYS
    for_it = torch.zeros(len(pairs), KEYS, dtype=torch.long)
    for_it.index_put_((which, key), answers.amounts[token, answer], accumulate=True)
    for_any = answers.amounts.view(-1, KEYS, WAYS).sum(2)[at]
    came = ids == seen.tokens[1 + start :][at]
    at = at + start
    log_p = torch.where(came, -seen.nats[at], seen.log_p(at, ids)).clamp(max=0.0)
    much, all_of_it = for_it.float() / PARTS, for_any.float() / PARTS
    features = [
        torch.log1p(2 * much),
        much / (all_of_it + 0.5),
        torch.log1p(2 * all_of_it),
        (3 * (tally.right + 0.5) / (tally.guesses + 3)).expand(len(at), -1),
        (torch.log1p(tally.guesses) / 6).expand(len(at), -1),
        log_p.clamp(min=-20)[:, None] / 5,
        seen.sure[at][:, None],
    ]
    return KeyEvidence(at, torch.cat(features, dim=1), log_p, came)


class SessionGate(nn.Module):
    """How far a named token's logit moves, by what the memory says of it. Untrained it moves none."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.inner = nn.Linear(FEATURES, hidden)
        self.outer = nn.Linear(hidden, 1)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, features_mF: Tensor) -> Tensor:
        moved: Tensor = self.outer(F.gelu(self.inner(features_mF)))[:, 0]
        return moved.clamp(-_LOUDEST, _LOUDEST)

    def change(self, evidence: KeyEvidence, n: int) -> Tensor:
        """By how many nats the loss of each of `n` predicted tokens changes; zero where the memory is silent.

        log q(x) = log p(x) + b(x) - log(1 + sum over named v of p(v) (exp(b(v)) - 1))
        """
        bias = self(evidence.features)
        zero = torch.zeros(n, dtype=bias.dtype)
        more = zero.index_add(0, evidence.at, evidence.log_p.exp() * torch.expm1(bias))
        came = zero.index_add(0, evidence.at, bias * evidence.came)
        return torch.log1p(more.clamp(min=-0.9999)) - came
