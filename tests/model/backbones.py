"""Tiny causal language models of several families, random weights, as transformers makes them: nothing is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from titans_cli.model.tokenizer import TitansTokenizer

VOCABULARY = 512
_ROPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 4096,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _ROPE,
    "qwen2": _ROPE | {"use_sliding_window": False},
    "qwen3": _ROPE,
    "mistral": _ROPE | {"sliding_window": 24},
    "gemma": _ROPE,
    "gemma2": _ROPE | {"sliding_window": 24, "query_pre_attn_scalar": 16},
    "phi": {k: v for k, v in _ROPE.items() if k != "head_dim"} | {"num_key_value_heads": 2},
    "gpt_neox": {k: v for k, v in _ROPE.items() if k not in ("head_dim", "num_key_value_heads")},
    "gpt2": {"n_embd": 32, "n_layer": 4, "n_head": 2, "n_positions": 256},
}


def backbone(family: str, seed: int = 0) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tokens = {"vocab_size": VOCABULARY, "eos_token_id": 1, "bos_token_id": None, "pad_token_id": 0}
        config = AutoConfig.for_model(family, **FAMILIES[family], **tokens)
        model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
        with torch.no_grad():  # as wide apart as those of a trained model
            model.get_input_embeddings().weight.normal_()
    return model.eval()


def fast_tokenizer(tokenizer: TitansTokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer.backend, eos_token="<|end|>", pad_token="<|pad|>", clean_up_tokenization_spaces=False
    )


def checkpoint(folder: Path, tokenizer: TitansTokenizer, family: str = "llama", **more: Any) -> Path:
    """A folder as the hub hands one out."""
    backbone(family).save_pretrained(folder, **more)
    fast_tokenizer(tokenizer).save_pretrained(folder)
    return folder
