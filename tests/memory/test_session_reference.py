"""The memory of a session beside its formulas, worked out a number at a time in Python's integers and floats."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import torch
from torch.nn import functional as fn

from tests.memory.test_session_memory import CELLS, VOCABULARY, document
from titans_cli.memory import session
from titans_cli.memory.session import KEYS, LENGTHS, PARTS, SEGMENT, WAYS, ModelOutputs, SessionGate, SessionState

IDS, CHECKS = 1 << 20, 1 << 22  # a label is a checksum below the second, times the first, and a token's id


def mixed(x: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    x %= 1 << 64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % (1 << 64)
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % (1 << 64)
    return x ^ (x >> 31)


def hashed(kind: int, *parts: int) -> int:
    """Numbers in a row, the kind first; as 64 bits with a sign."""
    value = kind
    for part in parts:
        value = mixed(value * 31 + part)
    return value - (1 << 64) if value >> 63 else value


def keys_at(t: int, tokens: list[int], guesses: list[list[int]]) -> list[int]:
    """Tokens of before are counted from 1, and 0 stands where the document has not begun."""
    before = [tokens[t - by] + 1 if t >= by else 0 for by in range(max(LENGTHS))]
    last = [hashed(length, *before[:length]) if t >= length - 1 else 0 for length in LENGTHS]
    (first, second), token = guesses[t], tokens[t]
    return [
        *last,
        hashed(101, first, token),
        hashed(102, first, second),
        hashed(103, token, before[2]),
        hashed(104, first, before[1]),
        hashed(105, first, second, token),
        hashed(106, first),
    ]


def label_of(key: int, token: int) -> int:
    return mixed(key ^ (token + 1)) % CHECKS * IDS + token


def row_of(key: int, cells: int) -> int:
    return key % (cells // WAYS) * WAYS


class Sums:
    """Cells as they fill: how much, and how much times its label."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.amounts, self.labels = [0] * cells, [0] * cells

    def write(self, key: int, token: int, amount: int) -> None:
        if key and amount:
            at = row_of(key, self.cells) + mixed(token) % WAYS
            self.amounts[at] += amount
            self.labels[at] += label_of(key, token) * amount

    def answers(self, key: int) -> Iterator[tuple[int, int]]:
        """Each token that one of the key's cells names, and how much was written of it there."""
        row = row_of(key, self.cells)
        for amount, labels in zip(self.amounts[row : row + WAYS], self.labels[row : row + WAYS], strict=True):
            if key and amount > 0 and labels % amount == 0:
                token = labels // amount % IDS
                if token < VOCABULARY and labels // amount == label_of(key, token):
                    yield token, amount


class NamedToken(NamedTuple):
    at: int
    token: int
    features: list[float]


def evidence_of(sums: Sums, seen: ModelOutputs) -> Iterator[list[NamedToken]]:
    """What `read_on` is to give, a segment at a time."""
    tokens, guesses = seen.tokens.tolist(), seen.guesses.tolist()
    keys = [keys_at(t, tokens, guesses) for t in range(len(tokens) - 1)]
    amounts = [round((1 - math.exp(-nats)) * PARTS) for nats in seen.nats.double().tolist()]
    asked, right = [0] * KEYS, [0] * KEYS
    for start in range(0, len(keys), SEGMENT):
        segment = range(start, min(start + SEGMENT, len(keys)))
        answers = {(t, k): list(sums.answers(keys[t][k])) for t in segment for k in range(KEYS)}
        rows = []
        for t in segment:
            named = defaultdict[int, list[int]](lambda: [0] * KEYS)
            for k in range(KEYS):
                for token, amount in answers[t, k]:
                    named[token][k] += amount
            whole = [sum(amount for _, amount in answers[t, k]) / PARTS for k in range(KEYS)]
            for token, mine in sorted(named.items()):
                much = [amount / PARTS for amount in mine]
                log_p = float(seen.log_p(torch.tensor([t]), torch.tensor([token])))
                features = [
                    *(math.log1p(2 * x) for x in much),
                    *(x / (y + 0.5) for x, y in zip(much, whole, strict=True)),
                    *(math.log1p(2 * y) for y in whole),
                    *(3 * (r + 0.5) / (a + 3) for r, a in zip(right, asked, strict=True)),
                    *(math.log1p(a) / 6 for a in asked),
                    max(log_p, -20.0) / 5,
                    float(seen.sure[t]),
                ]
                rows.append(NamedToken(t, token, features))
        yield rows
        for t in segment:
            for k in range(KEYS):
                asked[k] += bool(answers[t, k])
                right[k] += any(token == tokens[t + 1] for token, _ in answers[t, k])
                sums.write(keys[t][k], tokens[t + 1], amounts[t])


def test_the_reference_mixes_as_the_published_generator_does() -> None:
    """Its first number from seed 0."""
    assert mixed(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF


@pytest.mark.parametrize("length", [1, 2, 3, 7, 40])
def test_a_key_is_a_hash_of_its_kind_and_of_what_it_is_made_of(length: int) -> None:
    tokens = torch.randint(1 << 19, (length,), generator=torch.Generator().manual_seed(length))
    guesses = torch.randint(1 << 19, (length, 2), generator=torch.Generator().manual_seed(length + 1))
    keys = session.keys_of(tokens, guesses)
    assert keys.shape == (length, KEYS)
    assert keys.tolist() == [keys_at(t, tokens.tolist(), guesses.tolist()) for t in range(length)]


def test_what_is_written_is_a_sum_of_amounts_and_one_of_labels() -> None:
    share = document(21).share
    state, sums = session.written(session.initial_state(CELLS), share, times=3), Sums(CELLS)
    tokens, guesses = share.tokens.tolist(), share.guesses.tolist()
    for t, amount in enumerate(share.amounts.tolist()):
        for key in keys_at(t, tokens, guesses):
            sums.write(key, tokens[t + 1], 3 * amount)
    assert state.amounts.tolist() == sums.amounts
    assert state.labels.tolist() == sums.labels


@pytest.mark.parametrize("cells", [1 << 8, CELLS, 1 << 14], ids=["nearly all silent", "some silent", "hardly any"])
def test_what_is_read_is_what_the_cells_name_and_how_it_was_so_far(cells: int) -> None:
    sums, state, count = Sums(cells), session.initial_state(cells), 0
    for seed in (21, 22, 21):
        seen = document(seed, length=330)
        for evidence, rows in zip(session.read_on(state, seen), evidence_of(sums, seen), strict=True):
            count += len(rows)
            assert evidence.at.tolist() == [row.at for row in rows]
            came = [row.token == int(seen.tokens[row.at + 1]) for row in rows]
            assert evidence.came.tolist() == came
            expected = torch.tensor([row.features for row in rows]).view(-1, session.FEATURES)
            assert torch.allclose(evidence.features, expected, atol=1e-5)
            tokens = torch.tensor([row.token for row in rows], dtype=torch.long)
            assert torch.allclose(evidence.log_p, seen.log_p(evidence.at, tokens), atol=1e-6)
    assert count
    assert state.amounts.tolist() == sums.amounts


def test_cells_that_hold_anything_but_one_label_are_silent() -> None:
    """As after a document was taken away that never was written, or two labels met."""
    seen = document(23, length=90)
    state = session.written(session.initial_state(CELLS), seen.share)
    for spoilt in (
        session.without(session.initial_state(CELLS), seen.share),  # amounts below zero
        state._replace(labels=state.labels + 1),
        state._replace(labels=state.labels * 2),
        state._replace(labels=-state.labels),
        state._replace(amounts=torch.zeros_like(state.amounts)),
    ):
        assert not sum(len(evidence.at) for evidence in session.read_on(spoilt, seen, write=False))
    assert sum(len(evidence.at) for evidence in session.read_on(state, seen, write=False))


def test_an_eighth_of_surprise_is_written_and_read() -> None:
    """One part in a cell: the least that there is. The last token of a vocabulary is one, and the next is none."""
    vocabulary = 10
    tokens, guesses = torch.tensor([3, vocabulary - 1]), torch.tensor([[1, 2]])
    state = session.written(session.initial_state(CELLS), session.Share(tokens, guesses, torch.tensor([1])))
    assert sorted(set(state.amounts.tolist())) == [0, 1]
    assert int(state.amounts.sum()) == len([key for key in keys_at(0, [3], [[1, 2]]) if key])
    nats = torch.ones(1)
    seen = ModelOutputs(tokens, guesses, -nats, nats, vocabulary, lambda at, ids: -torch.ones(len(at)))
    (evidence,) = session.read_on(state, seen, write=False)
    assert evidence.came.tolist() == [True]
    assert float(evidence.features[0, 0]) == pytest.approx(math.log1p(2 / PARTS))
    (nothing,) = session.read_on(state, seen._replace(vocabulary=vocabulary - 1), write=False)
    assert not len(nothing.at)


def test_of_what_came_the_models_own_loss_is_taken() -> None:
    """To the bit, and never a probability above 1; for what did not come the model is asked."""
    seen = document(24)
    state = session.written(session.initial_state(CELLS), seen.share)
    asked = seen._replace(log_p=lambda at, ids: torch.full((len(at),), 1e-3))
    count = 0
    for evidence in session.read_on(state, asked, write=False):
        count += int(evidence.came.sum())
        assert torch.equal(evidence.log_p[evidence.came], -seen.nats[evidence.at[evidence.came]])
        assert not bool(evidence.log_p[~evidence.came].any())
    assert count


def test_a_very_unlikely_token_is_told_as_one_of_twenty_nats() -> None:
    seen = document(25)
    state = session.written(session.initial_state(CELLS), seen.share)
    asked = seen._replace(log_p=lambda at, ids: torch.full((len(at),), -50.0))
    evidence = next(session.read_on(state, asked, write=False))
    assert torch.equal(evidence.features[~evidence.came, -2], torch.full((int((~evidence.came).sum()),), -4.0))


def test_reading_without_writing_leaves_the_state() -> None:
    seen = document(26)
    state = session.initial_state(CELLS)
    list(session.read_on(state, seen, write=False))
    assert not any(bool(part.any()) for part in state)
    list(session.read_on(state, seen))
    assert bool(state.amounts.any())


def test_an_empty_memory_has_so_many_cells_of_zeros() -> None:
    for cells, state in ((session.CELLS, session.initial_state()), (WAYS, session.initial_state(WAYS))):
        assert [(part.dtype, part.tolist() if cells == WAYS else not part.any()) for part in state] == [
            (torch.int32, [0] * WAYS if cells == WAYS else True),
            (torch.int64, [0] * WAYS if cells == WAYS else True),
        ]
        assert [len(part) for part in state] == [cells, cells]


def test_the_rows_of_a_share_are_its_tokens_guesses_and_amounts() -> None:
    share = session.Share(torch.tensor([7, 8, 9]), torch.tensor([[1, 2], [3, 4]]), torch.tensor([5, PARTS]))
    rows = session.rows_of(share)
    assert rows.tolist() == [[7, 1, 2, 5], [8, 3, 4, PARTS], [9, 0, 0, -1]]
    (back,) = session.shares_of(rows, 10)
    assert [part.dtype for part in back] == [torch.int64] * 3
    assert [part.tolist() for part in back] == [part.tolist() for part in share]
    (least,) = session.shares_of(rows[2:], 10)  # a document of one token predicts nothing
    assert [len(part) for part in least] == [1, 0, 0]


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        ((0, 0), 10, "what is no token, or too much"),
        ((0, 0), -1, "what is no token, or too much"),
        ((0, 1), 10, "what is no token, or too much"),
        ((1, 2), 10, "what is no token, or too much"),
        ((1, 2), -1, "what is no token, or too much"),
        ((0, 3), PARTS + 1, "what is no token, or too much"),
        ((2, 3), 0, "the last share has no end"),
    ],
)
def test_rows_with_one_number_wrong_are_refused(at: tuple[int, int], value: int, why: str) -> None:
    share = session.Share(torch.tensor([7, 8, 9]), torch.tensor([[1, 2], [3, 4]]), torch.tensor([5, PARTS]))
    rows = session.rows_of(share)
    assert list(session.shares_of(rows, 10))
    rows[at] = value
    with pytest.raises(ValueError, match=f"^{why}$"):
        list(session.shares_of(rows, 10))


def test_rows_of_another_shape_or_kind_are_named() -> None:
    for rows, why in (
        (torch.zeros(2, 3, dtype=torch.int32), r"^rows \[2, 3\] torch.int32$"),
        (torch.zeros(4, dtype=torch.int32), r"^rows \[4\] torch.int32$"),
        (torch.zeros(1, 4, 1, dtype=torch.int32), r"^rows \[1, 4, 1\] torch.int32$"),
        (torch.zeros(2, 4), r"^rows \[2, 4\] torch.float32$"),
    ):
        with pytest.raises(ValueError, match=why):
            list(session.shares_of(rows, 10))


def test_a_gate_moves_a_logit_by_two_layers_and_by_eight_nats_at_most() -> None:
    torch.manual_seed(2)
    gate = SessionGate(hidden=5).requires_grad_(False)
    assert gate.inner.weight.shape == (5, session.FEATURES)
    assert gate.outer.weight.shape == (1, 5)
    features = torch.randn(4, session.FEATURES)
    assert gate(features).tolist() == [0.0] * 4  # untrained
    torch.nn.init.normal_(gate.outer.weight)
    gate.outer.bias.fill_(0.25)
    expected = fn.gelu(features @ gate.inner.weight.mT + gate.inner.bias) @ gate.outer.weight[0] + 0.25
    assert torch.allclose(gate(features), expected, atol=1e-5)
    assert float(expected.abs().max()) < 8
    for loud, most in ((100.0, 8.0), (-100.0, -8.0)):
        gate.outer.bias.fill_(loud)
        assert gate(features).tolist() == [most] * 4
    assert SessionGate().inner.out_features == 32


def test_a_loss_changes_by_the_bias_of_what_came_and_by_what_the_named_ones_take() -> None:
    torch.manual_seed(3)
    gate = SessionGate().requires_grad_(False)
    torch.nn.init.normal_(gate.outer.weight)
    at, came = torch.tensor([0, 0, 2]), torch.tensor([True, False, False])
    features, log_p = torch.randn(3, session.FEATURES), torch.tensor([0.25, 0.5, 0.125]).log()
    bias = gate(features).tolist()
    change = gate.change(session.KeyEvidence(at, features, log_p, came), 4).tolist()
    taken = 0.25 * math.expm1(bias[0]) + 0.5 * math.expm1(bias[1])
    assert change == pytest.approx(
        [math.log1p(taken) - bias[0], 0.0, math.log1p(0.125 * math.expm1(bias[2])), 0.0], abs=1e-5
    )


def test_a_distribution_that_is_taken_away_whole_costs_a_finite_loss() -> None:
    """Rounding may give the named tokens more than 1 together, and the bias may take all of it."""
    gate = SessionGate().requires_grad_(False)
    gate.outer.bias.fill_(-100.0)
    evidence = session.KeyEvidence(
        torch.zeros(2, dtype=torch.long), torch.zeros(2, session.FEATURES), torch.zeros(2), torch.zeros(2).bool()
    )
    assert gate.change(evidence, 1).tolist() == pytest.approx([math.log(1e-4)], rel=1e-3)


def test_a_state_can_be_added_and_its_documents_taken_away_in_any_order() -> None:
    one, two = document(27).share, document(28).share
    empty = session.initial_state(CELLS)
    both = session.merged(session.written(empty, one), session.written(empty, two))
    assert isinstance(both, SessionState)
    for first, second in ((one, two), (two, one)):
        left = session.without(session.without(both, first), second)
        assert not any(bool(part.any()) for part in left)
