"""The use-case: a session's report as one file, or as text for standard output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from titans_cli.errors import LockedError, UsageError
from titans_cli.report.facts import ReportFacts
from titans_cli.steps import AGAIN, Hint, Option
from titans_cli.store import Home, SessionStore, write_outside
from titans_cli.store.files import storage_errors
from titans_cli.store.temporary import require_new

if TYPE_CHECKING:
    from titans_cli.model.interface import SessionModel


@dataclass(frozen=True, slots=True)
class ReportFile:
    """Where the report is and what it found, for scripts."""

    session: str
    file: str  # "-" for standard output
    size: int  # bytes
    documents: int
    tokens: int
    passages: int  # put to their own cells
    first: float | None  # their mean surprise to the cell just before it learned them; 1.0 knows nothing
    now: float | None  # and to the cell as it is
    themes: int
    questions: int


def write_report(
    home: Home,
    selector: str | None,
    file: Path | None,
    *,
    replace_file: bool = False,
    engine: SessionModel | None = None,
) -> ReportFile:
    """Write the report to `file`, by default NAME-report.html here, whole or not at all; the session stays as it is.

    Raises UsageError when the file exists, StorageError when there is no folder for it, and what `gather` raises.
    """
    name = SessionStore.open(home, selector).info.name
    file = file or Path(f"{name}-report.html")
    if file.is_dir():
        raise UsageError(
            "this is a folder",
            subject=str(file),
            hint=Hint("Give the name of a file: ", Option("output", "report.html")),
        )
    require_new(file, replace_file=replace_file)
    with storage_errors(file.parent):
        file.parent.stat()  # before minutes of measuring
    facts = _gathered(home, name, engine)
    text, written = _drawn(facts, str(file))
    write_outside(home, file, _while_unchanged(home, facts, text.encode()))
    return written


def _while_unchanged(home: Home, facts: ReportFacts, data: bytes) -> Iterator[bytes]:
    """The page, unless something on it was forgotten meanwhile: what was forgotten must not be written down after.

    Looked at once more when all of it is written, and before it gets its name. Raises LockedError, NotFoundError.
    """
    yield data
    with SessionStore(home, facts.session).episodes() as episodes:
        if episodes.forgettings() != facts.forgettings:
            problem, hint = "something was forgotten while it was looked at", AGAIN
            raise LockedError(problem, subject=facts.session.name, hint=hint)


def report_text(
    home: Home, selector: str | None, *, file: str = "-", engine: SessionModel | None = None
) -> tuple[str, ReportFile]:
    """The page and what it found. Raises as `gather`."""
    facts = _gathered(home, selector, engine)
    text, written = _drawn(facts, file)
    for _ in _while_unchanged(home, facts, b""):
        pass
    return text, written


def _gathered(home: Home, selector: str | None, engine: SessionModel | None) -> ReportFacts:
    from titans_cli.report.gather import gather  # torch: what is refused is refused without

    return gather(home, selector, engine=engine)


def _drawn(facts: ReportFacts, file: str) -> tuple[str, ReportFile]:
    from titans_cli.report.page import page

    text = page(facts)
    measured = facts.passages
    return text, ReportFile(
        facts.session.name,
        file,
        len(text.encode()),
        len(facts.documents),
        facts.tokens,
        len(measured),
        sum(p.first for p in measured) / len(measured) if measured else None,
        sum(p.now for p in measured) / len(measured) if measured else None,
        len(facts.whole.themes) + len(facts.whole.trends),
        facts.asked,
    )
