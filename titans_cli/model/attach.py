"""A frozen causal language model of transformers with a Titans memory, through hooks on its public module tree.

    below `depth`    runs as it is; independent of the memory, so batched, and all that ingesting needs
    at `depth`       what the memory recalls is added to the hidden state (adapter.py)
    output head      what the memory recalls is added to its input

Streams are read in segments, and attention never crosses one: what an earlier segment said can only be known through
the memory. `remembering` makes the model's own `generate()` read a memory instead, with its attention as it always is.

Hooks are removed by `detach`; no weight of the model is ever changed. Shapes: N segments, C tokens, B streams, T
segments of a stream, D width, V values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.cache_utils import Cache, DynamicLayer

from titans_cli.errors import ModelError
from titans_cli.memory import MemoryState, SegmentInputs, gain
from titans_cli.model.adapter import MemoryAdapter, MemoryOutput
from titans_cli.model.generation import cache_in, check_cache
from titans_cli.model.hubtokens import HubTokenizer
from titans_cli.model.network import has_successor
from titans_cli.model.structure import Anatomy, anatomy

PAD = -1  # in rows of tokens; the model sees token 0 in its place, behind all real ones
CHECKED = "A few words."  # what the cache is tried with


class StreamPosition(NamedTuple):
    """Where a stream of tokens stands: the memory before the unfinished segment, and that segment's tokens [B, n]."""

    memory: MemoryState
    pending: Tensor


class AttachedOutput(NamedTuple):
    logits: Tensor  # [B, T, C, vocabulary], or of the kept tokens only [n, vocabulary]
    state: MemoryState
    gain: Tensor  # [B, T, C]: how much of its error a lone token gets written


class _Seen(NamedTuple):
    """What hooks need of the forward pass under way."""

    ids: Tensor  # [N, n] with special tokens before the text, as the model gets them; PAD for padding
    past: Cache | None
    skip: int  # special tokens before the text, which the memory never sees


class _Below(Exception):  # noqa: N818  not an error
    """Raised at `depth` when nothing above is wanted."""


class CachedStates(DynamicLayer):  # type: ignore[no-untyped-call]
    """One more layer of the model's own cache: hidden states and ids that queries look back on. So whatever generate()
    does to a cache (reorder beams, crop, repeat) is done to them too."""

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        self.values = torch.tensor([], dtype=value_states.dtype, device=value_states.device)


Recaller = Callable[[Tensor, Tensor], Tensor]  # hidden states as seen [N, C, D], ids [N, C] -> recalled [N, C, V]


class AttachedModel:
    """`model` is frozen and put into evaluation mode. Take it off again with `detach`.

    Raises ModelError when the memory cannot look back on what the model's cache holds: see generation.py.
    """

    def __init__(self, model: Any, tokenizer: HubTokenizer, adapter: MemoryAdapter) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer, self.adapter = tokenizer, adapter.to(model.device)
        self.parts: Anatomy = anatomy(model)
        self._seen: _Seen | None = None
        self._x: Tensor | None = None  # hidden states at `depth`, of the text
        self._recall: Recaller | None = None
        self._said: MemoryOutput | None = None
        self._keep: Tensor | None = None
        self._below = self._remembering = False
        with torch.no_grad():
            out = self.parts.head.weight
            self._word_mean = self.parts.embeddings.weight.float().mean(0)
            self._target_mean = out.float().mean(0)
            self._size = (out.float() - self._target_mean).norm(dim=-1).mean()
        layer = self.parts.layers[adapter.spec.depth]
        self._hooks = [
            model.register_forward_pre_hook(self._begin, with_kwargs=True),
            layer.register_forward_pre_hook(self._at_depth, with_kwargs=True),
            self.parts.head.register_forward_pre_hook(self._at_head),
            model.register_forward_hook(self._end, always_call=True),
        ]
        self._ends, self._begins, self._closes = (t.to(model.device) for t in tokenizer.sentence_tables())
        try:
            self._check_looking_back()
        except ModelError:
            self.detach()
            raise

    def detach(self) -> None:
        for hook in self._hooks:
            hook.remove()

    @property
    def device(self) -> torch.device:
        return torch.device(self.model.device)

    # ---- hooks

    def _begin(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._recall is None or self._seen is not None:
            return
        ids = kwargs.get("input_ids", args[0] if args else None)
        if ids is None:
            raise ValueError("a model with a memory reads input_ids: which tokens they are is part of a query")
        mask, past = kwargs.get("attention_mask"), cache_in((*args, *kwargs.values()), Cache)
        if mask is not None and mask.dim() == 2:
            ids = ids.masked_fill(mask[:, -ids.shape[1] :] == 0, PAD)
        self._seen = _Seen(ids, past, 0)

    def _at_depth(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._seen is None:
            return None
        hidden: Tensor = args[0] if args else kwargs["hidden_states"]
        skip = self._seen.skip
        self._x = hidden[:, skip:]
        if self._below:
            raise _Below
        if self._recall is None:
            return None
        x, ids = self.adapter.seen(self._x), self._seen.ids[:, skip:]
        self._said = self.adapter.say(x, self._recall(x, ids), self._size)
        added = F.pad(self._said.hidden, (0, 0, skip, 0)).to(hidden.dtype)
        return ((hidden + added, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": hidden + added})

    def _at_head(self, _: Any, args: tuple[Any, ...]) -> Any:
        """Speak; and of the tokens that are not wanted make no logits."""
        if self._seen is None:
            return None
        hidden: Tensor = args[0]
        if self._said is not None:
            n = hidden.shape[1]  # generate() asks for the last tokens only
            hidden = hidden + F.pad(self._said.output, (0, 0, self._seen.skip, 0))[:, -n:].to(hidden.dtype)
        if self._keep is not None:
            hidden = hidden[:, self._seen.skip :][self._keep][None]
        return (hidden, *args[1:])

    def _end(self, _: Any, __: Any, output: Any) -> None:
        seen, x, self._seen, self._said = self._seen, self._x, None, None
        past = cache_in(output.values() if isinstance(output, dict) else output or (), Cache)
        if not self._remembering or seen is None or x is None or past is None:
            return
        history = next((layer for layer in past.layers if isinstance(layer, CachedStates)), None)
        if history is None:
            while past.layer_class_to_replicate is not None and len(past.layers) < len(self.parts.layers):
                past.layers.append(past.layer_class_to_replicate())
            past.layers.append(history := CachedStates())  # type: ignore[no-untyped-call]
        history.update(x[:, None].detach(), seen.ids[:, None, :, None])

    # ---- forward passes over segments

    def _padded(self, tokens_NC: Tensor) -> tuple[Tensor, int]:
        """With the special tokens that the model expects before any text."""
        before = torch.tensor(self.tokenizer.bos, dtype=torch.long, device=tokens_NC.device)
        return torch.cat([before.expand(len(tokens_NC), -1), tokens_NC], dim=1), len(before)

    def _run(self, tokens_NC: Tensor, recall: Recaller | None, keep_NC: Tensor | None, *, below: bool) -> Any:
        ids, skip = self._padded(tokens_NC.to(self.device))
        self._seen, self._recall, self._keep, self._below = _Seen(ids, None, skip), recall, keep_NC, below
        try:
            return self.model(input_ids=ids.clamp(min=0), use_cache=False).logits
        finally:
            self._seen = self._recall = self._keep = self._said = None
            self._below = False

    def below(self, tokens_NC: Tensor) -> Tensor:
        """The hidden states that enter layer `depth`, [N, C, D] as they are; nothing above it runs."""
        with suppress(_Below):
            self._run(tokens_NC, None, None, below=True)
        assert self._x is not None
        x, self._x = self._x, None
        return x

    def logits(self, tokens_NC: Tensor, recall: Recaller | None = None, keep_NC: Tensor | None = None) -> Tensor:
        """[N, C, vocabulary], or [n, vocabulary] of the kept tokens. No `recall`: the plain model."""
        out: Tensor = self._run(tokens_NC, recall, keep_NC, below=False)
        return out[0] if keep_NC is not None else out[:, len(self.tokenizer.bos) :]

    # ---- what the memory is given

    def words(self, tokens: Tensor) -> Tensor:
        """Input embeddings [..., D], centred and of one length."""
        rows = F.embedding(tokens.clamp(min=0), self.parts.embeddings.weight).float() - self._word_mean
        return F.rms_norm(rows, rows.shape[-1:])

    def targets(self, tokens: Tensor) -> Tensor:
        """Output embeddings [..., D], centred and of one length: what the head would have to be given to say them."""
        rows = F.embedding(tokens.clamp(min=0), self.parts.head.weight).float() - self._target_mean
        return F.rms_norm(rows, rows.shape[-1:])

    def same_sentence(self, tokens_NC: Tensor) -> Tensor:
        """Bool [N, C, C]: are two real tokens of one sentence? Judged by the tokens; a question and its answer are."""
        before, after = tokens_NC[:, :-1].clamp(min=0), tokens_NC[:, 1:].clamp(min=0)
        starts = (self._ends[before] & self._begins[after]) | self._closes[before]
        number = F.pad(starts, (1, 0)).cumsum(1)
        return (number[:, :, None] == number[:, None, :]) & (tokens_NC >= 0)[:, None, :]

    def memory_inputs(self, x_NCD: Tensor, tokens_NC: Tensor) -> SegmentInputs:
        """What the memory is to learn of N segments. `x_NCD` as `seen`."""
        following = torch.cat([tokens_NC[:, 1:], tokens_NC[:, :1]], dim=1)
        bound = has_successor(tokens_NC >= 0)
        return self.adapter.inputs(
            x_NCD, self.words(tokens_NC), self.targets(following), bound, self.same_sentence(tokens_NC)
        )

    def queries(self, x_NCD: Tensor, tokens_NC: Tensor) -> Tensor:
        """What each token asks the memory [N, C, K + T], for rows of at most `segment_length` tokens."""
        return self.adapter.memory.queries(x_NCD, self.words(tokens_NC), self.same_sentence(tokens_NC))

    def long_queries(self, x_NCD: Tensor, tokens_NC: Tensor, start: int) -> Tensor:
        """The same of tokens `start` and after of rows of any length. Each looks back on the half segment it is in and
        on the one before, wherever a call begins: so a prompt asks the same whether it is given at once or by tokens.
        """
        half, parts = self.adapter.spec.segment_length // 2, []
        special = torch.tensor(self.tokenizer.bos, dtype=torch.long, device=tokens_NC.device)
        real = (tokens_NC >= 0) & ~torch.isin(tokens_NC, special)  # a stream never sees these before its text
        for block in range(start // half, (x_NCD.shape[1] - 1) // half + 1):
            first, last = max(0, (block - 1) * half), min((block + 1) * half, x_NCD.shape[1])
            window = x_NCD[:, first:last] * real[:, first:last, None]
            parts.append(self.queries(window, tokens_NC[:, first:last])[:, max(start, block * half) - first :])
        return torch.cat(parts, dim=1)

    # ---- streams

    def stream_segments(
        self,
        tokens_BTC: Tensor,
        state: MemoryState | None = None,
        *,
        keep_BTC: Tensor | None = None,
        asking: int = 0,
    ) -> AttachedOutput:
        """B streams of T segments: segment t reads the memory as segments < t left it, then is written.

        The last `asking` segments are questions: not written, and they read the cells of all B streams at once.
        """
        b, t, _ = tokens_BTC.shape
        memory, learned, gains = self.adapter.memory, state or self.adapter.memory.initial_state(b), list[Tensor]()

        def recall(x: Tensor, ids: Tensor) -> Tensor:
            nonlocal learned
            inputs = SegmentInputs(*(torch.unflatten(s, 0, (b, t)) for s in self.memory_inputs(x, ids)))
            queries = torch.unflatten(self.queries(x, ids), 0, (b, t))
            recalled = []
            for i in range(t - asking):
                recalled.append(memory.features(queries[:, i]) @ learned.weights)
                learned, _ = memory.write(learned, SegmentInputs(*(p[:, i] for p in inputs)))
            for i in range(t - asking, t):
                recalled.append(memory.route(memory.recalled(learned.weights, queries[:, i])))
            gains.append(gain(inputs.theta))
            return torch.stack(recalled, 1).flatten(0, 1)

        keep = None if keep_BTC is None else keep_BTC.flatten(0, 1)
        logits = self.logits(tokens_BTC.flatten(0, 1), recall, keep)
        if keep is None:
            logits = torch.unflatten(logits, 0, (b, t))
        return AttachedOutput(logits, learned, gains[0])

    def initial_state(self, batch: int = 1) -> StreamPosition:
        """The state before the first token."""
        none = torch.empty(batch, 0, dtype=torch.long, device=self.device)
        return StreamPosition(self.adapter.memory.initial_state(batch), none)

    def stream(self, tokens_BN: Tensor, state: StreamPosition) -> tuple[Tensor, StreamPosition]:
        """Read on by N >= 1 tokens: their logits [B, N, vocabulary] and the state to go on with.

        Segments lie on a fixed grid and the unfinished one is run again, so that outputs do not depend on how a
        stream is cut into calls.
        """
        length, known = self.adapter.spec.segment_length, state.pending.shape[1]
        tokens = torch.cat([state.pending, tokens_BN.to(self.device)], dim=1)
        whole, parts, learned = tokens.shape[1] // length, list[Tensor](), state.memory
        for i in range(whole):  # a segment at a time: bounded memory, however long the stream
            out = self.stream_segments(tokens[:, None, i * length : (i + 1) * length], learned)
            parts.append(out.logits[:, 0])
            learned = out.state
        rest = tokens[:, whole * length :]
        if rest.shape[1]:
            parts.append(self.logits(rest, lambda x, ids: self._only_read(learned, x, ids)))
        return torch.cat(parts, dim=1)[:, known:], StreamPosition(learned, rest)

    def _only_read(self, state: MemoryState, x: Tensor, ids: Tensor) -> Tensor:
        recalled: Tensor = self.adapter.memory.features(self.queries(x, ids)) @ state.weights
        return recalled

    # ---- the model's own generate()

    @contextmanager
    def remembering(self, weights: Sequence[Tensor], near_S: Tensor | None = None) -> Iterator[Any]:
        """Inside, the model reads these cells' weights [F, V] at every token, also in `generate()`. Writes nothing."""

        def recall(x: Tensor, ids: Tensor) -> Tensor:
            whole, ids, start = self._looking_back(x, ids)
            queries = self.long_queries(whole, ids, start)
            return self.adapter.memory.route(self.adapter.memory.recalled(weights, queries), near_S)

        with self._recalling(recall):
            yield self.model

    @contextmanager
    def _recalling(self, recall: Recaller) -> Iterator[None]:
        self._recall, self._remembering = recall, True
        try:
            yield
        finally:
            self._recall, self._remembering = None, False

    def _looking_back(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, int]:
        """Hidden states as seen and ids of the cached tokens and the new ones, and where the new ones start."""
        past = self._seen.past if self._seen is not None else None
        history = None if past is None else cache_in(past.layers, CachedStates)
        keys, values = (None, None) if history is None else (history.keys, history.values)
        if keys is None or values is None:
            return x, ids, 0
        before = self.adapter.seen(keys[:, 0])
        return torch.cat([before, x], dim=1), torch.cat([values[:, 0, :, 0], ids], dim=1), keys.shape[-2]

    def _check_looking_back(self) -> None:
        """The hooks have to find, at each step of a generation, all that came before it."""
        known: Sequence[Tensor] = ()

        def recall(x: Tensor, ids: Tensor) -> Tensor:
            nonlocal known
            whole, every, _ = self._looking_back(x, ids)
            known = (every[0], whole[0])
            return x.new_zeros(*ids.shape, self.adapter.memory.config.d_value)

        tokens = self.tokenizer.bos + self.tokenizer.encode(CHECKED)
        with self._recalling(recall):
            check_cache(self.model, self.model.generate, tokens, lambda: known)
