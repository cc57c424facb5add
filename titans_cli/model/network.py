"""The native Titans model, memory as context (MAC, arXiv 2501.00663 eq. 21-25), written for streams.

    tokens -> lower blocks -> norm -> memory write ..................... all that ingesting needs
                    |          |
                    |          +-> memory read h (weights before the segment)
                    +-> MAC block: attention over [persistent tokens; h; segment], then the gated read
                              -> upper blocks -> norm -> tied embedding

Two departures from the paper, both for speed at ingest. The memory is written from the states *below* it, not from the
attention's output, so that the trunk does not depend on the memory and runs for many segments in one batch. And the
same read serves as context and as the gated output (the paper reads a second time, after the write). What is read at a
token is M_{segment start}(q_token): token i attends to reads 1..i, so that no token sees a later one.

Attention never crosses a segment: what an earlier segment said can only be known through the memory.
Shapes: N segments, C tokens of a segment, D width, H heads, P persistent tokens, B streams, T segments of a stream.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from titans_cli.memory import MemoryState, NeuralMemory, SegmentInputs, gain, objection
from titans_cli.memory.rules import PreparedSteps
from titans_cli.model.attention import Heads, rotate
from titans_cli.model.spec import TitansSpec
from titans_cli.model.tokenizer import END, QUESTION, TitansTokenizer


class StreamOutput(NamedTuple):
    hidden: Tensor  # [B, T, C, D], ready for `logits`
    state: MemoryState
    surprise: Tensor  # [B, T, C], |e|^2; meaningless where nothing was written
    gain: Tensor  # [B, T, C], theta / (1 + theta): how much of its error a lone token gets written


class StreamState(NamedTuple):
    """Where a stream of tokens stands: the memory before the unfinished segment, and that segment's tokens [B, n]."""

    memory: MemoryState
    pending: Tensor


class Absorbed(NamedTuple):
    state: MemoryState
    surprise: Tensor  # [N, C]; 0 for a refused segment
    refused: dict[int, str]  # segments that were not learned, and why


def has_successor(mask_NC: Tensor) -> Tensor:
    """True on the tokens that are followed by a real one in their segment: only those are bound to anything."""
    return torch.cat([mask_NC[:, 1:], torch.zeros_like(mask_NC[:, :1])], dim=1)


def absorb(
    memory: NeuralMemory, state: MemoryState, inputs: SegmentInputs | PreparedSteps, rehearsals: int = 0
) -> Absorbed:
    """Learn N segments in order (batch 1). A segment whose update would poison the memory is left out.

    Then all are gone through again, `rehearsals` times: a later segment wears off some of what an earlier one
    wrote, and going through them in turn leads to a memory that holds all of them at once (block Gauss-Seidel).
    Surprise is that of the first time.
    """
    surprise, refused = [], dict[int, str]()
    if isinstance(inputs, PreparedSteps):
        count, segments = len(inputs.eta_B), inputs
    else:  # a memory of another write rule may prepare nothing
        count, segments = len(inputs.keys), memory.prepare(inputs, state.weights.dtype)
    for i in range(count):
        after, s = memory.write(state, segments.slice(i, i + 1))
        if reason := objection(state, after):
            refused[i] = reason
            s = torch.zeros_like(s)
        else:
            state = after
        surprise.append(s)
    for i in (i for _ in range(rehearsals) for i in range(len(surprise)) if i not in refused):
        after, _ = memory.write(state, segments.slice(i, i + 1))
        state = state if objection(state, after) else after
    return Absorbed(state, torch.cat(surprise), refused)


class RMSNorm(nn.RMSNorm):
    """In its weights' precision, also under autocast."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = super().forward(x.to(self.weight.dtype))
        return out


class Attention(Heads):
    """Causal attention inside a segment, optionally with persistent tokens and memory reads as context."""

    def __init__(self, d_model: int, n_heads: int, persistent: int = 0) -> None:
        super().__init__(d_model, n_heads)
        self.persistent = nn.Parameter(torch.randn(persistent, d_model) * 0.5) if persistent else None

    def forward(self, x_NCD: Tensor, context_NCD: Tensor | None = None) -> Tensor:
        n, c, _ = x_NCD.shape
        at = torch.arange(c, device=x_NCD.device)
        q = rotate(self.queries(x_NCD), at)
        k, v = self.keys_values(x_NCD)
        k = rotate(k, at)
        if context_NCD is None and self.persistent is None:
            return self.join(F.scaled_dot_product_attention(q, k, v, is_causal=True))
        causal = torch.ones(c, c, dtype=torch.bool, device=x_NCD.device).tril()
        parts = [(k, v, causal)]
        if context_NCD is not None:
            ck, cv = self.keys_values(context_NCD)
            parts.insert(0, (rotate(ck, at), cv, causal))
        if self.persistent is not None:
            pk, pv = (t.expand(n, -1, -1, -1) for t in self.keys_values(self.persistent[None]))
            parts.insert(0, (pk, pv, causal.new_ones(c, pk.shape[2])))
        k, v, mask = (torch.cat(p, dim=d) for p, d in zip(zip(*parts, strict=True), (2, 2, 1), strict=True))
        return self.join(F.scaled_dot_product_attention(q, k, v, attn_mask=mask))


class Mlp(nn.Sequential):
    def __init__(self, d_model: int) -> None:
        super().__init__(
            nn.Linear(d_model, 4 * d_model, bias=False), nn.GELU(), nn.Linear(4 * d_model, d_model, bias=False)
        )


class TrunkBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.norm_attention = RMSNorm(d_model)
        self.attention = Attention(d_model, n_heads)
        self.norm_mlp = RMSNorm(d_model)
        self.mlp = Mlp(d_model)

    def forward(self, x_NCD: Tensor) -> Tensor:
        x_NCD = x_NCD + self.attention(self.norm_attention(x_NCD))
        out: Tensor = x_NCD + self.mlp(self.norm_mlp(x_NCD))
        return out


class MacBlock(nn.Module):
    """Attention over [persistent tokens; memory read; segment] (eq. 22-23), then the gated read (eq. 25)."""

    def __init__(self, d_model: int, n_heads: int, persistent: int) -> None:
        super().__init__()
        self.norm_attention = RMSNorm(d_model)
        self.attention = Attention(d_model, n_heads, persistent)
        self.gate = nn.Linear(d_model, d_model)
        self.norm_mlp = RMSNorm(d_model)
        self.mlp = Mlp(d_model)

    def forward(self, x_NCD: Tensor, read_NCD: Tensor | None) -> Tensor:
        normed = self.norm_attention(x_NCD)
        if read_NCD is None:
            x_NCD = x_NCD + self.attention(normed)
        else:
            x_NCD = x_NCD + self.attention(normed, read_NCD)
            x_NCD = x_NCD + self.gate(normed).sigmoid() * read_NCD
        out: Tensor = x_NCD + self.mlp(self.norm_mlp(x_NCD))
        return out


@torch.no_grad()
def reset_projections(network: nn.Module, spec: TitansSpec) -> None:
    """Initial values of every attention's and every MLP's matrices; what goes back to the stream starts small."""
    for name, p in network.named_parameters():
        if name.endswith(("w_q.weight", "w_kv.weight", "mlp.0.weight")):
            nn.init.normal_(p, std=spec.d_model**-0.5)
        elif name.endswith(("w_o.weight", "mlp.2.weight")):
            nn.init.normal_(p, std=0.5 * p.shape[1] ** -0.5 / spec.n_layers**0.5)


class TitansNetwork(nn.Module):
    """Everything but the files around it. All methods are pure: the memory's state goes in and comes out."""

    begins: Tensor
    ends: Tensor

    def __init__(self, spec: TitansSpec) -> None:
        super().__init__()
        self.spec = spec
        d = spec.d_model
        self.embedding = nn.Embedding(spec.vocab_size, d)
        self.lower = nn.ModuleList(TrunkBlock(d, spec.n_heads) for _ in range(spec.lower_layers))
        self.norm_memory = RMSNorm(d)
        self.norm_target = RMSNorm(d)
        self.memory = NeuralMemory(d, spec.memory)
        self.mac = MacBlock(d, spec.n_heads, spec.persistent_tokens)
        self.upper = nn.ModuleList(TrunkBlock(d, spec.n_heads) for _ in range(spec.upper_layers))
        self.norm_out = RMSNorm(d)
        self.landmark_weight = nn.Linear(d, 1)
        self.register_buffer("begins", torch.zeros(spec.vocab_size, dtype=torch.bool))
        self.register_buffer("ends", torch.zeros(spec.vocab_size, dtype=torch.bool))
        self.landmark_head = nn.Linear(d, spec.d_landmark, bias=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.05)
        reset_projections(self, self.spec)
        nn.init.constant_(self.mac.gate.bias, 1.0)
        nn.init.orthogonal_(self.landmark_head.weight)
        self.memory.reset_parameters()

    @torch.no_grad()
    def know_sentences(self, tokenizer: TitansTokenizer) -> None:
        """Note which tokens end a sentence and which may begin one, for `same_sentence`."""
        for i in range(tokenizer.vocab_size):
            text = tokenizer.backend.id_to_token(i) or ""
            self.begins[i] = text.startswith("Ġ") or text[:1].isupper()
            self.ends[i] = text.rstrip("\")]}'")[-1:] in (".", "?", "!")

    # ---- the trunk below the memory: independent of it, batched over segments

    def trunk(self, tokens_NC: Tensor) -> Tensor:
        """Token ids [N, C] to the states below the memory [N, C, D]."""
        x: Tensor = self.embedding(tokens_NC)
        for block in self.lower:
            x = block(x)
        return x

    def memory_inputs(self, x_NCD: Tensor, tokens_NC: Tensor, mask_NC: Tensor) -> SegmentInputs:
        """What the memory is to learn of N segments. `mask_NC` is True on real tokens, False on padding at the end."""
        words = self.norm_target(self.embedding(tokens_NC))
        target = torch.cat([words[:, 1:], words[:, :1]], dim=1)
        bound = has_successor(mask_NC).to(x_NCD.dtype)
        return self.memory.inputs(self.norm_memory(x_NCD), words, target, bound, self.same_sentence(tokens_NC, mask_NC))

    def memory_queries(self, x_NCD: Tensor, tokens_NC: Tensor) -> Tensor:
        """What each of N segments' tokens asks the memory: [N, C, K + T]."""
        words = self.norm_target(self.embedding(tokens_NC))
        return self.memory.queries(self.norm_memory(x_NCD), words, self.same_sentence(tokens_NC))

    def same_sentence(self, tokens_NC: Tensor, mask_NC: Tensor | None = None) -> Tensor:
        """Bool [N, C, C]: are two tokens of one sentence? Judged by the tokens; a question and its answer are one."""
        ones = tokens_NC.new_ones(tokens_NC.shape[0], 1, dtype=torch.bool)
        before_NC = tokens_NC[:, :-1]
        asking = ((tokens_NC == QUESTION).cumsum(1) > (tokens_NC == END).cumsum(1))[:, 1:]
        starts = self.ends[before_NC] & self.begins[tokens_NC[:, 1:]] & ~asking
        starts = starts | (tokens_NC[:, 1:] == QUESTION) | (before_NC == END)
        number_NC = torch.cat([ones, starts], dim=1).cumsum(1)
        same = number_NC[:, :, None] == number_NC[:, None, :]
        return same if mask_NC is None else same & mask_NC[:, None, :]

    def landmarks(self, x_NCD: Tensor, tokens_NC: Tensor, mask_NC: Tensor) -> Tensor:
        """A unit vector per segment [N, L]: weighted mean over its tokens of trunk state plus embedding."""
        z = self.norm_memory(x_NCD) + self.norm_target(self.embedding(tokens_NC))
        weight = F.softplus(self.landmark_weight(z)) * mask_NC.unsqueeze(-1)
        pooled = (z * weight).sum(1) / weight.sum(1).clamp(min=1e-6)
        return F.normalize(self.landmark_head(pooled), dim=-1)

    # ---- the memory and what is above it

    def absorb(self, state: MemoryState, inputs: SegmentInputs, rehearsals: int = 0) -> Absorbed:
        return absorb(self.memory, state, inputs, rehearsals)

    def read(self, state: MemoryState, x_NCD: Tensor, tokens_NC: Tensor) -> Tensor:
        """What the memory says at each token [N, C, D]; the state's batch is 1 or N."""
        return self.memory.read(state, self.memory_queries(x_NCD, tokens_NC))

    def head(self, x_NCD: Tensor, read_NCD: Tensor | None) -> Tensor:
        """States and reads [N, C, D] to the last hidden states. No read: the same model with its memory off."""
        x = self.mac(x_NCD, read_NCD)
        for block in self.upper:
            x = block(x)
        out: Tensor = self.norm_out(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding.weight)

    # ---- whole streams: segments for training, tokens for the transformers interface

    def forward(
        self,
        tokens_BTC: Tensor,
        mask_BTC: Tensor,
        state: MemoryState | None = None,
        *,
        memory: bool = True,
        asking: int = 0,
    ) -> StreamOutput:
        """B streams of T segments: segment t reads the memory as segments < t left it, then is written.

        The last `asking` segments are questions: they are not written, and read the cells of all B streams at once.
        """
        b, t, c = tokens_BTC.shape
        tokens, mask = tokens_BTC.flatten(0, 1), mask_BTC.flatten(0, 1)
        state = self.memory.initial_state(b) if state is None else state
        x = self.trunk(tokens)
        if not memory:
            none = x.new_zeros(b, t, c)
            return StreamOutput(torch.unflatten(self.head(x, None), 0, (b, t)), state, none, none)
        inputs = SegmentInputs(*(torch.unflatten(s, 0, (b, t)) for s in self.memory_inputs(x, tokens, mask)))
        queries = torch.unflatten(self.memory_queries(x, tokens), 0, (b, t))
        reads, surprise = [], []
        for i in range(t - asking):
            reads.append(self.memory.read(state, queries[:, i]))
            state, s = self.memory.write(state, SegmentInputs(*(p[:, i] for p in inputs)))
            surprise.append(s)
        for i in range(t - asking, t):
            recalled = self.memory.recalled(state.weights, queries[:, i])
            reads.append(self.memory.spoken(self.memory.route(recalled)))
            surprise.append(torch.zeros_like(mask_BTC[:, i], dtype=recalled.dtype))
        hidden = torch.unflatten(self.head(x, torch.stack(reads, 1).flatten(0, 1)), 0, (b, t))
        return StreamOutput(hidden, state, torch.stack(surprise, 1), gain(inputs.theta))

    def initial_state(self, batch: int = 1) -> StreamState:
        """The state before the first token."""
        none = torch.empty(batch, 0, dtype=torch.long, device=self.embedding.weight.device)
        return StreamState(self.memory.initial_state(batch), none)

    def stream(self, tokens_BN: Tensor, state: StreamState, *, memory: bool = True) -> tuple[Tensor, StreamState]:
        """Read on by N >= 1 tokens: their last hidden states [B, N, D] and the state to go on with.

        Segments lie on a fixed grid and the unfinished one is run again, so that outputs do not depend on how a
        stream is cut into calls.
        """
        length, known = self.spec.segment_length, state.pending.shape[1]
        tokens = torch.cat([state.pending, tokens_BN], dim=1)
        whole, parts, learned = tokens.shape[1] // length, [], state.memory
        if whole:
            grid = torch.unflatten(tokens[:, : whole * length], 1, (whole, length))
            out: StreamOutput = self(grid, torch.ones_like(grid, dtype=torch.bool), learned, memory=memory)
            parts, learned = [out.hidden.flatten(1, 2)], out.state
        rest = tokens[:, whole * length :]
        if rest.shape[1]:
            x = self.trunk(rest)
            parts.append(self.head(x, self.read(learned, x, rest) if memory else None))
        return torch.cat(parts, dim=1)[:, known:], StreamState(learned, rest)
