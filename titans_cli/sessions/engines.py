"""The model behind a session: loaded on demand, checked against what the session was made with.

A model is the embedded one, the folder of a native titans model, or anybody's causal language model with a memory
attached; the `model_type` in its configuration tells them apart.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from titans_cli import settings
from titans_cli.errors import IncompatibleError, UsageError
from titans_cli.model import known
from titans_cli.model.interface import EMBEDDED, PRECISIONS, UNTRAINED, PassageReader, ReaderAnswer, SessionModel
from titans_cli.model.named import NAMED
from titans_cli.records import EntryInfo, Loading, SessionInfo
from titans_cli.sessions.machine import default_threads
from titans_cli.steps import Hint, NextStep, Option
from titans_cli.store import Home

if TYPE_CHECKING:
    from titans_cli.model.writer import Writer


def places() -> known.Places:
    """Where adapters and digests of models are kept."""
    return known.Places(Home.locate().root / "models")


def is_native(model: str | None) -> bool:
    """Whether this is the embedded model, or a folder that a native model (or a broken one) lies in."""
    if model in (None, "", EMBEDDED):
        return True
    if model in NAMED:
        return False
    folder = Path(model or "").expanduser()
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return folder.is_dir()
    return not isinstance(config, dict) or config.get("model_type", "titans") == "titans"


def load_engine(
    model: str | None, threads: int, precision: str = "fp32", loading: Loading | None = None
) -> SessionModel:
    """`model`: None or the embedded model's name, a model folder, or an id of the hub. `precision` ("auto": measured)
    is a native model's; the dtype of others is in `loading`.

    The number of threads is set for the process: it decides how sums are split, and so the last bits of every result.
    """
    import torch

    torch.set_num_threads(threads)
    if not is_native(model):
        from titans_cli.model.assemble import assemble

        attached = assemble(model or "", loading or Loading(), places())
        _remember(attached, known.attached(attached.name, Loading(**attached.kept), places().root))
        return attached
    _refuse_loading(loading)
    if precision not in (*PRECISIONS, "auto"):
        raise UsageError(f"no such precision: {precision}", hint=f"Choose auto, {' or '.join(PRECISIONS)}")
    from titans_cli.model.engine import Engine

    engine = Engine.load(None if model in (None, "", EMBEDDED) else Path(model or "").expanduser(), precision)
    _remember(engine, known.native(model, places().root))
    if precision == "auto":
        engine.precision = engine.faster_precision()
    return engine


def _refuse_loading(loading: Loading | None) -> None:
    """Raises UsageError for what a native model takes none of."""
    if loading is not None:
        where = loading.device if loading.device in ("auto", "cpu") else "auto"
        if loading != Loading(device=where):
            problem = "the embedded model and its kin take no dtype, adapter, remote code, nor another device"
            hint = Hint("They run on the processor; ", Option("precision"), " chooses their arithmetic")
            raise UsageError(problem, hint=hint)


def _remember(engine: SessionModel, identity: known.Identity | None) -> None:
    if identity is not None:
        known.remember(identity, engine.fingerprint, places().root)


def new_engine(model: str | None, precision: str | None = None, loading: Loading | None = None) -> SessionModel:
    """The engine of a session to be made: with the threads and the precision (argument or setting) that it keeps."""
    if precision is not None and not is_native(model):
        hint = Hint("Use ", Option("dtype"), " with this one")
        raise UsageError("a precision is for the embedded model and its kin", hint=hint)
    if settings.value("session_memory") and not is_native(model):
        loading = replace(loading or Loading(), session_memory=True)
    return load_engine(model, default_threads(), precision or str(settings.value("precision")), loading)


def writer_of(model: str, loading: Loading, sentences: int | None = None) -> Writer:
    """`sentences`: at most so many, of a model on this machine.

    Raises ModelError and its kinds; UsageError for the embedded model, which writes no prose."""
    from titans_cli.model import hub, named
    from titans_cli.model.writer import EndpointWriter, LocalWriter, is_endpoint

    if is_endpoint(model):
        if hub.offline():
            instead = Hint("Leave ", Option("offline"), " out, or name a model on this machine")
            problem = "this is an address on the network, and the network is not used"
            raise UsageError(problem, subject=model, hint=instead)
        return EndpointWriter(model)
    if is_native(model):
        hint = "Give the folder or the id of a causal language model, or the URL of an endpoint"
        raise UsageError("this model writes no prose of its own", subject=model, hint=hint)
    device = hub.device_of(loading.device)
    dtype, folder = hub.dtype_of(loading.dtype, device), named.find(model, places().root)
    network, tokenizer = hub.load(folder, device=device, dtype=dtype, trust_remote_code=loading.trust_remote_code)
    return LocalWriter(network, tokenizer.backend, folder.name, sentences)


def reader_of(name: str) -> PassageReader:
    """A model that finds short answers in passages: a name, a folder, a GGUF, or an id of the hub.

    Raises UsageError for the embedded model; ModelError and its kinds, also when no reader was trained for it.
    """
    from titans_cli.model import named

    if is_native(name):
        hint = Hint("titans-mini reads fast; for short answers name another beside it: ", Option("reader", "smollm2"))
        raise UsageError("this model reads no passages", subject=name, hint=hint)
    return _reader_in(named.find(name, places().root).folder)


def own_reader(made: SessionInfo | EntryInfo) -> PassageReader | None:
    """The reader that the model of a session is, if one was trained for it. Raises ModelError and its kinds."""
    if "attached" not in made.memory:
        return None
    from titans_cli.model import named

    kept = Loading(**made.memory["attached"])
    folder = named.find(made.model, places().root, revision=kept.revision).folder
    if not _is_of_the_shape(folder):
        return None
    try:
        return _reader_in(folder)
    except IncompatibleError:  # trained for another model of the same shape
        return None


def _reader_in(folder: Path) -> PassageReader:
    from transformers.utils import logging

    from titans_cli.model import reader

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # stderr is for what the user has to know
    return reader.load_reader(folder)


def _is_of_the_shape(folder: Path) -> bool:
    """Whether there is a reader for a model of so many layers, of such a width: cheaper than to load it."""
    from titans_cli.model.reader import FILE, SHIPPED, reader_tensors

    path = own if (own := folder / FILE).is_file() else SHIPPED
    if not path.is_file():
        return False
    tensors, notes = reader_tensors(path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    widths = {tensor.shape[1] for name, tensor in tensors.items() if name.endswith("q_proj.a")}
    shape = (config.get("num_hidden_layers"), config.get("hidden_size"))
    return shape == (len(notes["sketch"]) // 2, next(iter(widths), None))


def engine_of(made: SessionInfo | EntryInfo) -> SessionModel:
    """The engine a session or LTM entry was made with. Raises IncompatibleError (exit 12) if the model has changed."""
    kept = made.memory.get("attached")
    if kept is None:
        engine = load_engine(made.model, made.threads, str(made.memory.get("precision", "fp32")))
    else:
        engine = load_engine(made.model, made.threads, loading=Loading(**kept))
    _require(made, engine.fingerprint)
    return engine


def _require(made: SessionInfo | EntryInfo, fingerprint: str) -> None:
    if fingerprint != made.fingerprint:
        differ = f"{made.fingerprint[:12]}, here {fingerprint[:12]}"
        raise IncompatibleError(
            f"made with another version of the model {made.model} ({differ})",
            subject=made.name,
            hint="Start a new session and ingest the documents again, or go back to the version of titans that made it",
        )


def require_unchanged(made: SessionInfo | EntryInfo) -> None:
    """Raises IncompatibleError if the model a session or entry was made with is known to have changed. Loads nothing:
    `engine_of` knows in any case."""
    kept, root = made.memory.get("attached"), places().root
    identity = known.native(made.model, root) if kept is None else known.attached(made.model, Loading(**kept), root)
    if identity is not None and (here := known.fingerprint(identity, root)) is not None:
        _require(made, here)


def caution_of(made: SessionInfo | EntryInfo) -> str | None:
    """What whoever asks a session has to know of its model's memory. Loads nothing."""
    return UNTRAINED if made.memory.get("attached", {}).get("adapter") == "untrained" else None


def use_threads(count: int) -> None:
    """Compute with so many threads from now on, in the thread that calls; another thread has a number of its own."""
    import torch

    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


class Engines:
    """Models, each loaded once, for a process that serves many sessions.

    A model of sessions that are all gone goes too; the one that new sessions are made with stays. May be used from
    several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded = WeakValueDictionary[str, SessionModel]()
        self._for_new: dict[str, SessionModel] = {}
        self._readers = WeakValueDictionary[str, _OneAtATime]()
        self._asked_for: dict[str, PassageReader] = {}  # readers by name, which stay

    def of(self, made: SessionInfo | EntryInfo) -> SessionModel:
        """As `engine_of`."""
        with self._lock:
            engine = self._loaded.get(_key(made.fingerprint, made.memory))
            if engine is None:
                engine = self._keep(engine_of(made))
            return engine

    def new(self, model: str | None, precision: str | None = None, loading: Loading | None = None) -> SessionModel:
        """As `new_engine`."""
        asked = json.dumps([model, precision, repr(loading)])
        with self._lock:
            if asked not in self._for_new:
                self._for_new[asked] = self._keep(new_engine(model, precision, loading))
            return self._for_new[asked]

    def reader(self, name: str) -> PassageReader:
        """As `reader_of`; it reads for one session at a time."""
        with self._lock:
            if name not in self._asked_for:
                self._asked_for[name] = _OneAtATime(reader_of(name))
            return self._asked_for[name]

    def own_reader(self, made: SessionInfo | EntryInfo) -> PassageReader | None:
        """As `own_reader`."""
        key = _key(made.fingerprint, made.memory)
        with self._lock:
            known = self._readers.get(key)
            if known is None and (reader := own_reader(made)) is not None:
                self._readers[key] = known = _OneAtATime(reader)
            return known

    def _keep(self, engine: SessionModel) -> SessionModel:
        return self._loaded.setdefault(_key(engine.fingerprint, engine.configuration()), engine)


class _OneAtATime:
    """A reader that several threads may ask: they wait for each other."""

    def __init__(self, reader: PassageReader) -> None:
        self._reader, self._turn = reader, threading.Lock()

    def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderAnswer:
        with self._turn:
            return self._reader.read(question, passages, titles)


def _key(fingerprint: str, memory: Mapping[str, Any]) -> str:
    """What makes two engines one: the model, its arithmetic, and where it runs."""
    return json.dumps([fingerprint, memory.get("precision", "fp32"), memory.get("attached")], sort_keys=True)


def insist(model: str, loading: Loading | None, made: SessionInfo | EntryInfo) -> None:
    """Raises UsageError when the model that was named, loaded as was said, is not that of a session or entry. What was
    not said is as that keeps it: a newer adapter, or another machine's arithmetic, is not meant by the name alone.

    Loads the model named only if it was never loaded here before."""
    kept, root = made.memory.get("attached"), places().root
    by_name = kept is None and made.model in (model, str(Path(model).expanduser().resolve()))
    if is_native(model):
        _refuse_loading(loading)
        if kept is not None:
            raise _another(model, made)
        identity = known.native(model, root)
    elif kept is None:
        raise _another(model, made)
    else:
        chosen = {k: v for k, v in asdict(loading or Loading()).items() if v != getattr(Loading(), k)}
        loading = replace(Loading(**kept), **chosen)
        if loading == Loading(**kept) and made.model in (model, str(Path(model).expanduser().resolve())):
            return
        identity = known.attached(model, loading, root)
    fingerprint = known.fingerprint(identity, root) if identity else None
    if fingerprint is None:
        own = known.files(made.fingerprint, root)
        if not by_name and identity is not None and own is not None and identity.files != own:
            raise _another(model, made)
        fingerprint = load_engine(model, made.threads, loading=loading).fingerprint
    if by_name:
        _require(made, fingerprint)  # it is the one, and has changed
    if fingerprint != made.fingerprint:
        raise _another(model, made)


def _another(model: str, made: SessionInfo | EntryInfo) -> UsageError:
    if isinstance(made, EntryInfo):
        problem = f"the LTM entry was made with {made.model}, and brings it"
        return UsageError(problem, subject=made.name, hint=Hint("Leave ", Option("model"), " (or TITANS_MODEL) out"))
    another = NextStep("session new", model=model)
    hint = Hint("Leave ", Option("model"), " (or TITANS_MODEL) out, or start another: ", another)
    return UsageError(f"the session was made with {made.model}", subject=made.name, hint=hint)
