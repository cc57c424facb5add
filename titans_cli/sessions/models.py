"""What is done with models: list, describe, fetch, check them, and train a memory for one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from titans_cli.errors import DamagedError, Interrupted, ReadError, UsageError
from titans_cli.records import Loading
from titans_cli.sessions.engines import is_native, places
from titans_cli.sessions.machine import default_threads
from titans_cli.steps import AGAIN, Hint, NextStep, Option
from titans_cli.store.files import storage_errors


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model on this machine, or the embedded one."""

    name: str
    folder: str
    kind: str  # model_type of its configuration; "titans" is native
    revision: str | None
    parameters: int
    bytes: int
    adapters: tuple[str, ...] = ()  # files, the newest first
    fingerprint: str | None = None
    card: str | None = None  # the embedded model's


@dataclass(frozen=True, slots=True)
class ModelCheck:
    name: str
    fingerprint: str
    files: tuple[tuple[str, str], ...]  # name, sha256
    adapters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adapting:
    """Progress of `adapt`; the last one names the adapter."""

    step: int
    steps: int
    answer: float
    text: float
    seconds: float
    adapter: str | None = None


def info(model: str | None, loading: Loading) -> ModelInfo:
    """Raises NoSuchModelError, ModelError."""
    if model is None or is_native(model):
        from titans_cli.model.engine import EMBEDDED, EMBEDDED_PATH, Engine

        engine = Engine.load(None if model in (None, EMBEDDED) else Path(model or "").expanduser())
        folder = EMBEDDED_PATH if engine.name == EMBEDDED else Path(engine.name)
        count = sum(p.numel() for p in engine.network.parameters())
        return _native(engine.name, folder, count, engine.fingerprint)
    from titans_cli.model import hub, named

    where = places()
    kept = named.find(model, where.root, revision=loading.revision)
    digest = hub.fingerprint(kept, where.digests)
    return replace(_described(kept), adapters=tuple(map(str, where.adapters(digest))), fingerprint=digest)


def _native(name: str, folder: Path, count: int, fingerprint: str) -> ModelInfo:
    size = (folder / "model.safetensors").stat().st_size
    card = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").is_file() else None
    return ModelInfo(name, str(folder), "titans", None, count, size, (), fingerprint, card)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that has a name here: `titans model pull NAME` fetches it."""

    name: str
    about: str
    licence: str
    parameters: int
    bytes: int  # to be fetched, from the package registry
    here: bool


def fetchable() -> list[KnownModel]:
    """The named models, whether they are on this machine or not."""
    from titans_cli.model.named import NAMED, folder_of

    root = places().root
    return [
        KnownModel(m.name, m.about, m.licence, m.parameters, m.wheel.size, folder_of(m.name, root).is_dir())
        for m in NAMED.values()
    ]


def list_models() -> list[ModelInfo]:
    """The embedded model, the named ones that were fetched, and what the hub's cache holds."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    from titans_cli.errors import ModelError
    from titans_cli.model import hub, named

    models = [_embedded()]
    models += [_described(named.find(m.name, places().root)) for m in fetchable() if m.here]
    try:
        repos = sorted(scan_cache_dir(constants.HF_HUB_CACHE).repos, key=lambda r: r.repo_id)
    except CacheNotFound:
        return models
    for repo in repos:
        for revision in sorted(repo.revisions, key=lambda r: r.commit_hash) if repo.repo_type == "model" else ():
            folder = hub.ModelFolder(Path(revision.snapshot_path), repo.repo_id, revision.commit_hash)
            try:
                models.append(_described(folder))
            except (ModelError, DamagedError, OSError, ValueError):  # no weights that could be read: none for this tool
                continue
    return models


def _embedded() -> ModelInfo:
    """The embedded model, not loaded if it ever was."""
    from titans_cli.model import hub, known
    from titans_cli.model.interface import EMBEDDED, EMBEDDED_PATH

    identity = known.native(None, places().root)
    fingerprint = known.fingerprint(identity, places().root) if identity else None
    if fingerprint is None:
        return info(None, Loading())
    numbers, _ = hub.parameters(hub.ModelFolder(EMBEDDED_PATH, EMBEDDED, None))
    return _native(EMBEDDED, EMBEDDED_PATH, numbers, fingerprint)


def _described(folder: Any) -> ModelInfo:
    from titans_cli.model import hub
    from titans_cli.model.weights import table

    config = table(folder.folder / "config.json")
    numbers, size = hub.parameters(folder)
    kind = str(config.get("model_type", "?"))
    return ModelInfo(folder.name, str(folder.folder), kind, folder.revision, numbers, size)


def pull(
    model: str,
    loading: Loading,
    *,
    source: str = "auto",
    file: str | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> ModelInfo:
    """Fetch a named model from the package registry or the hub, or make it of a `file`; any other from the hub.

    `tell` is called with what is being done. Raises UsageError, NoSuchModelError, GatedModelError, ModelError,
    DamagedError (not the bytes it should be), StorageError.
    """
    from titans_cli.model import hub, named

    if model in named.NAMED:
        if loading.revision is not None:
            hint = Hint("Leave ", Option("revision"), " out, or name the repository of the hub")
            raise UsageError("a named model has a revision of its own", subject=model, hint=hint)
        given = Path(file) if file is not None else None
        return _described(named.fetch(model, places().root, source=source, file=given, tell=tell))
    if file is not None or source not in ("auto", "hub"):
        hint = Hint(f"There are {', '.join(named.NAMED)}; any GGUF is taken by ", Option("model", "FILE.gguf"))
        raise UsageError("a place to fetch it from, or a file, is for named models", subject=model, hint=hint)
    if hub.offline():
        hint = Hint("Leave ", Option("offline"), " and HF_HUB_OFFLINE out")
        raise UsageError("it cannot be fetched without the network", subject=model, hint=hint)
    return _described(hub.pull(model, loading.revision))


def verify(model: str | None, loading: Loading) -> ModelCheck:
    """Read every byte, load the model and look for its parts. Raises DamagedError, ModelError and its kinds."""
    if model is None or is_native(model):
        engine_info = info(model, loading)
        folder = Path(engine_info.folder)
        files = [(p.name, _sha256(p)) for p in sorted(folder.glob("*.json")) + sorted(folder.glob("*.safetensors"))]
        return ModelCheck(engine_info.name, engine_info.fingerprint or "", tuple(files), ())
    from titans_cli.model import adapter, hub
    from titans_cli.model.assemble import backbone_of
    from titans_cli.model.structure import anatomy

    where = places()
    kept, backbone, settled = backbone_of(model, loading, where)
    files = []
    for path in [kept.folder / "config.json", *hub.weights_of(kept)]:
        read = _sha256(path)
        if read != hub.digest_of(path, where.digests):
            fetch = NextStep("model pull", model=model)
            hint = Hint(f"Fetch it again: remove {path.resolve()}, then ", fetch)
            raise DamagedError("is not what was fetched", subject=str(path), hint=hint)
        files.append((path.name, read))
    network, _ = hub.load(kept, device=settled.device, dtype=settled.dtype, trust_remote_code=settled.trust_remote_code)
    anatomy(network, kept.name)
    adapters = where.adapters(backbone)
    for path in adapters:
        adapter.load(path, backbone)
        if not path.stem.endswith(_sha256(path)[:16]):
            raise DamagedError("the adapter is not what was trained", subject=str(path), hint="Remove it")
    return ModelCheck(kept.name, backbone, tuple(files), tuple(map(str, adapters)))


def adapt(
    model: str,
    paths: Sequence[str],
    loading: Loading,
    *,
    steps: int,
    out: str | None = None,
    depth: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Adapting]:
    """Train the memory's parts for a model on the user's text and on recall tasks; continues where it was stopped.

    Raises UsageError (too little text, the embedded model), ModelError and its kinds, Interrupted (a checkpoint stays).
    """
    if is_native(model):
        raise UsageError(
            "the embedded model and its kin bring their own memory", subject=model, hint="See docs/models.md"
        )
    import torch

    from titans_cli.model import hub
    from titans_cli.model.assemble import attach_new, backbone_of
    from titans_cli.model.calibrate import calibrate
    from titans_cli.train.adapt import AdaptationPlan, AdapterTrainer, corpus_of

    torch.set_num_threads(default_threads())
    where = places()
    folder, backbone, settled = backbone_of(model, loading, where)
    network, tokenizer = hub.load(
        folder, device=settled.device, dtype=settled.dtype, trust_remote_code=settled.trust_remote_code
    )
    attached = attach_new(network, tokenizer, folder.name, depth)
    calibrate(attached)
    working = Path(out).expanduser() if out else where.root / "adapters" / f"in-training-{backbone[:16]}"
    trainer = AdapterTrainer(attached, backbone, corpus_of(_texts(paths), tokenizer), working, AdaptationPlan(steps))
    trainer.resume()
    for p in trainer.train(stop=stop):
        yield Adapting(p.step, p.steps, p.answer, p.text, p.seconds)
    digest = trainer.save()
    if trainer.outer.step < steps:
        hint = Hint(AGAIN, f": it continues at step {trainer.outer.step}")
        raise Interrupted("stopped; a checkpoint was kept", subject=model, hint=hint)
    kept = where.adapter(backbone, digest)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(working.read_bytes())
    if out is None:
        working.unlink()
    trainer.outer.path.unlink()
    yield Adapting(trainer.outer.step, steps, 0.0, 0.0, 0.0, str(working if out else kept))


def _texts(paths: Sequence[str]) -> Iterator[str]:
    """The documents' text; what cannot be read is left out, unless nothing can."""
    from titans_cli.readers import Limits, discover, read

    discovery = discover(paths)
    problems, any_text = [f"{error.subject}: {error.what}" for _, error in discovery.failures], False
    for source in discovery.sources:
        try:
            document = read(source, Limits())
        except ReadError as error:
            problems.append(f"{error.subject}: {error.what}")
            continue
        any_text = True
        yield "\n\n".join(page.text for page in document.pages)
    if not any_text:
        raise UsageError(
            "nothing to train on", hint="; ".join(problems[:3]) or Hint("Name files: ", Option("corpus", "PATH"))
        )


def _sha256(path: Path) -> str:
    with storage_errors(path), path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
