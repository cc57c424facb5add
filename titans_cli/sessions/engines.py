"""The model behind a session: loaded on demand, checked against what the session was made with."""

from __future__ import annotations

from pathlib import Path

import torch

from titans_cli import settings
from titans_cli.errors import IncompatibleError, UsageError
from titans_cli.model.engine import EMBEDDED, PRECISIONS, Engine
from titans_cli.records import EntryInfo, SessionInfo
from titans_cli.sessions.machine import default_threads


def load_engine(model: str | None, threads: int, precision: str = "fp32") -> Engine:
    """`model` is None or the embedded model's name, or the path of a model folder; `precision` may be "auto": measured.

    The number of threads is set for the process: it decides how sums are split, and so the last bits of every result.
    """
    torch.set_num_threads(threads)
    if precision not in (*PRECISIONS, "auto"):
        raise UsageError(f"no such precision: {precision}", hint=f"Choose auto, {' or '.join(PRECISIONS)}")
    engine = Engine.load(None if model in (None, EMBEDDED) else Path(model or ""), precision)
    if precision == "auto":
        engine.precision = engine.faster_precision()
    return engine


def new_engine(model: str | None, precision: str | None = None) -> Engine:
    """The engine of a session to be made: with the threads and the precision (argument or setting) that it keeps."""
    return load_engine(model, default_threads(), precision or str(settings.value("precision")))


def engine_of(made: SessionInfo | EntryInfo) -> Engine:
    """The engine a session or LTM entry was made with. Raises IncompatibleError (exit 12) if the model has changed."""
    engine = load_engine(made.model, made.threads, str(made.memory.get("precision", "fp32")))
    if engine.fingerprint != made.fingerprint:
        differ = f"{made.fingerprint[:12]}, here {engine.fingerprint[:12]}"
        raise IncompatibleError(
            f"made with another version of the model {made.model} ({differ})",
            subject=made.name,
            hint="Start a new session and ingest the documents again, or go back to the version of titans that made it",
        )
    return engine
