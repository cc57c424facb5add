"""What generating with every supported transformers needs: the cache found, and shown to work before it is relied on.

Releases differ in how they name the cache: arguments and outputs said `past_key_values`, and say `cache` since 5.24. So
a cache is known by its type, not by its name, and where one has to be given, it goes under the name of the release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from math import sqrt
from typing import Any, TypeVar

import torch
import transformers
from torch import Tensor
from transformers.modeling_outputs import CausalLMOutputWithPast

from titans_cli.errors import ModelError, TitansError
from titans_cli.steps import Hint, NextStep

CACHE = next(f.name for f in fields(CausalLMOutputWithPast) if f.name in ("cache", "past_key_values"))
GREEDY: dict[str, Any] = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
STEPS = 3  # tokens the check below generates: the first has no past, the second is the first that has
LARGEST = 0.2  # of the norm of what is compared; rounding in half precision moves it by hundredths

Kind = TypeVar("Kind")


def cache_in(values: Iterable[Any], kind: type[Kind]) -> Kind | None:
    """The cache among a call's arguments or an output's fields."""
    return next((value for value in values if isinstance(value, kind)), None)


def check_cache(
    model: Any, generate: Callable[..., Any], tokens: Sequence[int], known: Callable[[], Sequence[Tensor]]
) -> None:
    """Generate a few tokens with the cache and read the same ones without it; both have to say the same.

    `known()`: what else has to be the same, after the last step and after the pass without the cache. Takes
    `STEPS + 1` passes over a handful of tokens. Raises ModelError.
    """
    ids = torch.tensor([list(tokens)], device=model.device)
    options = {"max_new_tokens": STEPS, "min_new_tokens": STEPS, "output_logits": True, "return_dict_in_generate": True}
    try:
        with torch.no_grad():
            stepwise = generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True, pad_token_id=0, **options, **GREEDY
            )
            with_cache = [stepwise.logits[-1][0], *known()]
            logits = model(input_ids=stepwise.sequences[:, :-1], use_cache=False).logits[0, -1]
            without = [logits, *known()]
    except TitansError:
        raise
    except Exception as error:
        raise _unfit(model, f"generating with a cache fails ({error})") from error
    if not all(_alike(a, b) for a, b in zip(with_cache, without, strict=True)):
        raise _unfit(model, "with its cache the model does not say what it says without")


def _alike(a: Tensor, b: Tensor) -> bool:
    """Are they equal but for rounding?"""
    if a.shape != b.shape:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    limit = min(LARGEST, 2 * sqrt(torch.finfo(a.dtype).eps))
    finite = a.isfinite() & b.isfinite()  # logits of words that may not be said are -inf
    a, b = a[finite].float(), b[finite].float()
    return bool((a - b).norm() <= limit * b.norm())


def _unfit(model: Any, problem: str) -> ModelError:
    return ModelError(
        f"{problem} ({type(model).__name__}, transformers {transformers.__version__}); its answers would be wrong",
        subject=getattr(model, "name_or_path", "") or type(model).__name__,
        hint=Hint("Install a transformers that was tested with this version; this names them: ", NextStep("doctor")),
    )
