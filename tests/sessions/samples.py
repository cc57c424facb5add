"""Documents to read, and what is compared of the sessions that read them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import make_sentences
from titans_cli.errors import Interrupted
from titans_cli.progress import BlocksRead, IngestEvent
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session, ingest
from titans_cli.store import Home, SessionStore

Prepared = Callable[[str, Callable[[Home, Path], None]], None]  # the fixture `prepared`
LONG = 500  # sentences of a document that the tiny model reads in several batches


def write_document(path: Path, *, sentences: int = 30, seed: int = 0) -> Path:
    """Paragraphs of five generated sentences; other seeds give other sentences."""
    made = make_sentences(sentences, seed + 1000)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(" ".join(made[i : i + 5]) for i in range(0, sentences, 5)) + "\n", encoding="utf-8")
    return path


def write_documents(folder: Path, count: int, *, first: int = 0) -> list[Path]:
    return [write_document(folder / f"{i:02d}.txt", seed=i) for i in range(first, first + count)]


def start(home: Home, name: str, model: Path) -> SessionStore:
    home.ensure()
    return create_session(home, name, model=str(model))


def read_into(home: Home, name: str | None, paths: Sequence[Path], **how: Any) -> list[IngestEvent]:
    return list(ingest(home, name, IngestRequest([str(p) for p in paths]), IngestOptions(**how)))


def reading(root: Path, name: str, model: Path, documents: Mapping[str, str]) -> Home:
    """A home below `root` whose session of this name has read these files, for the tests of a module."""
    (root / "documents").mkdir()
    for file, text in documents.items():
        (root / "documents" / file).write_text(text + "\n", encoding="utf-8")
    home = Home(root / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TITANS_THREADS", "1")
        start(home, name, model)
    read_into(home, name, [root / "documents"])
    return home


def with_a_long_one(model: Path, place: int) -> Callable[[Home, Path], None]:
    """For `prepared`: session `papers` has read two short documents, and one of several cells at that place."""

    def prepare(home: Home, folder: Path) -> None:
        start(home, "papers", model)
        paths = write_documents(folder, 2)
        paths.insert(place, write_document(folder / "long.txt", sentences=LONG, seed=5))
        read_into(home, "papers", paths)

    return prepare


def stop_after(times: int) -> Callable[[], bool]:
    """Says stop once it was asked more than so many times."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > times

    return stop


def read_one_batch(home: Home, name: str, path: Path) -> None:
    """Be stopped when the first batch of a document was read: what that came to is committed."""
    seen = list[IngestEvent]()
    how = IngestOptions(stop=lambda: any(isinstance(event, BlocksRead) for event in seen), ahead=0)
    with pytest.raises(Interrupted):
        seen.extend(ingest(home, name, IngestRequest([str(path)]), how))


def open_session(home: Home, name: str | None = None) -> SessionStore:
    return SessionStore.open(home, name)


def memory_of(store: SessionStore) -> str:
    """The digest of the whole memory."""
    return store.memory_sha256()


def tensor_bytes(store: SessionStore) -> list[dict[str, bytes]]:
    """The memory itself, cell by cell, bit for bit."""
    return [{name: t.numpy().tobytes() for name, t in tensors.items()} for _, tensors in store.cells()]


def retained(store: SessionStore) -> dict[str, Any]:
    """All that a session holds of what it read, without the times at which it did."""
    with store.episodes() as episodes:
        sources = [replace(s, read_at="") for s in episodes.sources()]
        return {
            "sources": sources,
            "pages": {s.id: episodes.pages(s.id) for s in sources},
            "blocks": {s.id: episodes.blocks_of(s.id) for s in sources},
            "landmarks": episodes.landmarks(),
            "position": episodes.position(),
            "read": [(e.text, e.data) for e in episodes.events() if e.kind == "read"],
            "memory": tensor_bytes(store),
        }


def file_hashes(folder: Path, pattern: str = "*") -> dict[str, str]:
    """Of every file below `folder`, by its path."""
    files = (p for p in sorted(folder.rglob(pattern)) if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def child_environment(**more: str) -> dict[str, str]:
    """The environment for a child process: this checkout importable, warnings as errors as in the suite."""
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "TITANS_THREADS": "1", **more}
