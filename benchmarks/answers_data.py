"""Questions whose documents are known, and sessions that have read those documents.

The files of a data folder (qa/train, qa/dev) are those that docs/training.md lists. A question about a passage has it
as `context`; a question about a long document names it by `doc_id`. Short answers that do not stand in their document
are left out: no passage could be the evidence for them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from titans_cli.answers.compose import AskOptions
from titans_cli.model.encoder import SentenceEncoder
from titans_cli.model.interface import PassageReader, SessionModel
from titans_cli.records import Answer
from titans_cli.sessions.ask import AskModels, AskRequest, ask
from titans_cli.sessions.engines import engine_of
from titans_cli.sessions.ingest import IngestRequest, create_session, ingest
from titans_cli.sessions.selection import Filter
from titans_cli.sessions.shelf import Shelf
from titans_cli.store import Episodes, Home, SessionStore

NAME = "bench"
LONG = {"timeqa"}  # questions about documents of several pages; the others bring their passage


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    answers: tuple[str, ...]
    document: str  # the file's name


@dataclass(frozen=True, slots=True)
class Session:
    """An open session that has read its documents, with all that answering needs.

    `quotes`: of every citation of every answer that it gave, whether the quote stands, character for character, where
    the citation says, in the retained text of the page it names. `memory`: whether what it recalls takes part.
    """

    home: Home
    episodes: Episodes
    engine: SessionModel
    shelf: Shelf
    quotes: list[bool] = field(default_factory=list)
    reader: PassageReader | None = None
    memory: bool = True

    def ask(
        self,
        question: str,
        how: AskOptions | None = None,
        sources: Sequence[str] = (),
        encoder: SentenceEncoder | None = None,
    ) -> Answer:
        given = ask(
            self.home,
            NAME,
            AskRequest(question, log=False, within=Filter(sources=sources)),
            how or AskOptions(memory=self.memory),
            models=AskModels(landmark_model=encoder, reader=self.reader),
            engine=self.engine,
            shelf=self.shelf,
        )
        ids = {x.uri: x.id for x in self.episodes.sources()}
        self.quotes.extend(
            self.episodes.page(ids[c.uri], c.page)[c.start : c.end] == c.quote != "" for c in given.citations
        )
        return given


def records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def load(folder: Path, names: Sequence[str], documents: int, seed: int = 7) -> tuple[dict[str, str], list[Asked]]:
    """At most `documents` documents of each of the named files (texts by file name), and the questions about them."""
    texts: dict[str, str] = {}
    asked: list[Asked] = []
    for name in names:
        source, found = _texts(folder, name)
        ids = sorted(source)
        random.Random(seed).shuffle(ids)
        files = {key: f"{name}-{number:04d}.txt" for number, key in enumerate(ids[:documents])}
        texts.update({file: source[key] for key, file in files.items()})
        for key, question, answers in found:
            here = tuple(a for a in answers if key in files and a and a.lower() in source[key].lower())
            if here:
                asked.append(Asked(question, here, files[key]))
    return texts, asked


def _texts(folder: Path, name: str) -> tuple[dict[str, str], list[tuple[str, str, list[str]]]]:
    rows = list(records(folder / f"{name}.jsonl"))
    if name in LONG:
        source = {r["doc_id"]: str(r["text"]) for r in records(folder / f"{name}_docs.jsonl")}
        return source, [(r["doc_id"], r["question"], r["answers"]) for r in rows]
    source = {r["context"]: r["context"] for r in rows}
    return source, [(r["context"], r["question"], r["answers"]) for r in rows]


def write(texts: dict[str, str], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return folder


@contextmanager
def session(
    folder: Path, documents: Path, model: Path | None = None, reader: PassageReader | None = None
) -> Iterator[Session]:
    """A session in `folder` that reads all of `documents`, or the one that an earlier call left there."""
    home = Home(folder)
    if not folder.exists():
        home.ensure()
        create_session(home, NAME, model=str(model) if model else None)
        for _ in ingest(home, NAME, IngestRequest([str(documents)])):
            pass
    store = SessionStore.open(home, NAME)
    with store.episodes() as episodes:
        yield Session(home, episodes, engine_of(store.info), Shelf(), reader=reader)
