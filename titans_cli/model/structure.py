"""Where a causal language model of transformers keeps its parts, found by structure and not by the names of families.

A decoder-only model has, whatever it calls them: one ModuleList with as many blocks as its configuration says, token
embeddings, and an output head of the same width. Nothing else is assumed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import nn

from titans_cli.errors import WrongArchitectureError

_HINT = (
    "A memory can be attached to decoder-only language models: Llama, Qwen, Mistral, Gemma, Phi, GPT-NeoX, GPT-2, ..."
)


class Anatomy(NamedTuple):
    layers: nn.ModuleList
    embeddings: Any  # ids to [.., D]
    head: Any  # [.., D] to [.., vocabulary]
    width: int


def anatomy(model: Any, subject: str | None = None) -> Anatomy:
    """Raises WrongArchitectureError when the model is not of this kind."""
    config = model.config.get_text_config(decoder=True)
    if getattr(model.config, "is_encoder_decoder", False):
        raise WrongArchitectureError("wrong architecture: an encoder and a decoder", subject=subject, hint=_HINT)
    wanted = getattr(config, "num_hidden_layers", None)
    lists = [(name.count("."), m) for name, m in model.named_modules() if isinstance(m, nn.ModuleList)]
    stacks = sorted((depth, i) for i, (depth, m) in enumerate(lists) if len(m) == wanted)
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    if not stacks or embeddings is None or head is None:
        lacks = "output head" if stacks else f"stack of {wanted} layers"
        raise WrongArchitectureError(
            f"wrong architecture: no {lacks} found in {type(model).__name__}", subject=subject, hint=_HINT
        )
    width = int(embeddings.weight.shape[1])
    if head.weight.shape[1] != width or getattr(config, "hidden_size", width) != width:
        problem = "wrong architecture: embeddings, layers and output head differ in width"
        raise WrongArchitectureError(problem, subject=subject, hint=_HINT)
    layers = lists[stacks[0][1]][1]
    assert isinstance(layers, nn.ModuleList)
    return Anatomy(layers, embeddings, head, width)
