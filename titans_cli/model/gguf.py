"""GGUF files, made into a folder that transformers loads: dequantised, and written as safetensors.

transformers does the reading (extra `gguf`); here is what it leaves to others: telling what cannot be read and why,
insisting that nothing is left quantised or made up, and writing what it will not write itself.

Quantised weights are kept in bf16: a sixteenth of a step of Q4 is lost, and it is what nearly all of these models were
trained in. Whole ones keep their own type.
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titans_cli.errors import MemoryTooSmallError, ModelError, WrongArchitectureError
from titans_cli.model import hub

if TYPE_CHECKING:
    import torch

NEEDS = ("gguf", "accelerate")
_MAGIC = b"GGUF"
_WHOLE = {"F32": "float32", "F64": "float32", "F16": "float16", "BF16": "bfloat16"}


def is_gguf(path: Path) -> bool:
    """Whether this is meant to be one: by its first bytes, or by its name when it is a file."""
    return path.is_file() and (path.suffix.lower() == ".gguf" or _begins(path))


def _begins(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            return handle.read(4) == _MAGIC
    except OSError:
        return False


def dequantise(path: Path, folder: Path) -> None:
    """Write the model of a GGUF file into a folder: configuration, tokenizer, safetensors.

    Raises ModelError, WrongArchitectureError, MemoryTooSmallError. OSError of the folder is the caller's.
    """
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        problem = f"reading GGUF needs {' and '.join(missing)}"
        raise ModelError(problem, subject=str(path), hint="Install it: pip install 'titans-cli[gguf]'")
    dtype = _examined(path)
    network, tokenizer = _loaded(path, dtype)
    _written(network, tokenizer, folder)


def _examined(path: Path) -> torch.dtype:
    """What the weights are best kept in, by the file's header; and everything that can be told by it alone."""
    import gguf
    import torch
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    if not _begins(path):
        raise ModelError("is no GGUF: it begins with other bytes", subject=str(path), hint="Fetch or copy it again")
    try:
        reader = gguf.GGUFReader(str(path))
        architecture = str(reader.fields["general.architecture"].contents())
        parts = reader.fields.get("split.count")
        count = 1 if parts is None else int(parts.contents())
        matrices = Counter[str]()
        numbers = 0
        for tensor in reader.tensors:
            numbers += int(tensor.n_elements)
            if len(tensor.shape) > 1:
                matrices[tensor.tensor_type.name] += int(tensor.n_elements)
    except Exception as error:  # a damaged header fails anywhere in numpy and in the package
        reason = f"{type(error).__name__}: {error}"[:200]
        raise ModelError(
            f"cannot be read as GGUF ({reason})", subject=str(path), hint="It is damaged or cut short: fetch it again"
        ) from error
    if count > 1:
        hint = "Put them together first: llama-gguf-split --merge FIRST.gguf WHOLE.gguf"
        raise ModelError(f"is one of {count} parts of a model", subject=str(path), hint=hint)
    if architecture not in GGUF_SUPPORTED_ARCHITECTURES:
        known = ", ".join(sorted(GGUF_SUPPORTED_ARCHITECTURES))
        problem = f"wrong architecture: transformers cannot read {architecture!r} from GGUF"
        raise WrongArchitectureError(problem, subject=str(path), hint=f"It reads {known}")
    if not matrices:
        raise ModelError("holds no weights", subject=str(path), hint="Give the GGUF of a language model")
    needs, free = numbers * 4 * 1.3, hub.room("cpu")  # unpacked by transformers in single precision
    if free is not None and needs > free:
        problem = f"dequantising needs about {needs / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        raise MemoryTooSmallError(problem, subject=str(path), hint="Take a smaller model")
    (kind, _), *_ = matrices.most_common(1)
    kept: torch.dtype = getattr(torch, _WHOLE.get(kind, "bfloat16"))
    return kept


def _loaded(path: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    how: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    config = getattr(transformers, "GgufConfig", None)  # newer releases may leave weights packed unless told not to
    packed = {} if config is None else {"quantization_config": config(dequantize=True)}
    with _silent():
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                path.parent, dtype=dtype, output_loading_info=True, **packed, **how
            )
            network, notes = loaded
        except Exception as error:  # of any kind, by which tensor or key it was that had no place
            unable = isinstance(error, NotImplementedError)
            problem = "cannot be dequantised" if unable else "cannot be loaded"
            hint = "Take the same model in another quantisation, such as Q4_K_M or Q8_0"
            raise ModelError(
                f"{problem} ({type(error).__name__}: {' '.join(str(error).split())[:200]})",
                subject=str(path),
                hint=hint,
            ) from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(path.parent, **how)
        except Exception as error:
            problem = f"its tokenizer cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
            raise ModelError(problem, subject=str(path), hint="Give a folder written by save_pretrained") from error
    lacks = sorted(notes["missing_keys"]) + sorted(str(key) for key, *_ in notes.get("mismatched_keys", ()))
    if lacks:  # transformers makes up what is missing
        problem = f"lacks {len(lacks)} of the model's weights, {lacks[0]} among them"
        raise ModelError(problem, subject=str(path), hint="Take another file of the same model")
    if any(not p.is_floating_point() for p in network.parameters()):
        raise ModelError("was left quantised by transformers", subject=str(path), hint="Update transformers")
    return network, tokenizer


def _written(network: Any, tokenizer: Any, folder: Path) -> None:
    """As a model that never was quantised: one that was, transformers does not save."""
    import torch
    from transformers import AutoModelForCausalLM

    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
    with _silent():
        with torch.device("meta"):
            plain = AutoModelForCausalLM.from_config(network.config, dtype=network.dtype)  # type: ignore[no-untyped-call]
        plain.load_state_dict(network.state_dict(), assign=True)
        plain.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    for name in ("config.json", "generation_config.json"):
        # the same file makes the same bytes, whichever version of transformers wrote them
        _change(folder / name, lambda values: values.pop("transformers_version", None))
    # what the tokenizer's kind is used to and this file has not, transformers adds, beyond what the model has rows for
    rows = int(plain.get_input_embeddings().weight.shape[0])
    _change(folder / "tokenizer.json", lambda values: _cut(values, rows))


def _change(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _cut(tokenizer: dict[str, Any], rows: int) -> None:
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["id"] < rows]


@contextmanager
def _silent() -> Iterator[None]:
    """Without the bars and the warnings of transformers: stderr is for what the user has to know."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with redirect_stderr(io.StringIO()):  # one of its bars listens to nobody
            yield
    finally:
        logging.set_verbosity(before)
