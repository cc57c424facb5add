"""What is asked in the place of a trained memory: it says what the documents of the cells it opens say.

The memory is the tiny model's, with one thing put in its place: its recall opens the cells that the model finds
nearest, and says the value that stands in the text of the best of them. A random model recalls nothing, and what the
memory rightly recalled is what has to go.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from titans_cli.model.engine import Engine
from titans_cli.model.interface import Recollection

_SAID = re.compile(r"The (?P<label>[\w ]+?) of (?P<place>[\w ]+?) is (?P<value>[\w ]+)\.")


class Gate:
    """Holds whoever comes, once it is shut, until it is opened."""

    def __init__(self) -> None:
        self.reached, self._open, self.shut = threading.Event(), threading.Event(), False

    def pass_through(self) -> None:
        if self.shut:
            self.shut = False
            self.reached.set()
            self._open.wait(60)

    @contextmanager
    def held(self) -> Iterator[None]:
        self.reached.clear()
        self._open.clear()
        self.shut = True
        try:
            yield
        finally:
            self.shut = False
            self._open.set()


class Knowing:
    """The tiny model; what its memory recalls is the value that the text of the best of the opened cells has."""

    def __init__(self, engine: Engine, gate: Gate) -> None:
        self.engine, self.gate = engine, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def recall(self, cells: Sequence[Any], question: str) -> Recollection:
        asked = set(re.findall(r"\w+", question))
        best, said = 0, ""
        if cells:
            self.engine.recall(cells, question)  # opens the nearest, as it always does
        for cell in cells:
            if cell.info.source_id not in cell.cells.heard:
                continue
            with cell.cells.store.episodes() as episodes:
                text = " ".join(page.text for page in episodes.pages(cell.info.source_id))
            for match in _SAID.finditer(text):
                shared = len(asked & set(re.findall(r"\w+", match[0])))
                if shared > best:
                    best, said = shared, match["value"]
        self.gate.pass_through()
        return Recollection(said, 0.99 if said else 0.0)
