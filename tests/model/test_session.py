"""A language model that reads on with the memory of its session: without one it is itself, and with one it learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.model.backbones import VOCABULARY, backbone, checkpoint
from tests.model.gates import believing
from titans_cli.errors import IncompatibleError, ModelError
from titans_cli.memory.session import SessionGate, SessionState
from titans_cli.model.reader import sketch
from titans_cli.model.session import SessionReader, load_gate, load_session_reader, save_gate
from titans_cli.model.tokenizer import TitansTokenizer


def reader(gate: SessionGate | None = None) -> SessionReader:
    return SessionReader(backbone("llama"), None, gate or SessionGate(), cells=1 << 12)


def tokens_of(seed: int, count: int = 90) -> list[int]:
    return torch.randint(2, VOCABULARY, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def test_what_is_looked_at_is_the_loss_of_the_model_itself() -> None:
    tokens = tokens_of(1)
    ours = reader()
    logits = backbone("llama")(torch.tensor([tokens])).logits[0, :-1].detach()
    expected = cross_entropy(logits, torch.tensor(tokens[1:]), reduction="none")
    looked = ours.look(tokens)
    assert torch.allclose(looked["nats"], expected, atol=1e-4)
    assert torch.equal(looked["nats"], ours.plain(tokens))
    assert torch.equal(looked["guesses"][:, 0], logits.argmax(-1))


@pytest.mark.parametrize("count", [2, 32, 33, 56, 57, 90])
def test_windows_cover_every_token_once(count: int) -> None:
    tokens, ours = tokens_of(2, count), reader()
    looked = ours.look(tokens, window=32, stride=24)
    assert looked["nats"].shape == (count - 1,)
    start = max(0, (count - 2 - 8) // 24 * 24)  # of the last window
    logits = backbone("llama")(torch.tensor([tokens[start : start + 32]])).logits[0]
    expected = cross_entropy(logits[count - 2 - start][None].detach(), torch.tensor(tokens[-1:]))
    assert looked["nats"][-1] == pytest.approx(float(expected), abs=1e-4)


def test_a_session_reads_the_same_again_with_less_surprise() -> None:
    ours = reader(believing())
    looked = ours.look(tokens_of(3))
    state, first = ours.read_on(ours.initial_state(), looked)
    again, second = ours.read_on(state, looked, write=False)
    assert torch.equal(first, looked["nats"])  # nothing was known of it
    assert second.mean() < first.mean() - 0.5
    assert again is state
    other = ours.look(tokens_of(4))
    assert abs(float(ours.read_on(state, other, write=False)[1].mean() / other["nats"].mean()) - 1) < 0.02


def test_reading_leaves_the_state_that_went_in_as_it_was() -> None:
    ours = reader(believing())
    empty = ours.initial_state()
    state, _ = ours.read_on(empty, ours.look(tokens_of(5)))
    assert not any(part.any() for part in empty)
    assert any(part.any() for part in state)


def test_reading_is_resumed_byte_for_byte() -> None:
    def bytes_of(state: SessionState) -> bytes:
        return b"".join(part.numpy().tobytes() for part in state)

    ours = reader(believing())
    state, _ = ours.read_on(ours.initial_state(), ours.look(tokens_of(6)))
    kept = SessionState(*(torch.frombuffer(bytearray(p.numpy().tobytes()), dtype=p.dtype) for p in state))
    looked = ours.look(tokens_of(7))
    (a, nats), (b, again) = ours.read_on(state, looked), ours.read_on(kept, looked)
    assert bytes_of(a) == bytes_of(b)
    assert torch.equal(nats, again)


def test_weights_of_a_gate_come_back_and_know_their_model(tmp_path: Path, tiny_tokenizer: TitansTokenizer) -> None:
    folder, file = checkpoint(tmp_path / "model", tiny_tokenizer), tmp_path / "session.safetensors"
    save_gate(file, believing(), sketch(backbone("llama")), {"steps": 1})
    loaded = load_session_reader(folder, file)
    assert torch.equal(loaded.gate.inner.weight, believing().inner.weight)
    assert loaded.encode("a mill") == tiny_tokenizer.backend.encode("a mill").ids
    with pytest.raises(IncompatibleError, match="another model's"):
        load_gate(file, sketch(backbone("llama", seed=9)))
    with pytest.raises(IncompatibleError):  # what is shipped is SmolLM2's
        load_session_reader(folder)
    file.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        load_session_reader(folder, file)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_session_reader(tmp_path / "nowhere")
