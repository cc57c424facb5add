"""How a question is to be answered, and with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from titans_cli.answers.landmarks import Marks
from titans_cli.model.interface import PassageReader, Recollection, SessionModel
from titans_cli.model.writer import Writer
from titans_cli.records import Step
from titans_cli.store import Episodes

Recall = Callable[[str], Recollection]


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How a question is to be answered. `only`: the sources that may be cited; None for all of them.

    `memory`: what the cells recall takes part; False is for measuring what it is worth.
    """

    sentences: int = 3
    top_k: int = 16  # blocks whose sentences are looked at
    closed_book: bool = False
    memory: bool = True
    only: frozenset[int] | None = None
    route: str = "auto"  # "auto", "fast", "deliberate"
    budget: float | None = None  # seconds for a deliberate answer
    tokens: int | None = None  # ... and how many may be written for it
    passages: int = 3  # put before a reader, if there is one
    about: int | None = None  # the source that "it" means
    long: bool = False  # all topics and trends of an answer about the whole, not a page of them


@dataclass(frozen=True, slots=True)
class Means:
    """What answers are made with: a session's text and memory, and the models beside its own.

    `recall`: what the memory alone says; `marks`: the landmarks that blocks are found by; `writer` drafts deliberate
    answers, and `tell` is called with each of their steps; `reader` finds short answers, and says when nothing answers.
    """

    episodes: Episodes
    engine: SessionModel
    recall: Recall
    marks: Marks
    writer: Writer | None = None
    tell: Callable[[Step], None] | None = None
    reader: PassageReader | None = None
