"""Models of other people: found on disk or on the hub, told apart by what they hold, loaded frozen.

Only safetensors are read, and no code that comes with a model is run unless the user says so. What is on this machine
is taken as it is; the network is asked only for what is not, and never when offline.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from titans_cli.errors import GatedModelError, MemoryTooSmallError, ModelError, NoSuchModelError, WrongArchitectureError
from titans_cli.model import memo
from titans_cli.model.weights import header, require_numbers, shards
from titans_cli.steps import Hint, NextStep, Option

if TYPE_CHECKING:
    from titans_cli.model.hubtokens import HubTokenizer

WANTED = ["*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model"]
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # as torch calls them
DEVICES = ("auto", "cpu", "cuda", "mps")
_ID = re.compile(r"[\w.-]+/[\w.-]+|[\w.-]+")
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """`name`: a path, or an id of the hub; `revision`: the commit of the latter."""

    folder: Path
    name: str
    revision: str | None


def offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def find(model: str, *, revision: str | None = None, local_only: bool = False) -> ModelFolder:
    """A folder with a checkpoint, or a model of the hub: from the local cache, or else fetched.

    Raises NoSuchModelError, GatedModelError, ModelError (no network).
    """
    folder = Path(model).expanduser()
    if (folder / "config.json").is_file():
        return ModelFolder(folder.resolve(), str(folder.resolve()), None)
    if folder.is_dir() or model.startswith((".", "/", "~")) or not _ID.fullmatch(model):
        hint = "Give a folder written by save_pretrained, or an id of the hub such as Qwen/Qwen3-0.6B"
        problem = "no model there" if folder.exists() else "no such model"
        raise NoSuchModelError(problem, subject=model, hint=hint) from FileNotFoundError(str(folder / "config.json"))
    try:
        return _fetched(model, revision, local_only=True)
    except NoSuchModelError:
        if local_only or offline():
            raise NoSuchModelError("not on this machine, and offline", subject=model, hint=_pull(model)) from None
    return _fetched(model, revision, local_only=False)


def _pull(model: str) -> Hint:
    return Hint("Fetch it while online: ", NextStep("model pull", model=model))


def pull(model: str, revision: str | None = None) -> ModelFolder:
    """The newest version of a model, or the one named, from the hub."""
    if offline():
        raise ModelError(
            "offline: nothing is fetched",
            subject=model,
            hint=Hint("Leave ", Option("offline"), " and HF_HUB_OFFLINE out"),
        )
    return _fetched(model, revision, local_only=False)


def _fetched(model: str, revision: str | None, *, local_only: bool) -> ModelFolder:
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        path = snapshot_download(model, revision=revision, allow_patterns=WANTED, local_files_only=local_only)
    except GatedRepoError as error:
        hint = f"Accept its terms at https://huggingface.co/{model}, then set HF_TOKEN or run: hf auth login"
        raise GatedModelError("this model is gated", subject=model, hint=hint) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        hint = "Check the spelling; a private model needs HF_TOKEN"
        raise NoSuchModelError("no such model on the hub", subject=model, hint=hint) from error
    except LocalEntryNotFoundError as error:
        if local_only:
            raise NoSuchModelError("not on this machine", subject=model, hint=_pull(model)) from error
        raise ModelError("cannot reach the hub", subject=model, hint="Check the network, or give a folder") from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise ModelError(f"cannot fetch it ({error})", subject=model, hint="Check the network and the disk") from error
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise NoSuchModelError("holds no config.json, so no model of transformers", subject=model)
    return ModelFolder(folder, model, folder.name if _REVISION.fullmatch(folder.name) else revision)


# ---- what it holds


def weights_of(folder: ModelFolder) -> list[Path]:
    """Raises ModelError when there are no safetensors."""
    files = sorted(folder.folder.glob("*.safetensors"))
    named = folder.folder / "model.safetensors.index.json"
    if named.is_file():
        wanted = shards(named)
        files = [f for f in files if f.name in wanted]
        if lost := wanted - {f.name for f in files}:
            raise ModelError(f"lacks {', '.join(sorted(lost))}", subject=folder.name, hint=_pull(folder.name))
    else:
        files = [f for f in files if f.name == "model.safetensors"]
    if not files:
        hint = "Only safetensors are read, since other weight files can run code; convert it with save_pretrained"
        raise ModelError("holds no safetensors weights", subject=folder.name, hint=hint)
    return files


def parameters(folder: ModelFolder) -> tuple[int, int]:
    """How many numbers the checkpoint holds and how many bytes they take there, by the files' headers alone.

    Raises DamagedError, ModelError.
    """
    numbers = size = 0
    for path in weights_of(folder):
        for entry in header(path).values():
            numbers += math.prod(entry["shape"])
            size += entry["data_offsets"][1] - entry["data_offsets"][0]
    return numbers, size


def fingerprint(folder: ModelFolder, kept: Path | None = None) -> str:
    """sha256 over configuration, weights and tokenizer. `kept`: a file to keep digests of files in."""
    digest = hashlib.sha256()
    for path in [folder.folder / "config.json", *weights_of(folder)]:
        digest.update(f"{path.name} {digest_of(path, kept)}\n".encode())
    for path in sorted(p for p in folder.folder.glob("tokenizer*") if p.suffix in (".json", ".model")):
        digest.update(f"{path.name} {digest_of(path, kept)}\n".encode())
    return digest.hexdigest()


def digest_of(path: Path, kept: Path | None = None) -> str:
    """sha256 of a file. The hub's cache names large files by it; others are read, once for
    as long as nothing of them changes. `kept`: a file to keep digests in."""
    try:
        return _digest_of(path.resolve(), kept)
    except OSError as error:
        why = error.strerror or str(error)
        raise ModelError(f"cannot be read ({why})", subject=str(path), hint="Check the file and its disk") from error


def _digest_of(real: Path, kept: Path | None) -> str:
    if real.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", real.name):
        return real.name
    status = real.stat()
    key, now = str(real), memo.stamp(status)
    known = memo.recalled(kept) if kept is not None else {}
    if key in known and isinstance(known[key], list) and known[key][0] == now:
        return str(known[key][1])
    with real.open("rb") as handle:
        made = hashlib.file_digest(handle, "sha256").hexdigest()
    if kept is not None and memo.settled(status):
        memo.remember(kept, known | {key: [now, made]})
    return made


# ---- loading


def device_of(asked: str) -> str:
    """Raises ModelError for one that this machine does not have."""
    if asked == "cpu":
        return asked
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there.get(asked, False):
        has = ", ".join(name for name, here in there.items() if here)
        raise ModelError(f"no device {asked} here", hint=f"Choose auto, or one of: {has}")
    return asked


def dtype_of(asked: str, device: str) -> str:
    """auto: bf16 on an accelerator and on a processor that has instructions for it, or else fp32."""
    if asked == "auto":
        return "bf16" if device != "cpu" or multiplies_bf16() else "fp32"
    if asked not in DTYPES:
        raise ModelError(f"no such dtype: {asked}", hint=f"Choose auto, {', '.join(DTYPES)}")
    return asked


@cache
def multiplies_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor has matrix products of bf16 (AVX512-BF16, AMX); without, they are slower than fp32's."""
    try:
        flags = next(line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())


def room(device: str) -> int | None:
    """Bytes of memory free for a model; None if that cannot be told."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None


def load(folder: ModelFolder, *, device: str, dtype: str, trust_remote_code: bool = False) -> tuple[Any, HubTokenizer]:
    """The frozen model and its tokenizer. Raises ModelError and its kinds; estimates the memory before it takes any."""
    import torch
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    from titans_cli.model.hubtokens import HubTokenizer

    kept: torch.dtype = getattr(torch, DTYPES[dtype])
    numbers, _ = parameters(folder)
    needs, free = int(numbers * kept.itemsize * 1.2), room(device)
    if free is not None and needs > free:
        problem = f"needs about {needs / 1e9:.1f} GB in {dtype}, and {free / 1e9:.1f} GB are free on {device}"
        raise MemoryTooSmallError(
            problem,
            subject=folder.name,
            hint=Hint("Try ", Option("dtype", "bf16"), ", a smaller model, or another device"),
        )
    try:
        config = AutoConfig.from_pretrained(folder.folder, trust_remote_code=trust_remote_code, local_files_only=True)
    except Exception as error:  # foreign files in foreign code: anything may come
        raise _foreign(folder, error) from error
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING and not trust_remote_code:
        problem = f"wrong architecture: {config.model_type} is no causal language model"
        raise WrongArchitectureError(problem, subject=folder.name, hint="Give a decoder-only language model")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # stdout is for data, stderr for what the user has to know
    try:
        network: Any = AutoModelForCausalLM.from_pretrained(
            folder.folder,
            dtype=kept,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
        )
        backend = AutoTokenizer.from_pretrained(
            folder.folder, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except Exception as error:  # likewise
        raise _foreign(folder, error) from error
    require_numbers(network.named_parameters(), folder.name)
    tokenizer = HubTokenizer(backend, int(network.get_input_embeddings().weight.shape[0]), folder.name)
    return network.to(device).eval().requires_grad_(False), tokenizer


def _foreign(folder: ModelFolder, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:300]
    if "trust_remote_code" in str(error):
        hint = Hint("If you trust its author with your machine, repeat with ", Option("trust_remote_code"))
        return ModelError("brings code of its own, which is not run", subject=folder.name, hint=hint)
    return ModelError(
        f"cannot load the model ({reason})",
        subject=folder.name,
        hint=Hint("Check it: ", NextStep("model verify", model=folder.name)),
    )
