"""The engine: loading and its refusals, reading that changes only the state, recall that repeats itself."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import SPEC, make_sentences, padded, write_folder
from titans_cli.errors import DamagedError, IncompatibleError, ModelError
from titans_cli.memory.closed import cosines
from titans_cli.model.engine import BATCH, Cell, Engine, nearness
from titans_cli.model.interface import named_tensors
from titans_cli.model.network import TitansNetwork
from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.records import CLOSED, Page, Segment


def parameters_hash(engine: Engine) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(engine.network.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def same_bits(a: Cell, b: Cell) -> bool:
    one, other = named_tensors(a), named_tensors(b)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def copy_of(state: Cell) -> Cell:
    return Cell(state.weights.clone(), state.momentum.clone(), state.topics.clone())


def read_in(engine: Engine, segments: list[Segment], cuts: list[int]) -> tuple[Cell, list[float]]:
    """Read `segments` in batches of the given sizes."""
    assert sum(cuts) == len(segments)
    state, surprise, at = engine.initial_state(), list[float](), 0
    for size in cuts:
        result = engine.read(state, segments[at : at + size])
        state, at = result.state, at + size
        surprise += result.surprise
    return state, surprise


@pytest.fixture(scope="module")
def segments(tiny_engine: Engine) -> list[Segment]:
    """Twenty segments, of different lengths."""
    segments = tiny_engine.segments([Page(1, " ".join(make_sentences(80, seed=7)))])
    assert len(segments) >= 20
    return segments[:20]


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may spoil."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


# ---- reading


def test_reading_cut_at_the_same_places_gives_the_same_bits(tiny_engine: Engine, segments: list[Segment]) -> None:
    """What makes resuming exact: the state after a batch is all that the next one needs."""
    one, first = read_in(tiny_engine, segments, [BATCH, 20 - BATCH])
    two, second = read_in(tiny_engine, segments, [BATCH, 20 - BATCH])
    assert same_bits(one, two)
    assert first == second


def test_a_state_that_went_through_the_store_reads_on_to_the_same_bits(
    tiny_engine: Engine, segments: list[Segment]
) -> None:
    first = tiny_engine.read(tiny_engine.initial_state(), segments[:BATCH]).state
    stored = {
        name: torch.tensor(t.tolist(), dtype=t.dtype).reshape(t.shape)
        for name, t in tiny_engine.to_tensors(first).items()
    }
    again = tiny_engine.read(tiny_engine.from_tensors(stored), segments[BATCH:]).state
    assert same_bits(again, read_in(tiny_engine, segments, [BATCH, 20 - BATCH])[0])


def without_rehearsal(engine: Engine) -> Engine:
    network = TitansNetwork(replace(engine.spec, rehearsals=0))
    network.load_state_dict(engine.network.state_dict())
    return Engine(network, engine.tokenizer, engine.fingerprint, engine.name)


def test_reading_cut_elsewhere_gives_nearly_the_same_state(tiny_engine: Engine, segments: list[Segment]) -> None:
    engine = without_rehearsal(tiny_engine)
    one, first = read_in(engine, segments, [16, 4])
    for cuts in ([8, 12], [1] * 20, [20]):
        two, second = read_in(engine, segments, cuts)
        a, b = named_tensors(one), named_tensors(two)
        assert all(torch.allclose(a[name], b[name], atol=1e-5) for name in a)
        assert first == pytest.approx(second, abs=1e-4)


def test_reading_is_the_forward_pass_of_the_network_over_the_same_stream(
    tiny_engine: Engine, segments: list[Segment]
) -> None:
    engine = without_rehearsal(tiny_engine)
    tokens, mask = padded(segments[:6], engine.spec.segment_length)
    with torch.inference_mode():
        expected = engine.network(tokens[None], mask[None]).state
    read = engine.read(engine.initial_state(), segments[:6])
    assert all(torch.allclose(x, y, atol=1e-5) for x, y in zip(read.state.memory, expected, strict=True))


def test_rehearsing_is_writing_the_same_segments_again(tiny_engine: Engine, segments: list[Segment]) -> None:
    """And the first segment, which the later ones wore off, is known better for it."""
    engine = without_rehearsal(tiny_engine)
    once = engine.read(engine.initial_state(), segments[:8])
    twice = engine.read(once.state, segments[:8]).state
    rehearsed = tiny_engine.read(tiny_engine.initial_state(), segments[:8])
    assert torch.equal(rehearsed.state.weights, twice.weights)
    assert torch.equal(rehearsed.state.topics, once.state.topics)
    assert rehearsed.surprise == once.surprise
    assert tiny_engine.surprise(rehearsed.state, segments[:1]) < tiny_engine.surprise(once.state, segments[:1])


def test_of_many_cells_the_ones_that_hold_a_question_s_topic_are_read(
    tiny_engine: Engine, segments: list[Segment]
) -> None:
    """Topics are unit, one for every token worth noting; a cell is nearest to what it holds itself."""
    cells = [tiny_engine.read(tiny_engine.initial_state(), segments[i : i + 4]).state for i in range(0, 20, 4)]
    for i, cell in enumerate(cells):
        assert torch.allclose(cell.topics.float().norm(dim=-1), torch.ones(len(cell.topics)), atol=1e-3)
        assert int(nearness(cell.topics[0].float(), cells).argmax()) == i
    blank = tiny_engine.initial_state()
    assert nearness(cells[0].topics[0].float(), [blank]).tolist() == [0.0]


def test_a_question_is_answered_alike_wherever_its_cell_stands(tiny_engine: Engine, segments: list[Segment]) -> None:
    cells = [tiny_engine.read(tiny_engine.initial_state(), segments[i : i + 4]).state for i in range(0, 20, 4)]
    one, other = (tiny_engine.recall(order, "What does the paper show?") for order in (cells, cells[::-1]))
    assert one.text == other.text
    assert one.confidence == pytest.approx(other.confidence, rel=1e-4)


def test_reading_asking_and_recalling_leave_the_model_bit_identical(
    tiny_engine: Engine, segments: list[Segment]
) -> None:
    before = parameters_hash(tiny_engine)
    state = tiny_engine.read(tiny_engine.initial_state(), segments).state
    tiny_engine.landmark("Which method grows?")
    tiny_engine.recall([state], "Which method grows?")
    assert parameters_hash(tiny_engine) == before
    assert not any(p.requires_grad for p in tiny_engine.network.parameters())


def test_reading_leaves_the_state_it_was_given_as_it_was(tiny_engine: Engine, segments: list[Segment]) -> None:
    state = tiny_engine.read(tiny_engine.initial_state(), segments[:4]).state
    kept = copy_of(state)
    after = tiny_engine.read(state, segments[4:8]).state
    assert same_bits(state, kept)
    assert not torch.equal(state.weights, after.weights)


def test_recalling_is_read_only_and_repeats_itself(tiny_engine: Engine, segments: list[Segment]) -> None:
    state = tiny_engine.read(tiny_engine.initial_state(), segments).state
    kept = copy_of(state)
    first, second = (tiny_engine.recall([state], "What does the paper show?") for _ in range(2))
    assert first == second
    assert 0 < first.confidence <= 1
    assert same_bits(state, kept)


@pytest.mark.parametrize("question", ["", "?", "word " * 500, "\n\t", "<|answer|> <|end|>"])
def test_any_question_can_be_asked(tiny_engine: Engine, question: str) -> None:
    landmark = tiny_engine.landmark(question)
    assert landmark.shape == (tiny_engine.landmark_width,)
    assert float(landmark.norm()) == pytest.approx(1, abs=1e-5)
    assert tiny_engine.recall([], question).confidence > 0


def test_two_sessions_of_one_engine_do_not_meet(tiny_engine: Engine, segments: list[Segment]) -> None:
    """Interleaved, each ends where it ends alone."""
    a, b = segments[:8], segments[8:16]
    first, second = tiny_engine.initial_state(), tiny_engine.initial_state()
    for i in range(0, 8, 4):
        first = tiny_engine.read(first, a[i : i + 4]).state
        second = tiny_engine.read(second, b[i : i + 4]).state
    assert same_bits(first, read_in(tiny_engine, a, [4, 4])[0])
    assert same_bits(second, read_in(tiny_engine, b, [4, 4])[0])


def test_surprise_is_one_at_first_and_falls_when_a_text_is_read_again(
    tiny_engine: Engine, segments: list[Segment]
) -> None:
    first = tiny_engine.read(tiny_engine.initial_state(), segments[:1])
    second = tiny_engine.read(first.state, segments[:1])
    assert first.surprise[0] == pytest.approx(1, abs=1e-5)
    assert second.surprise[0] < 0.5
    assert torch.allclose(first.landmarks, second.landmarks)


def test_a_segment_of_one_token_is_read_without_harm(tiny_engine: Engine) -> None:
    state = tiny_engine.initial_state()
    result = tiny_engine.read(state, [Segment(0, 1, 0, 1, "a", (70,))])
    assert same_bits(result.state, state)
    assert result.surprise == [0.0]


# ---- states by name


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t | {"memory.weights": t["memory.weights"][:, :-2]},
        lambda t: t | {"memory.momentum": t["memory.momentum"].double()},
        lambda t: {"memory.weights": t["memory.weights"]},
        lambda t: {},
    ],
    ids=["narrower", "another precision", "no momentum", "nothing"],
)
def test_a_state_of_another_layout_is_refused(
    tiny_engine: Engine, spoil: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
) -> None:
    tensors = tiny_engine.to_tensors(tiny_engine.initial_state())
    with pytest.raises(IncompatibleError, match="another layout"):
        tiny_engine.from_tensors(spoil(tensors))


# ---- closing


def test_a_closed_cell_is_small_and_knows_what_it_knew(tiny_engine: Engine, segments: list[Segment]) -> None:
    state = tiny_engine.read(tiny_engine.initial_state(), segments[:8]).state
    kept = tiny_engine.closed(state, segments[:8])
    assert all(name.startswith(CLOSED) for name in kept)
    again = tiny_engine.from_tensors(kept)
    asked = again.topics[3].float()
    torch.testing.assert_close(
        cosines(tiny_engine.topics_of(kept), asked), again.topics.float() @ asked, atol=2e-3, rtol=0
    )
    assert torch.cosine_similarity(again.topics.float(), state.topics.float()).min() > 0.97
    knew, knows = (tiny_engine.surprise(cell, segments[:8]) for cell in (state, again))
    assert sum(knows) / 8 < sum(knew) / 8 + 0.1
    assert min(tiny_engine.surprise(tiny_engine.initial_state(), segments[:8])) > max(knows)


def test_closing_depends_on_state_and_text_alone(tiny_engine: Engine, segments: list[Segment], folder: Path) -> None:
    """Also in a process that has read something else since, or has read none of it."""
    state = tiny_engine.read(tiny_engine.initial_state(), segments[:8]).state
    first = tiny_engine.closed(state, segments[:8])
    tiny_engine.read(tiny_engine.initial_state(), segments[8:16])
    for engine in (tiny_engine, Engine.load(folder)):
        again = engine.closed(state, segments[:8])
        assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_cell_whose_topics_are_not_of_its_text_stays_open(tiny_engine: Engine, segments: list[Segment]) -> None:
    state = tiny_engine.read(tiny_engine.initial_state(), segments[:8]).state
    other = state._replace(topics=state.topics * 0.5)
    assert same_bits(tiny_engine.from_tensors(tiny_engine.closed(other, segments[:8])), other)


def test_a_closed_cell_of_another_layout_is_refused(tiny_engine: Engine, segments: list[Segment]) -> None:
    state = tiny_engine.read(tiny_engine.initial_state(), segments[:2]).state
    kept = tiny_engine.closed(state, segments[:2])
    one = next(iter(kept))
    for spoilt in (kept | {one: kept[one][:, :-1]}, {one: kept[one]}, kept | tiny_engine.to_tensors(state)):
        for opening in (tiny_engine.from_tensors, tiny_engine.topics_of):
            with pytest.raises(IncompatibleError, match="another layout"):
                opening(dict(spoilt))


# ---- loading


def test_loading_twice_gives_the_same_model_and_fingerprint(tiny_engine: Engine, tiny_folder: Path) -> None:
    again = Engine.load(tiny_folder)
    assert again.fingerprint == tiny_engine.fingerprint
    assert parameters_hash(again) == parameters_hash(tiny_engine)
    assert again.spec == SPEC
    assert again.name == str(tiny_folder.resolve())


def spoil_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_the_fingerprint_changes_with_any_of_the_files(
    tiny_engine: Engine, tiny_tokenizer: TitansTokenizer, folder: Path, tmp_path: Path
) -> None:
    seen = {tiny_engine.fingerprint}
    spoil_json(folder / "config.json", cell_segments=SPEC.cell_segments * 2)
    seen.add(Engine.load(folder).fingerprint)
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    seen.add(Engine.load(folder).fingerprint)
    seen.add(Engine.load(write_folder(tmp_path / "other", tiny_tokenizer, seed=1)).fingerprint)
    assert len(seen) == 4


def truncate(path: Path, keep: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


SPOILT: dict[str, Callable[[Path], object]] = {
    "no folder": shutil.rmtree,
    "no config": lambda f: (f / "config.json").unlink(),
    "no weights": lambda f: (f / "model.safetensors").unlink(),
    "no tokenizer": lambda f: (f / "tokenizer.json").unlink(),
    "truncated weights": lambda f: truncate(f / "model.safetensors", 0.7),
    "empty weights": lambda f: truncate(f / "model.safetensors", 0),
    "truncated config": lambda f: truncate(f / "config.json", 0.5),
    "config is a list": lambda f: (f / "config.json").write_text("[]", encoding="utf-8"),
    "config is a number": lambda f: (f / "config.json").write_text("3", encoding="utf-8"),
    "config is binary": lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"),
    "wrong shape": lambda f: spoil_json(f / "config.json", d_model=SPEC.d_model * 2),
    "another depth": lambda f: spoil_json(f / "config.json", lower_layers=3),
    "odd features": lambda f: spoil_json(f / "config.json", features=SPEC.features - 1),
    "a word for a width": lambda f: spoil_json(f / "config.json", d_model="wide"),
    "truncated tokenizer": lambda f: truncate(f / "tokenizer.json", 0.5),
    "tokenizer is binary": lambda f: (f / "tokenizer.json").write_bytes(b"\xff\xfe\x00"),
    "tokenizer of something else": lambda f: (f / "tokenizer.json").write_text('{"model": {"type": "BPE"}}'),
    "tokenizer with other special tokens": lambda f: (f / "tokenizer.json").write_text(
        (f / "tokenizer.json").read_text(encoding="utf-8").replace("<|answer|>", "<|other|>"), encoding="utf-8"
    ),
    "tokenizer larger than the model": lambda f: (f / "tokenizer.json").write_text(
        TitansTokenizer.train(make_sentences(400), SPEC.vocab_size + 9).backend.to_str(), encoding="utf-8"
    ),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_folder_that_is_not_a_whole_model_is_refused_with_a_hint(
    folder: Path, spoil: Callable[[Path], object]
) -> None:
    """The message names the folder or file, and the hint says what to give instead."""
    spoil(folder)
    with pytest.raises((ModelError, DamagedError)) as caught:
        Engine.load(folder)
    assert caught.value.subject is not None
    assert caught.value.subject.startswith(str(folder))
    assert caught.value.hint


def test_weights_saved_in_half_precision_run_in_single(folder: Path) -> None:
    from titans_cli.paper.hf import TitansForCausalLM

    TitansForCausalLM.from_pretrained(folder, dtype=torch.float16).save_pretrained(folder)
    assert load_file(folder / "model.safetensors")["network.embedding.weight"].dtype == torch.float16
    assert {p.dtype for p in Engine.load(folder).network.parameters()} == {torch.float32}


def test_a_smaller_tokenizer_than_the_model_has_room_for_is_fine(
    tiny_tokenizer: TitansTokenizer, tmp_path: Path
) -> None:
    roomy = replace(SPEC, vocab_size=SPEC.vocab_size + 64)
    assert Engine.load(write_folder(tmp_path / "roomy", tiny_tokenizer, roomy)).spec == roomy


def test_what_the_trunk_made_of_a_text_is_kept_while_it_is_put_to_many_cells(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate puts one text to every cell in turn with a passage of the cell's own: each is looked at once."""
    engine = Engine.load(tiny_folder)
    segments = engine.segments([Page(1, " ".join(make_sentences(200)))])[:6]
    cells = [engine.read(engine.initial_state(), [s]).state for s in segments[:4]]
    apart = [(engine.surprise(c, [s]), engine.surprise(c, segments[4:])) for c, s in zip(cells, segments, strict=False)]
    fresh, looked = Engine.load(tiny_folder), list[int]()
    trunk = fresh.network.trunk

    def counted(tokens: torch.Tensor) -> torch.Tensor:
        looked.append(len(tokens))
        return trunk(tokens)

    monkeypatch.setattr(fresh.network, "trunk", counted)
    again = [(fresh.surprise(c, [s]), fresh.surprise(c, segments[4:])) for c, s in zip(cells, segments, strict=False)]
    assert again == apart
    assert sorted(looked) == [1, 1, 1, 1, 2]
    assert fresh.surprise(fresh.initial_state(), segments) == [1.0] * 6
    assert len(looked) == 5  # nothing is known to a memory of nothing, whatever the segments say
