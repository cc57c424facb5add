"""Memory beside attention and memory alone: MAG, MAL and LMM (arXiv 2501.00663, section 4), written for streams.

    tokens -> embedding -> blocks, each with its own state -> norm -> tied embedding

    LMM    o = M([p; x])                                       the memory is the sequence layer
    MAL    y = M([p; x]),  o = SW-Attn(y)                      eq. 29-31, a residual around either
    MAG    o = norm(SW-Attn*([p; x])) * sigmoid(norm(M([p; x])))          eq. 26-28, norms with learned weights

p, the persistent tokens of the block (eq. 19), come before the stream: the memory reads them once, when a state is
made, and the attention keeps them in view. (In MAL it sees them as the memory gives them on.) The memory is a
`MemoryLayer` that reads strictly causally: a token is read with all that was written up to itself.

Eq. 28 only says that the branches are normalised with learned weights and joined by a non-linear gate; here the memory
is the gate and attention what passes it.

Shapes: B streams, N tokens of a call, P persistent tokens, D width.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.model.attention import Window, WindowAttention
from titans_cli.model.network import Mlp, RMSNorm, TitansNetwork, reset_projections
from titans_cli.model.spec import TitansSpec
from titans_cli.paper.gradient import GradientRule
from titans_cli.paper.layer import LayerState, MemoryLayer


class BlockState(NamedTuple):
    """What a block carries from one call to the next. A value, never changed."""

    memory: LayerState
    window: Window | None  # None where there is no attention


class LmmBlock(nn.Module):
    """Memory alone as the sequence layer, then an MLP. The other blocks add attention to it."""

    def __init__(self, spec: TitansSpec) -> None:
        super().__init__()
        d = spec.d_model
        rule = GradientRule(d, spec.segment_length, depth=spec.memory_depth, expansion=spec.memory_expansion)
        self.persistent = nn.Parameter(torch.randn(spec.persistent_tokens, d) * 0.5)
        self.norm_memory = RMSNorm(d)
        self.memory = MemoryLayer(d, rule, spec.conv)
        self.norm_mlp = RMSNorm(d)
        self.mlp = Mlp(d)

    def initial_state(self, batch: int) -> BlockState:
        """The state before the first token: persistent tokens read, nothing else."""
        read_BPD = persistent_BPD = self.persistent.expand(batch, -1, -1)
        state = self.memory.initial_state(batch)
        if persistent_BPD.shape[1]:
            read_BPD, state = self.memory(persistent_BPD, state)
        return BlockState(state, self.begin(persistent_BPD, read_BPD))

    def forward(self, x_BND: Tensor, state: BlockState, memory: bool) -> tuple[Tensor, BlockState]:
        normed_BND = self.norm_memory(x_BND)
        read_BND, learned = self.memory(normed_BND, state.memory) if memory else (torch.zeros_like(x_BND), state.memory)
        x_BND, window = self.mix(x_BND, normed_BND, read_BND, state.window)
        x_BND = x_BND + self.mlp(self.norm_mlp(x_BND))
        return x_BND, BlockState(learned, window)

    # ---- where the variants differ

    def begin(self, persistent_BPD: Tensor, read_BPD: Tensor) -> Window | None:
        """The window before the first token, of the persistent tokens and what the memory said at them."""
        return None

    def mix(
        self, x_BND: Tensor, normed_BND: Tensor, read_BND: Tensor, window: Window | None
    ) -> tuple[Tensor, Window | None]:
        """The block's input, its norm and what the memory read there; gives what goes on to the MLP."""
        return x_BND + read_BND, None


class MalBlock(LmmBlock):
    """Memory as a layer: attention over what the memory gives on."""

    def __init__(self, spec: TitansSpec) -> None:
        super().__init__(spec)
        self.norm_attention = RMSNorm(spec.d_model)
        self.attention = WindowAttention(spec.d_model, spec.n_heads, spec.window)

    def begin(self, persistent_BPD: Tensor, read_BPD: Tensor) -> Window:
        return self.attention.initial_state(self.norm_attention(persistent_BPD + read_BPD))

    def mix(
        self, x_BND: Tensor, normed_BND: Tensor, read_BND: Tensor, window: Window | None
    ) -> tuple[Tensor, Window | None]:
        x_BND = x_BND + read_BND
        attended_BND, window = self.attention(self.norm_attention(x_BND), window)
        return x_BND + attended_BND, window


class MagBlock(LmmBlock):
    """Memory as a gate: attention and memory over the same input."""

    def __init__(self, spec: TitansSpec) -> None:
        super().__init__(spec)
        self.attention = WindowAttention(spec.d_model, spec.n_heads, spec.window)
        self.norm_attended = RMSNorm(spec.d_model)
        self.norm_read = RMSNorm(spec.d_model)
        nn.init.constant_(self.norm_attended.weight, spec.n_layers**-0.5)  # half of it passes a gate that says nothing

    def begin(self, persistent_BPD: Tensor, read_BPD: Tensor) -> Window:
        return self.attention.initial_state(persistent_BPD)

    def mix(
        self, x_BND: Tensor, normed_BND: Tensor, read_BND: Tensor, window: Window | None
    ) -> tuple[Tensor, Window | None]:
        attended_BND, window = self.attention(normed_BND, window)
        return x_BND + self.norm_attended(attended_BND) * self.norm_read(read_BND).sigmoid(), window


BLOCKS = {"mag": MagBlock, "mal": MalBlock, "lmm": LmmBlock}


class StackNetwork(nn.Module):
    """A stack of one of the blocks. All methods are pure: the state goes in and comes out."""

    def __init__(self, spec: TitansSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embedding = nn.Embedding(spec.vocab_size, spec.d_model)
        self.blocks = nn.ModuleList(BLOCKS[spec.variant](spec) for _ in range(spec.n_layers))
        self.norm_out = RMSNorm(spec.d_model)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.05)
        reset_projections(self, self.spec)

    def initial_state(self, batch: int = 1) -> tuple[BlockState, ...]:
        """The state before the first token."""
        return tuple(block.initial_state(batch) for block in cast("Iterable[LmmBlock]", self.blocks))

    def stream(
        self, tokens_BN: Tensor, state: tuple[BlockState, ...], *, memory: bool = True
    ) -> tuple[Tensor, tuple[BlockState, ...]]:
        """Read on by N >= 1 tokens: their last hidden states [B, N, D] and the state to go on with."""
        x_BND, after = self.embedding(tokens_BN), []
        for block, before in zip(self.blocks, state, strict=True):
            x_BND, now = block(x_BND, before, memory)
            after.append(now)
        return self.norm_out(x_BND), tuple(after)

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding.weight)


def build(spec: TitansSpec) -> TitansNetwork | StackNetwork:
    """The network of a spec, with fresh weights."""
    return TitansNetwork(spec) if spec.variant == "mac" else StackNetwork(spec)
