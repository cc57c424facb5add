"""A sentence encoder that is not ours: any checkpoint that transformers loads, pooled as its own files say.

What sentence-transformers writes beside a checkpoint (modules.json, the pooling's config.json, prompts) is followed as
far as it can be followed without that library; without such files tokens are averaged. A checkpoint that asks for
something else is refused: embeddings pooled another way than in training find the wrong things without saying so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from logging import ERROR
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from titans_cli.errors import ModelError
from titans_cli.model.weights import header, require_numbers
from titans_cli.steps import Hint, Option

BATCH = 32  # texts of one pass, of about one length
LONGEST = 512  # tokens, when a checkpoint does not say
POOLINGS = ("mean", "cls", "max", "lasttoken")
_HINT = Hint(
    "Give a folder or a Hugging Face id of an encoder with safetensors weights, or leave ",
    Option("landmark_model"),
    " out",
)
_KNOWN = {"Transformer", "Pooling", "Normalize"}


class SentenceEncoder:
    """Texts to unit vectors. Load with `load_encoder`."""

    def __init__(
        self, model: Any, tokenizer: Any, name: str, pooling: str, longest: int, prompts: dict[str, str] | None = None
    ) -> None:
        self.model, self.tokenizer, self.name = model.eval().requires_grad_(False), tokenizer, name
        self.pooling, self.longest, self.prompts = pooling, longest, prompts or {}
        self.width = int(model.config.hidden_size)
        self.fingerprint = self._fingerprint()

    def question(self, text: str) -> Tensor:
        """The vector [L] of a question."""
        return self._encode([self.prompts.get("query", "") + text])[0]

    def passages(self, texts: Sequence[str]) -> Tensor:
        """The vectors [N, L] of passages."""
        prompt = self.prompts.get("document", self.prompts.get("passage", ""))
        return self._encode([prompt + text for text in texts])

    @torch.inference_mode()
    def _encode(self, texts: Sequence[str]) -> Tensor:
        rows = torch.empty(len(texts), self.width)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            inputs = self.tokenizer(
                [texts[i] for i in some], padding=True, truncation=True, max_length=self.longest, return_tensors="pt"
            )
            states = self.model(**inputs).last_hidden_state.float()
            rows[some] = F.normalize(self._pooled(states, inputs["attention_mask"].bool()), dim=-1)
        return rows

    def _pooled(self, states_BCD: Tensor, mask_BC: Tensor) -> Tensor:
        mask_BC1 = mask_BC.unsqueeze(-1)
        if self.pooling == "mean":
            return (states_BCD * mask_BC1).sum(1) / mask_BC1.sum(1).clamp(min=1)
        if self.pooling == "max":
            return states_BCD.masked_fill(~mask_BC1, -torch.inf).amax(1)
        at = torch.arange(mask_BC.shape[1])
        first, last = mask_BC.int().argmax(1), (mask_BC * at).amax(1)  # whichever side is padded
        return states_BCD[torch.arange(len(states_BCD)), first if self.pooling == "cls" else last]

    def _fingerprint(self) -> str:
        """Of all that decides a vector: weights, tokenizer, pooling."""
        how = [self.pooling, self.longest, sorted(self.prompts.items()), sorted(self.tokenizer.get_vocab().items())]
        digest = hashlib.sha256(json.dumps(how).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()


def load_encoder(name: str) -> SentenceEncoder:
    """`name` is a folder or a Hugging Face id; safetensors only, and no code of the checkpoint's is run.

    Raises DamagedError, or ModelError, saying what is missing or cannot be followed.
    """
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    for path in sorted(Path(name).glob("*.safetensors")) if Path(name).is_dir() else ():
        header(path)
    pooling, longest, prompts = _configured(name)
    verbosity = logging.get_verbosity()
    logging.set_verbosity(ERROR)  # heads that embeddings do not need may be missing
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModel.from_pretrained(name, use_safetensors=True, dtype=torch.float32)
    except Exception as error:  # foreign files in foreign code: anything may come
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"cannot load the sentence encoder ({reason})", subject=name, hint=_HINT) from error
    finally:
        logging.set_verbosity(verbosity)
    require_numbers(model.named_parameters(), name)
    if not hasattr(model.config, "hidden_size") or getattr(model.config, "is_encoder_decoder", False):
        raise ModelError("not an encoder of sentences", subject=name, hint=_HINT)
    if tokenizer.pad_token is None:
        raise ModelError("its tokenizer has no padding token", subject=name, hint=_HINT)
    limits = (longest or LONGEST, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", LONGEST))
    return SentenceEncoder(model, tokenizer, name, pooling, min(limits), prompts)


def _configured(name: str) -> tuple[str, int | None, dict[str, str]]:
    """Pooling, longest text in tokens, and prompts, from what sentence-transformers wrote; mean without it."""
    modules = _read(name, "modules.json")
    if modules is None:
        return "mean", None, {}
    try:
        kinds = [str(m["type"]).rsplit(".", 1)[-1] for m in modules]
        unknown = sorted(set(kinds) - _KNOWN)
        if unknown:
            problem = f"its embeddings need a step that is not followed here: {', '.join(unknown)}"
            raise ModelError(problem, subject=name, hint=_HINT)
        folder = next((m["path"] for m, kind in zip(modules, kinds, strict=True) if kind == "Pooling"), None)
        pooling = "mean" if folder is None else _pooling(name, _read(name, f"{folder}/config.json") or {})
        longest = (_read(name, "sentence_bert_config.json") or {}).get("max_seq_length")
        prompts = (_read(name, "config_sentence_transformers.json") or {}).get("prompts") or {}
        return pooling, longest, {str(k): str(v) for k, v in prompts.items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"its modules.json makes no sense ({error})", subject=name, hint=_HINT) from error


def _pooling(name: str, config: dict[str, Any]) -> str:
    """The one kind of pooling that a Pooling module's config.json names."""
    named = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max", "lasttoken": "lasttoken"}
    kinds = [kind for key, kind in named.items() if config.get(f"pooling_mode_{key}")]
    others = [key for key, on in config.items() if key.startswith("pooling_mode_") and on is True]
    if isinstance(config.get("pooling_mode"), str):  # newer releases write the name alone
        kinds, others = [config["pooling_mode"]], [config["pooling_mode"]]
    if len(others) != 1 or len(kinds) != 1 or kinds[0] not in POOLINGS:
        listed = ", ".join(others) or "none named"
        raise ModelError(f"its pooling is not followed here ({listed})", subject=name, hint=_HINT)
    return kinds[0]


def _read(name: str, file: str) -> Any:
    """A JSON file of the checkpoint's, or None when it has none of this name."""
    from transformers.utils.hub import cached_file

    try:
        if Path(name).is_dir():
            path = Path(name) / file
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        cached = cached_file(name, file, _raise_exceptions_for_missing_entries=False)
        return None if cached is None else json.loads(Path(cached).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"cannot read its {file} ({reason})", subject=name, hint=_HINT) from error
