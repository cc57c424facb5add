"""A frozen language model that reads on with the memory of its session (memory/session.py): what it reads later it
predicts better for what it read before.

The forward pass does not depend on the memory, so a document goes through it once, in windows, and what the memory
says moves logits alone. A file of trained weights knows its model by a sketch of the model's weights (reader.py): the
registry's quantised copy and the hub's fit, another model does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from titans_cli.errors import IncompatibleError, ModelError
from titans_cli.memory.session import (
    CELLS,
    ModelOutputs,
    SessionGate,
    SessionState,
    initial_state,
    read_on,
    shares_of,
    without,
    written,
)
from titans_cli.model.known import SESSION_WEIGHTS, session_weights
from titans_cli.model.reader import LARGEST, load_backbone, sketch
from titans_cli.steps import Hint, NextStep

__all__ = [
    "SESSION_WEIGHTS",
    "ModelOutputs",
    "SessionReader",
    "SessionState",
    "load_gate",
    "load_session_reader",
    "save_gate",
    "session_reader",
    "shares_of",
    "without",
    "written",
]

WINDOW, STRIDE = 1024, 768  # tokens of a forward pass, and how many of them are new
WITHOUT = NextStep("config set", key="session_memory", value="false")
_ROWS = 256  # tokens whose logits are in memory at once


class SessionReader:
    """`model`: of transformers, with tied or untied head; `tokenizer` of the same; `gate` trained for it, or not at
    all, which leaves every probability as it is."""

    def __init__(self, model: Any, tokenizer: Any, gate: SessionGate, cells: int = CELLS) -> None:
        self.model, self.tokenizer = model.eval().requires_grad_(False), tokenizer
        self.gate, self.cells = gate.eval().requires_grad_(False), cells
        self.head: Tensor = model.get_output_embeddings().weight
        self._kept = self.head.cpu()  # what the memory says is weighed where the memory is
        self.fingerprint = hashlib.sha256(json.dumps(sketch(model)).encode()).hexdigest()

    @property
    def vocabulary(self) -> int:
        return len(self._kept)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)

    def initial_state(self) -> SessionState:
        return initial_state(self.cells)

    @torch.inference_mode()
    def _hidden(self, tokens: Sequence[int], window: int, stride: int) -> Tensor:
        """The last hidden states [n, D] of all tokens but the last; windows overlap by `window` - `stride`."""
        ids, parts = torch.tensor(tokens, device=self.head.device), list[Tensor]()
        for start in range(0, max(1, len(ids) - 1 - (window - stride)), stride):
            states = self.model.model(ids[None, start : start + window]).last_hidden_state[0]
            parts.append(states[0 if start == 0 else window - stride :])
        return torch.cat(parts)[: len(ids) - 1]

    @torch.inference_mode()
    def plain(self, tokens: Sequence[int], window: int = WINDOW, stride: int = STRIDE) -> Tensor:
        """The model's own loss [n], nats: what `look` finds too, and nothing else. For comparing speed."""
        hidden = self._hidden(tokens, window, stride)
        came, nats = torch.tensor(tokens[1:], dtype=torch.long, device=hidden.device), []
        for start in range(0, max(1, len(came)), _ROWS):
            logits = self._logits(hidden[start : start + _ROWS])
            own = logits.gather(1, came[start : start + _ROWS, None])[:, 0]
            nats.append(logits.logsumexp(-1) - own)
        return torch.cat(nats)

    @torch.inference_mode()
    def look(self, tokens: Sequence[int], window: int = WINDOW, stride: int = STRIDE) -> dict[str, Tensor]:
        """What the frozen model makes of a document of n + 1 tokens; it does not depend on any memory.

        `tokens` [n + 1], `hidden` [n, D], and of each prediction `guesses` [n, 2], `sure`, `nats`, `log_z` [n].
        """
        hidden = self._hidden(tokens, window, stride)
        came = torch.tensor(tokens[1:], dtype=torch.long, device=hidden.device)
        columns: dict[str, list[Tensor]] = {name: [] for name in ("guesses", "sure", "nats", "log_z")}
        for start in range(0, max(1, len(came)), _ROWS):
            logits = self._logits(hidden[start : start + _ROWS])
            own = logits.gather(1, came[start : start + _ROWS, None])[:, 0]
            best, log_z = logits.topk(2), logits.logsumexp(-1)
            columns["guesses"].append(best.indices)
            columns["sure"].append(best.values[:, 0] - log_z)
            columns["nats"].append(log_z - own)
            columns["log_z"].append(log_z)
        whole = {name: torch.cat(parts).cpu() for name, parts in columns.items()}
        return whole | {"tokens": torch.tensor(tokens), "hidden": hidden.cpu()}

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = (hidden @ self.head.T).float()
        return logits

    def seen(self, looked: dict[str, Tensor]) -> ModelOutputs:
        """What `look` gave, as the memory takes it."""
        hidden, log_z = looked["hidden"], looked["log_z"]

        def log_p(at: Tensor, ids: Tensor) -> Tensor:
            # rounded as a product of these types is, so that it is what the model itself would have said
            logits: Tensor = (hidden[at].float() * self._kept[ids].float()).sum(-1).to(hidden.dtype).float()
            return logits - log_z[at]

        return ModelOutputs(looked["tokens"], looked["guesses"], looked["sure"], looked["nats"], len(self._kept), log_p)

    @torch.inference_mode()
    def read_on(
        self, state: SessionState, seen: dict[str, Tensor], *, write: bool = True
    ) -> tuple[SessionState, Tensor]:
        """(the memory after it, nats [n] with the memory): every token predicted before it is written. `seen` is of
        `look`. The state that went in is not changed."""
        here = SessionState(*(part.clone() for part in state)) if write else state
        return here, self.read_seen(here, self.seen(seen), write=write)

    @torch.inference_mode()
    def read_seen(self, state: SessionState, seen: ModelOutputs, *, write: bool = True) -> Tensor:
        """The same of what was looked at; `state` is changed in place."""
        nats = seen.nats.clone()
        for evidence in read_on(state, seen, write=write):
            nats += self.gate.change(evidence, len(nats))
        return nats


def save_gate(path: Path, gate: SessionGate, of: Sequence[float], notes: dict[str, Any]) -> None:
    """`of`: the sketch of the model that it was trained on."""
    tensors = {name: p.detach().contiguous() for name, p in gate.state_dict().items()}
    save_file(tensors, path, metadata={"session": json.dumps({"sketch": list(of), **notes}, sort_keys=True)})


def load_gate(path: Path, of: Sequence[float]) -> SessionGate:
    """Raises ModelError when it cannot be read, IncompatibleError when it was trained for another model."""
    try:
        with safe_open(path, "pt") as file:
            notes = json.loads(file.metadata()["session"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        gate = SessionGate(tensors["inner.weight"].shape[0])
        gate.load_state_dict(tensors)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        problem = f"the session memory's weights cannot be read ({error})"
        raise ModelError(problem, subject=str(path), hint="Install titans-cli again") from error
    if len(of) != len(notes["sketch"]) or max(abs(a - b) for a, b in zip(of, notes["sketch"], strict=True)) > LARGEST:
        hint = Hint("They are trained for one model; go on without: ", WITHOUT)
        raise IncompatibleError("these weights of a session memory are another model's", subject=str(path), hint=hint)
    return gate


def session_reader(model: Any, tokenizer: Any, folder: Path) -> tuple[SessionReader, str]:
    """The reader for a model that is loaded, with the weights in its folder or those that are shipped; and the sha256
    of these. Raises ModelError, IncompatibleError as `load_gate`."""
    path = session_weights(folder)
    if not hasattr(model, "model") or not hasattr(model.model, "layers"):
        hint = Hint("Go on without: ", WITHOUT)
        problem = f"no session memory was trained for {type(model).__name__}"
        raise IncompatibleError(problem, subject=str(folder), hint=hint)
    gate = load_gate(path, sketch(model))
    return SessionReader(model, tokenizer, gate), hashlib.sha256(path.read_bytes()).hexdigest()


def load_session_reader(folder: Path | str, file: Path | None = None) -> SessionReader:
    """The reader for a model in a folder: with the weights in that folder, or those that are shipped.

    Raises ModelError, IncompatibleError as `load_gate`.
    """
    try:
        model, tokenizer = load_backbone(folder)
    except (OSError, ValueError) as error:
        verify = NextStep("model verify", model=str(folder))
        raise ModelError(f"cannot be loaded ({error})", subject=str(folder), hint=Hint(verify)) from error
    path = file or session_weights(Path(folder))
    return SessionReader(model, tokenizer, load_gate(path, sketch(model)))
