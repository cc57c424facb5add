"""Tiny GGUF files, as llama.cpp's converter writes them of a Llama of transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.model.backbones import VOCABULARY
from titans_cli.model.tokenizer import TitansTokenizer

BLOCK = 32  # weights that share a scale; a row that is no multiple of them stays as it is
_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write(
    path: Path,
    model: Any,
    tokenizer: TitansTokenizer,
    *,
    kind: str = "F32",
    architecture: str = "llama",
    parts: int = 1,
    without: str = "no tensor",
) -> Path:
    """`kind`: of most matrices, as GGUF names it. `without`: a tensor to leave out."""
    config, quantised = model.config, gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_name("Tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(VOCABULARY)
    if parts > 1:
        writer.add_uint16("split.count", parts)
    _tokenizer(writer, tokenizer)
    for name, tensor in model.state_dict().items():
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        values = tensor.float().numpy()
        if (part := name.split(".")[-2]) in heads:
            values = _paired(values, heads[part])
        called = _NAMES.get(name) or _layered(name)
        if called == without:
            continue
        if values.ndim > 1 and kind not in ("F32", "F16") and values.shape[-1] % BLOCK == 0:
            writer.add_tensor(called, gguf.quants.quantize(values, quantised), raw_dtype=quantised)
        else:
            writer.add_tensor(called, values.astype(np.float16) if values.ndim > 1 and kind == "F16" else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _layered(name: str) -> str:
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{_IN_LAYER[rest.removesuffix('.weight')]}.weight"


def _paired(weight: Any, heads: int) -> Any:
    """Rotary pairs side by side, as llama.cpp has them, and not in two halves."""
    rows = weight.shape[0] // heads // 2
    return weight.reshape(heads, 2, rows, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def _tokenizer(writer: Any, tokenizer: TitansTokenizer) -> None:
    told = json.loads(tokenizer.backend.to_str())
    vocabulary = sorted(told["model"]["vocab"].items(), key=lambda entry: entry[1])
    texts = [text for text, _ in vocabulary] + [f"[unused{n}]" for n in range(len(vocabulary), VOCABULARY)]
    special = {entry["content"] for entry in told["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    writer.add_token_types([gguf.TokenType.CONTROL if text in special else gguf.TokenType.NORMAL for text in texts])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in told["model"]["merges"]])
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(1)
    writer.add_pad_token_id(0)
