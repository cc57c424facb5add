"""The native model as a transformers model: config, save_pretrained/from_pretrained, generate(), Auto classes.

A stream given as `input_ids` is cut into segments of `segment_length` tokens on a fixed grid. The cache carries the
memory as it stood before the unfinished segment, and that segment's tokens; a step of decoding runs the unfinished
segment again, so logits do not depend on how the stream was cut into calls.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from titans_cli.memory import MemoryState
from titans_cli.model.network import TitansNetwork
from titans_cli.model.spec import TitansSpec
from titans_cli.model.tokenizer import END, PAD


class TitansConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """`TitansSpec` under transformers' roof; every field of the spec is a keyword."""

    model_type = "titans"
    attribute_map = {"hidden_size": "d_model", "num_attention_heads": "n_heads"}  # noqa: RUF012  transformers' idiom

    def __init__(self, **kwargs: Any) -> None:
        for name, value in TitansSpec.from_dict(kwargs).to_dict().items():
            setattr(self, name, kwargs.pop(name, value))
        kwargs.setdefault("pad_token_id", PAD)
        kwargs.setdefault("eos_token_id", END)
        kwargs.setdefault("bos_token_id", None)
        self.num_hidden_layers = self.lower_layers + 1 + self.upper_layers
        super().__init__(**kwargs)

    @property
    def spec(self) -> TitansSpec:
        return TitansSpec.from_dict(self.to_dict())


class TitansCache:
    """The memory before the unfinished segment, and that segment's tokens [B, n]."""

    is_compileable = False

    def __init__(self, state: MemoryState, pending: Tensor, seen: int = 0) -> None:
        self.state, self.pending, self.seen = state, pending, seen

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.seen

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self.state = MemoryState(*(t.index_select(0, beam_idx) for t in self.state))
        self.pending = self.pending.index_select(0, beam_idx)


class TitansForCausalLM(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """`TitansNetwork` with the interface of a causal language model. The embedding is also the output layer."""

    config_class = TitansConfig
    base_model_prefix = "network"
    main_input_name = "input_ids"

    def __init__(self, config: TitansConfig) -> None:
        super().__init__(config)
        self.network = TitansNetwork(config.spec)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: torch.nn.Module) -> None:
        if isinstance(module, TitansNetwork):
            module.reset_parameters()

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.network.embedding

    def prepare_inputs_for_generation(  # type: ignore[override]  # the cache is ours, and says how much it has seen
        self, input_ids: Tensor, past_key_values: TitansCache | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        seen = 0 if past_key_values is None else past_key_values.seen
        inputs = {"input_ids": input_ids[:, seen:], "past_key_values": past_key_values}
        return inputs | {k: kwargs[k] for k in ("attention_mask", "use_cache", "memory") if k in kwargs}

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: TitansCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        memory: bool = True,
        **_: Any,
    ) -> CausalLMOutputWithPast:
        """Logits [B, n, vocabulary] of the n new tokens. `memory=False` switches reading and writing off.

        Raises ValueError for padded batches: a stream has no holes.
        """
        if attention_mask is not None and not bool(attention_mask.all()):
            raise ValueError("a titans model reads streams: give sequences of equal length, without padding")
        cache = past_key_values
        if cache is None:
            cache = TitansCache(self.network.memory.initial_state(len(input_ids)), input_ids[:, :0])
        length = self.network.spec.segment_length
        tokens = torch.cat([cache.pending, input_ids], dim=1)
        whole = tokens.shape[1] // length
        parts, state = [], cache.state
        if whole:
            grid = torch.unflatten(tokens[:, : whole * length], 1, (whole, length))
            out = self.network(grid, torch.ones_like(grid, dtype=torch.bool), state, memory=memory)
            parts, state = [out.hidden.flatten(1, 2)], out.state
        rest = tokens[:, whole * length :]
        if rest.shape[1]:
            x = self.network.trunk(rest)
            parts.append(self.network.head(x, self.network.read(state, x) if memory else None))
        hidden = torch.cat(parts, dim=1)[:, cache.pending.shape[1] :]
        logits = self.network.logits(hidden)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        after = None if use_cache is False else TitansCache(state, rest, cache.seen + input_ids.shape[1])
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=after)  # type: ignore[arg-type]


def register() -> None:
    """Make AutoConfig and AutoModelForCausalLM know `model_type: titans`. Safe to call again."""
    AutoConfig.register("titans", TitansConfig, exist_ok=True)
    AutoModelForCausalLM.register(TitansConfig, TitansForCausalLM, exist_ok=True)


register()
__all__ = ["TitansCache", "TitansConfig", "TitansForCausalLM", "register"]
