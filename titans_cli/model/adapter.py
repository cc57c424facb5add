"""What is added to a frozen language model: a `NeuralMemory`, the norms around it, and how it speaks.

    hidden state x at layer `depth`, embeddings  ->  keys, queries            (NeuralMemory: projections, topics, gates)
    output embedding of the next token           ->  value: the next-token objective in the space the head reads
    recollection y  ->  heard = y / (|y| + 0.1)
        into layer `depth`:   x + rms * (g1 gate * said + A(x, heard))        said = W_out heard
        into the output head: h + (g2 strength * said + B(x, heard)) / |E|
                              g = 2 sigmoid(G(x, heard) + loudness * log(|y| + 0.1))

A, B and G are one small network; A and B are scaled by how loud the memory is: a memory that has read nothing changes
nothing, bit for bit, trained or not. g is the output gate (Titans, section 4.4): whether now is the time to say what
is recalled, which most tokens of running text are not. It begins at 1 for a recollection of length 0.4 and at a fifth
for one of half that length. A new adapter has gate, strength, A and B at zero.

Shapes: N segments, C tokens, D width of the model, K + T of keys, V of values.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.errors import IncompatibleError, ModelError
from titans_cli.memory import MemoryConfig, NeuralMemory, SegmentInputs
from titans_cli.memory.memory import FAINT
from titans_cli.model.weights import header, require_numbers
from titans_cli.steps import Hint, NextStep

FORMAT = 2
SPEAKER = 128  # width of A, B and G
LOUDNESS = 4.0  # training takes it there from 0 in a thousand steps


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """Shape of an adapter. `depth`: the layer whose input the memory is written from and speaks into."""

    width: int
    depth: int
    segment_length: int = 128
    cell_segments: int = 8
    rehearsals: int = 1
    d_key: int = 64
    d_topic: int = 112
    features: int = 2048
    d_value: int = 128
    conv: int = 4
    momentum: float = 0.0

    @property
    def memory(self) -> MemoryConfig:
        return MemoryConfig(
            d_key=self.d_key,
            d_topic=self.d_topic,
            span=self.segment_length,
            features=self.features,
            d_value=min(self.d_value, self.width),
            conv=self.conv,
            momentum=self.momentum,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AdapterSpec:
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})


class MemoryOutput(NamedTuple):
    hidden: Tensor  # [N, C, D], added to the input of layer `depth`
    output: Tensor  # [N, C, D], added to the input of the output head


class MemoryAdapter(nn.Module):
    """All methods are pure; the memory's state goes in and comes out."""

    x_mean: Tensor
    x_scale: Tensor
    x_rms: Tensor

    def __init__(self, spec: AdapterSpec) -> None:
        super().__init__()
        self.spec = spec
        d = spec.width
        self.memory = NeuralMemory(d, spec.memory)
        self.gate = nn.Parameter(torch.zeros(d))
        self.strength = nn.Parameter(torch.zeros(()))
        self.listen = nn.Linear(d + self.memory.config.d_value, SPEAKER)
        self.to_hidden = nn.Linear(SPEAKER, d, bias=False)
        self.to_output = nn.Linear(SPEAKER, d, bias=False)
        self.open = nn.Linear(SPEAKER, 2)
        self.loudness = nn.Parameter(torch.full((2,), LOUDNESS))
        for silent in (self.to_hidden.weight, self.to_output.weight, self.open.weight):
            nn.init.zeros_(silent)
        nn.init.constant_(self.open.bias, LOUDNESS * math.log(2))
        # statistics of the hidden states that the memory sees, by `calibrate`
        self.register_buffer("x_mean", torch.zeros(d))
        self.register_buffer("x_scale", torch.ones(d))
        self.register_buffer("x_rms", torch.ones(()))

    def seen(self, x_NCD: Tensor) -> Tensor:
        """Hidden states as the memory sees them: of one length, centred, every channel of spread 1 (whitened)."""
        out: Tensor = (F.rms_norm(x_NCD.float(), x_NCD.shape[-1:]) - self.x_mean) * self.x_scale
        return out

    def inputs(self, x: Tensor, words: Tensor, target: Tensor, bound: Tensor, same: Tensor) -> SegmentInputs:
        return self.memory.inputs(x, words, target, bound.to(x.dtype), same)

    def say(self, x_NCD: Tensor, recalled_NCV: Tensor, size: Tensor) -> MemoryOutput:
        """`x_NCD` as `seen`. `size`: length of a row of the output embedding, after which logits are scaled."""
        heard = self.memory.heard(recalled_NCV)
        spoken = self.memory.w_out(heard)
        thought = F.silu(self.listen(torch.cat([x_NCD, heard], dim=-1)))
        loud = (recalled_NCV.norm(dim=-1, keepdim=True) + FAINT).log()  # a match is loud, and a norm is hard to learn
        within, above = (2 * (self.open(thought) + self.loudness * loud).sigmoid()).split(1, dim=-1)
        thought = thought * heard.norm(dim=-1, keepdim=True)
        hidden = self.x_rms * (within * self.gate * spoken + self.to_hidden(thought))
        output = (above * self.strength * spoken / spoken.shape[-1] ** 0.5 + self.to_output(thought)) / size
        return MemoryOutput(hidden, output)


# ---- files


def save(adapter: MemoryAdapter, path: Path, backbone: str, **metadata: Any) -> str:
    """Write a safetensors file bound to the backbone's fingerprint; returns the file's sha256. The same adapter gives
    the same bytes: its metadata is one entry, since safetensors keeps no order among several."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in adapter.state_dict().items() if "omega" not in k}
    meta = {"format": FORMAT, "backbone": backbone, "spec": asdict(adapter.spec)} | metadata
    temporary = path.with_name(f".tmp-{path.name}")
    save_file(tensors, temporary, metadata={"adapter": json.dumps(meta, sort_keys=True)})
    temporary.replace(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def described(path: Path) -> dict[str, Any]:
    """What an adapter's file says of itself. Raises DamagedError, or ModelError when it is none."""
    header(path)
    try:
        with safe_open(path, framework="pt") as handle:
            meta: dict[str, Any] = json.loads((handle.metadata() or {})["adapter"])
        if meta["format"] != FORMAT:
            raise IncompatibleError(f"an adapter of format {meta['format']}, not {FORMAT}", subject=str(path))
        return meta
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        hint = Hint("Make one: ", NextStep("model adapt", model=None, corpus=None))
        raise ModelError(f"not a memory adapter ({error})", subject=str(path), hint=hint) from error


def load(path: Path, backbone: str) -> MemoryAdapter:
    """Raises IncompatibleError when it was made for another backbone, ModelError when it is none."""
    header = described(path)
    if header["backbone"] != backbone:
        problem = f"this adapter was made for another model ({header['backbone'][:12]}, here {backbone[:12]})"
        hint = Hint("Make one for this model: ", NextStep("model adapt", model=None, corpus=None))
        raise IncompatibleError(problem, subject=str(path), hint=hint)
    adapter = MemoryAdapter(AdapterSpec.from_dict(header["spec"]))
    try:
        missing = adapter.load_state_dict(tensors := load_file(path), strict=False)
    except (RuntimeError, SafetensorError, OSError) as error:
        raise ModelError(f"a damaged memory adapter ({error})", subject=str(path)) from error
    if missing.unexpected_keys or any("omega" not in k for k in missing.missing_keys):
        raise ModelError("a memory adapter with other parts than this version has", subject=str(path))
    require_numbers(tensors, str(path))
    return adapter
