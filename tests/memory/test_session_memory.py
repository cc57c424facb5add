"""The memory of a session: exact, of a fixed size, causal, and nothing at all when empty."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from titans_cli.memory import session
from titans_cli.memory.session import ModelOutputs, SessionGate, SessionState

VOCABULARY, CELLS = 50, 1 << 12


def document(seed: int, length: int = 300, repeats: int = 3) -> ModelOutputs:
    """Random tokens, said again and again, before a model that has one fixed random distribution for each token."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(VOCABULARY, (length // repeats,), generator=generator).repeat(repeats)
    table = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    rows = table[tokens[:-1]]
    best = rows.topk(2)

    def log_p(at: Tensor, ids: Tensor) -> Tensor:
        return rows[at, ids]

    nats = -rows.gather(1, tokens[1:, None])[:, 0]
    return ModelOutputs(tokens, best.indices, best.values[:, 0], nats, VOCABULARY, log_p)


def read(
    seen: ModelOutputs, state: SessionState | None = None, gate: SessionGate | None = None
) -> tuple[SessionState, Tensor]:
    state = session.initial_state(CELLS) if state is None else SessionState(*(part.clone() for part in state))
    gate = gate or talkative()
    with torch.no_grad():
        change = sum(gate.change(evidence, len(seen.nats)) for evidence in session.read_on(state, seen))
    assert isinstance(change, Tensor)
    return state, seen.nats + change


def talkative() -> SessionGate:
    torch.manual_seed(1)
    gate = SessionGate()
    torch.nn.init.normal_(gate.outer.weight)
    return gate


def same(a: SessionState, b: SessionState) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_document_is_subtracted_to_the_last_bit() -> None:
    state, _ = read(document(1))
    more, _ = read(document(2), state)
    assert not same(state, more)
    assert same(session.without(more, document(2).share), state)
    assert same(
        session.without(session.without(more, document(1).share), document(2).share), session.initial_state(CELLS)
    )


def test_the_order_of_documents_does_not_matter_and_memories_add_up() -> None:
    one, two = document(1), document(2)
    first, second = read(two, read(one)[0])[0], read(one, read(two)[0])[0]
    assert same(first, second)
    assert same(first, session.merged(read(one)[0], read(two)[0]))


def test_reading_on_writes_the_share_of_the_document_and_nothing_else() -> None:
    seen = document(3)
    assert same(read(seen)[0], session.written(session.initial_state(CELLS), seen.share))


def test_the_size_is_fixed_and_an_overfull_memory_falls_silent() -> None:
    small = session.initial_state(1 << 6)
    for seed in range(4):
        small, _ = read(document(seed, repeats=1), small)
    assert [len(part) for part in small] == [1 << 6, 1 << 6]
    spoken = [len(evidence.at) for evidence in session.read_on(small, document(9), write=False)]
    roomy = session.initial_state(1 << 16)
    for seed in range(4):
        roomy, _ = read(document(seed, repeats=1), roomy)
    assert sum(spoken) < sum(len(e.at) for e in session.read_on(roomy, document(9), write=False)) / 2


def test_an_empty_memory_changes_no_bit() -> None:
    seen = document(4, length=session.SEGMENT, repeats=1)  # a segment is read before any of it is written
    assert torch.equal(read(seen)[1], seen.nats)


def test_an_untrained_gate_changes_nothing() -> None:
    seen = document(5)
    state, _ = read(seen)
    _, nats = read(seen, state, SessionGate())
    assert torch.allclose(nats, seen.nats, atol=1e-6)


def test_what_was_read_before_is_known_again() -> None:
    seen = document(6, length=200, repeats=1)
    state, _ = read(seen)
    evidence = list(session.read_on(state, seen, write=False))
    known = torch.cat([e.at[e.came] for e in evidence])
    surprising = (seen.share.amounts > 0).nonzero()[:, 0]
    found = torch.isin(surprising, known).float().mean()
    assert found > 0.95


def test_what_was_predicted_needs_no_remembering() -> None:
    sure = torch.tensor([1e-4, 0.05, 0.1, 2.0, 30.0])
    assert session.amounts_of(sure).tolist() == [0, 0, 1, 7, 8]


@pytest.mark.parametrize("changed", [5, 130, 250])
def test_no_token_helps_to_predict_itself_or_one_before_it(changed: int) -> None:
    seen = document(7)
    before, _ = read(document(8))
    tokens = seen.tokens.clone()
    tokens[changed] = (tokens[changed] + 1) % VOCABULARY
    table = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    rows = table[tokens[:-1]]
    best = rows.topk(2)
    other = ModelOutputs(
        tokens,
        best.indices,
        best.values[:, 0],
        -rows.gather(1, tokens[1:, None])[:, 0],
        VOCABULARY,
        lambda at, ids: rows[at, ids],
    )
    a, b = read(seen, before)[1], read(other, before)[1]
    assert torch.equal(a[: changed - 1], b[: changed - 1])
    assert not torch.equal(a, b)


def test_probabilities_still_sum_to_one() -> None:
    state, _ = read(document(10))
    seen = document(10, length=30, repeats=1)
    gate, total = talkative(), torch.zeros(len(seen.nats), dtype=torch.float64)
    table = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    (evidence,) = session.read_on(state, seen, write=False)
    ids = named(state, seen)
    assert len(ids)
    with torch.no_grad():
        for token in range(VOCABULARY):
            nats = -table[seen.tokens[:-1], token]
            total += (-(nats + gate.change(evidence._replace(came=ids == token), len(nats)))).double().exp()
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5)


def named(state: SessionState, seen: ModelOutputs) -> Tensor:
    """The ids that the memory names, in the order of its evidence."""
    asked = list[Tensor]()

    def log_p(at: Tensor, ids: Tensor) -> Tensor:
        asked.append(ids)
        return seen.log_p(at, ids)

    list(session.read_on(state, seen._replace(log_p=log_p), write=False))
    return torch.cat(asked)


def test_frequent_writes_wrap_and_are_still_taken_away_exactly() -> None:
    tokens = torch.zeros(3, dtype=torch.long)
    share = session.Share(tokens, torch.zeros(2, 2, dtype=torch.long), torch.full((2,), session.PARTS))
    empty = session.initial_state(CELLS)
    often = session.written(empty, share, times=1 << 30)
    assert same(session.written(often, share, times=-(1 << 30)), empty)
    assert math.isfinite(float(often.labels.double().abs().max()))


def test_a_share_is_kept_as_rows_and_rows_that_are_none_are_refused() -> None:
    shares = [document(seed).share for seed in (11, 12)]
    rows = torch.cat([session.rows_of(share) for share in shares])
    assert rows.dtype == torch.int32
    found = list(session.shares_of(rows, VOCABULARY))
    assert all(torch.equal(x, y) for a, b in zip(found, shares, strict=True) for x, y in zip(a, b, strict=True))
    beyond = rows.clone()
    beyond[3, 0] = VOCABULARY
    loud = rows.clone()
    loud[3, 3] = session.PARTS + 1
    for wrong in (rows[:-1], rows[:, :3], rows.long(), beyond, loud):
        with pytest.raises(ValueError, match=r"rows|no end|no token"):
            list(session.shares_of(wrong, VOCABULARY))
    assert not list(session.shares_of(rows[:0], VOCABULARY))


def test_what_is_no_token_is_no_answer() -> None:
    seen = document(13)
    state, _ = read(seen)
    few = list(session.read_on(state, seen._replace(vocabulary=10), write=False))
    assert len(torch.cat([e.at for e in few])) < len(
        torch.cat([e.at for e in session.read_on(state, seen, write=False)])
    )
