"""The native models as transformers models: config, save_pretrained/from_pretrained, generate(), Auto classes.

`config.variant` says which network it is. Each of them reads a stream from a state to the next (`initial_state`,
`stream`), and logits do not depend on how the stream was cut into calls; the cache carries that state. It may be given
as `cache` or as `past_key_values`, its name in older releases of transformers, and comes back under the release's name.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from titans_cli.model.generation import CACHE, cache_in, check_cache
from titans_cli.model.network import TitansNetwork
from titans_cli.model.spec import TitansSpec
from titans_cli.model.tokenizer import END, PAD
from titans_cli.paper.variants import StackNetwork, build


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
        self.num_hidden_layers = self.spec.n_layers
        super().__init__(**kwargs)

    @property
    def spec(self) -> TitansSpec:
        return TitansSpec.from_dict(self.to_dict())


class TitansCache:
    """Where a stream stands: the network's state, a value of nested tuples of tensors [B, ...], and tokens seen."""

    is_compileable = is_croppable = False

    def __init__(self, state: Any, seen: int = 0) -> None:
        self.state, self.seen = state, seen

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.seen

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self.state = _select(self.state, beam_idx)


def _select(state: Any, streams: Tensor) -> Any:
    """The state of the chosen streams of a batch."""
    if isinstance(state, Tensor):
        return state.index_select(0, streams)
    if not isinstance(state, tuple):
        return state
    parts = [_select(part, streams) for part in state]
    return state._make(parts) if hasattr(state, "_make") else tuple(parts)


class TitansForCausalLM(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """A native network with the interface of a causal language model. The embedding is also the output layer."""

    config_class = TitansConfig
    base_model_prefix = "network"
    cache_works = False  # not known yet
    main_input_name = "input_ids"

    def __init__(self, config: TitansConfig) -> None:
        super().__init__(config)
        self.network = build(config.spec)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: torch.nn.Module) -> None:
        if isinstance(module, TitansNetwork | StackNetwork):
            module.reset_parameters()

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.network.embedding

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """As transformers has it; the first call in a process checks that the cache is used. Raises ModelError."""
        if not TitansForCausalLM.cache_works:
            self._check_cache()
            TitansForCausalLM.cache_works = True
        return super().generate(*args, **kwargs)

    def _check_cache(self) -> None:
        """Nothing but the new tokens may be read at a step: so a generation reads as many tokens as one pass does."""
        read = 0

        def count(_: Any, __: Any, inputs: dict[str, Any]) -> None:
            nonlocal read
            read += inputs["input_ids"].shape[1]

        def counted() -> list[Tensor]:
            nonlocal read
            counts, read = torch.tensor([read]), 0
            return [counts]

        hook = self.register_forward_pre_hook(count, with_kwargs=True)
        try:
            check_cache(self, super().generate, range(END + 1, END + 7), counted)
        finally:
            hook.remove()

    def prepare_inputs_for_generation(self, input_ids: Tensor, **kwargs: Any) -> dict[str, Any]:
        cache = cache_in(kwargs.values(), TitansCache)
        inputs = {"input_ids": input_ids[:, cache.seen if cache else 0 :], CACHE: cache}
        return inputs | {k: kwargs[k] for k in ("attention_mask", "use_cache", "memory") if k in kwargs}

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: TitansCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        memory: bool = True,
        past_key_values: TitansCache | None = None,
        **_: Any,
    ) -> CausalLMOutputWithPast:
        """Logits [B, n, vocabulary] of the n new tokens. `memory=False` switches reading and writing off.

        Raises ValueError for padded batches: a stream has no holes.
        """
        if attention_mask is not None and not bool(attention_mask.all()):
            raise ValueError("this model reads streams: give sequences of equal length, without padding")
        past = cache or past_key_values or TitansCache(self.network.initial_state(len(input_ids)))
        hidden, state = self.network.stream(input_ids, past.state, memory=memory)
        logits = self.network.logits(hidden)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        after = None if use_cache is False else TitansCache(state, past.seen + input_ids.shape[1])
        output: dict[str, Any] = {"loss": loss, "logits": logits, CACHE: after}
        return CausalLMOutputWithPast(**output)


def register() -> None:
    """Make AutoConfig and AutoModelForCausalLM know `model_type: titans`. Safe to call again."""
    AutoConfig.register("titans", TitansConfig, exist_ok=True)
    AutoModelForCausalLM.register(TitansConfig, TitansForCausalLM, exist_ok=True)


register()
__all__ = ["TitansCache", "TitansConfig", "TitansForCausalLM", "register"]
