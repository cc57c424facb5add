"""The parent's side of reading a file in a worker: what it says, what is wrong with the file, and going on after a
bad page. `process` starts and kills the worker."""

from __future__ import annotations

import time
from typing import Any

from titans_cli.cards import Entry
from titans_cli.errors import CorruptError, EncryptedError, LimitError, NoTextError, ReadError
from titans_cli.readers.clean import clean_pages, mend_characters, tidy_card, tidy_prose
from titans_cli.readers.formats import FORMATS
from titans_cli.readers.limits import Limits
from titans_cli.readers.parsed import ParsedDocument, totals
from titans_cli.readers.process import Process
from titans_cli.readers.title import title_of_page
from titans_cli.readers.undecoded import TOO_MUCH
from titans_cli.records import Omission, Page
from titans_cli.wording import runs

_STARTUP_SECONDS = 60.0  # for the interpreter and its imports: a busy machine's fault, not the file's
_MANY_ODDITIES = 10  # most PDFs have a few, and nobody can act on them
_MAX_WARNINGS = 20  # named one by one
_OCR_AGAIN = "ocrmypdf --force-ocr in.pdf out.pdf"
_SPLIT = "Split it into smaller files"
_DECRYPT = {"pdf": "Decrypt it first, e.g. qpdf --decrypt in.pdf out.pdf", "": "Save a copy without protection first"}


def parse_whole(kind: str, data: bytes, display: str, limits: Limits) -> ParsedDocument:
    """Every kind but PDF. Its reader has cleaned the text: what cleaning means differs from prose to code."""
    reading = IsolatedParse(kind, data, display, limits)
    reading.run()
    pages = tuple(Page(number, text) for number, text in sorted(reading.texts.items()))
    if not any(page.text for page in pages):
        raise reading.no_text()
    return ParsedDocument(
        reading.title, pages, reading.warnings(), reading.year, totals(reading.omissions), reading.card
    )


def parse_pdf(data: bytes, display: str, limits: Limits) -> ParsedDocument:
    reading = IsolatedParse("pdf", data, display, limits)
    reading.run()
    numbers = sorted(reading.texts)
    raw = [reading.texts[number] for number in numbers]
    cleaned = clean_pages(raw, numbers)
    pages = tuple(
        Page(
            number, "\n\n".join(filter(None, (text, *(tidy_prose(mend_characters(b)) for b in reading.beside[number]))))
        )
        for number, text in zip(numbers, cleaned.pages, strict=True)
    )
    if not any(page.text for page in pages):
        raise reading.no_text()
    title = " ".join(mend_characters(reading.title).split()) if reading.title else None
    title = title or title_of_page(raw[0])
    omissions = totals(reading.omissions, cleaned.omissions)
    return ParsedDocument(title, pages, reading.warnings(), reading.year, omissions, reading.card)


def card_of(rows: Any) -> tuple[Entry, ...]:
    """Entries as a worker sends them; a worker that was taken over may send anything."""
    if not isinstance(rows, list):
        return ()
    return tidy_card(Entry(*map(str, row)) for row in rows if isinstance(row, list) and len(row) == 3)


class IsolatedParse:
    """One file going through as many workers as it takes. `texts` and `bad` grow page by page."""

    def __init__(self, kind: str, data: bytes, display: str, limits: Limits) -> None:
        self.kind = kind
        self.data = data
        self.display = display
        self.limits = limits
        self.deadline = time.monotonic() + limits.seconds
        self.count: int | None = None
        self.title: str | None = None
        self.year: int | None = None
        self.texts: dict[int, str] = {}
        self.beside: dict[int, list[str]] = {}  # what stands beside a page's text
        self.bad: dict[int, tuple[str, str]] = {}  # page: what happened, kind
        self.characters = 0
        self.odd = 0
        self.scanned: list[int] = []  # pages that show an image and hold no text
        self.undecoded: dict[int, float] = {}  # page: share of it
        self.notes: list[str] = []
        self.omissions: list[Omission] = []
        self.card: tuple[Entry, ...] = ()
        self.finished = False
        self.cut_off_at: int | None = None  # the first page there was no time for

    def run(self) -> None:
        """Read every page; after a worker died or was killed over a page, another goes on with the next page."""
        while not self.finished:
            page = self.next_page()
            if self.count is not None and page > self.count:
                return
            if time.monotonic() >= self.deadline:
                self.cut_off_at = page
                return
            try:
                worker = Process(self.job(page), self.data)
            except OSError as error:
                raise self.no_worker(f"its parser could not be started: {error.strerror}") from error
            with worker as process:
                outcome = self.listen(process)
            if outcome is not None and self.count is not None and self.next_page() > self.count:
                return  # all pages are out: what was lost is its card alone
            if outcome is not None:
                self.blame(outcome)

    def next_page(self) -> int:
        return max((*self.texts, *self.bad), default=0) + 1

    def job(self, first: int) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "first": first,
            "size": len(self.data),
            "memory_bytes": self.limits.memory_bytes,
            "seconds": self.limits.seconds,
            "max_text_chars": self.limits.max_text_chars,
        }

    def listen(self, process: Process) -> str | None:
        """Take what the worker says. None when it told all it had to; else how it failed: "time", "memory", "crash"."""
        try:
            message = process.receive(_STARTUP_SECONDS)
        except TimeoutError:
            raise self.no_worker("its parser did not start in time") from None
        if message is None or "started" not in message:
            if message is not None and "error" in message:
                self.take(message)
            return process.fate()
        while True:
            patience = self.deadline - time.monotonic()
            if self.kind == "pdf":
                patience = min(self.limits.seconds_per_page, patience)
            try:
                message = process.receive(max(patience, 0.0))
            except TimeoutError:
                return "time"
            except MemoryError:
                return "memory"
            if message is None:
                return process.fate()
            if self.take(message):
                return None

    def take(self, message: dict[str, Any]) -> bool:
        """Note one message; True when the worker has nothing more to say."""
        self.omissions += [(str(kind)[:100], int(count)) for kind, count in message.get("omissions", ())]
        if "error" in message:
            raise self.error(str(message["error"]), str(message.get("kind")))
        if "end" in message:
            self.odd += int(message["odd"])
            self.notes += [str(note)[:500] for note in message.get("notes", ())]
            self.card = self.card or card_of(message.get("card"))
            self.finished = True
        elif "pages" in message:
            self.count = int(message["pages"])
            if self.count > self.limits.max_pages:
                raise self.too_many_pages(self.count)
            self.title = self.title or message["title"]
            self.year = self.year or message["year"]
        elif "failed" in message:
            self.bad[int(message["page"])] = (str(message["failed"]), str(message["kind"]))
            return bool(message["kind"] == "memory")
        else:
            text, beside = str(message["text"]), list(map(str, message.get("beside", ())))
            self.characters += len(text) + sum(map(len, beside))
            if self.characters > self.limits.max_text_chars:
                raise _text_limit(self.display, self.limits)
            number = int(message["page"])
            self.texts[number] = text
            self.beside[number] = beside
            if message.get("scanned"):
                self.scanned.append(number)
            if float(message.get("undecoded", 0.0)) > TOO_MUCH:
                self.undecoded[number] = float(message["undecoded"])
        return self.finished

    def blame(self, outcome: str) -> None:
        """The worker was lost over the next page, or while it was opening the file."""
        if outcome == "time" and time.monotonic() >= self.deadline:
            if self.count is None or self.kind != "pdf":
                raise self.error(f"it took more than {self.limits.seconds:g} s", "time")
            self.cut_off_at = self.next_page()
            self.finished = True
            return
        if outcome == "time":
            doing = "opening it" if self.count is None else "it"
            problem = f"{doing} took more than {self.limits.seconds_per_page:g} s"
        else:
            problem = "it takes too much memory" if outcome == "memory" else "its parser crashed"
        if self.count is None or self.kind != "pdf":
            raise self.error(problem, outcome)
        self.bad[self.next_page()] = (problem, outcome)

    def error(self, problem: str, kind: str) -> ReadError:
        if kind == EncryptedError.kind:
            reason = "it is encrypted and needs a password" if self.kind == "pdf" else problem
            return EncryptedError(reason, subject=self.display, hint=_DECRYPT.get(self.kind, _DECRYPT[""]))
        if kind == "text":
            return _text_limit(self.display, self.limits)
        if kind in ("time", "memory", LimitError.kind):
            hint = "Split it, e.g. qpdf --split-pages=50 in.pdf out.pdf" if self.kind == "pdf" else _SPLIT
            return LimitError(problem, subject=self.display, hint=hint)
        if kind == NoTextError.kind:
            return NoTextError(problem, subject=self.display, hint="Leave it out")
        return CorruptError(f"it is damaged: {problem}", subject=self.display, hint=FORMATS[self.kind].mend)

    def too_many_pages(self, count: int) -> LimitError:
        problem = (
            f"it has {count:,} {FORMATS[self.kind].unit}s; at most {self.limits.max_pages:,} are read, each on its own"
        )
        return LimitError(problem, subject=self.display, hint="Split it, or keep what matters of it")

    def no_worker(self, problem: str) -> ReadError:
        return ReadError(problem, subject=self.display, hint="The machine may be too busy; try again")

    def no_text(self) -> ReadError:
        """Why no page gave any text: what went wrong first, or else there is none."""
        if self.bad:
            number, (problem, kind) = min(self.bad.items())
            return self.error(problem if kind in ("time", "memory") else f"page {number}: {problem}", kind)
        if self.cut_off_at is not None:
            return self.error(f"it took more than {self.limits.seconds:g} s", "time")
        if self.undecoded:
            return NoTextError(self.not_decoded(), subject=self.display, hint=f"Run OCR first, e.g. {_OCR_AGAIN}")
        if self.scanned:
            hint = "Run OCR first, e.g. ocrmypdf in.pdf out.pdf"
            return NoTextError("its pages are scanned images without text", subject=self.display, hint=hint)
        return NoTextError("there is no text in it", subject=self.display, hint="Leave it out")

    def warnings(self) -> tuple[str, ...]:
        notes = [f"page {number}: skipped, {problem}" for number, (problem, _) in sorted(self.bad.items())]
        if len(notes) > _MAX_WARNINGS:
            notes = [*notes[:_MAX_WARNINGS], f"and {len(notes) - _MAX_WARNINGS} more pages skipped"]
        if self.cut_off_at is not None:
            which = f"pages {self.cut_off_at} to" if self.cut_off_at != self.count else "page"
            notes.append(f"{which} {self.count}: skipped, the file took more than {self.limits.seconds:g} s")
        if self.odd >= _MANY_ODDITIES:
            notes.append(f"slightly malformed: the parser passed over {self.odd} oddities")
        if self.undecoded:
            notes.append(f"{self.not_decoded()}. Run OCR, e.g. {_OCR_AGAIN}, and ingest that")
        if self.scanned:
            which = spans_of(self.scanned)
            notes.append(f"{which}: an image and no text. Run OCR, e.g. ocrmypdf --skip-text in.pdf out.pdf")
        return (*notes, *self.notes)

    def not_decoded(self) -> str:
        most = max(self.undecoded.values())
        share = f"up to {most:.0%} of the text" if most < 1 else "the text"
        return f"{spans_of(list(self.undecoded))}: {share} cannot be decoded, since its fonts name no letters"


def spans_of(numbers: list[int]) -> str:
    """ "page 3" or "pages 1, 3 to 5": where they are many, the first of them and how many more there are."""
    spans = [str(a) if a == b else f"{a} to {b}" for a, b in runs(sorted(numbers))]
    named, more = spans[:_MAX_WARNINGS], len(spans) - _MAX_WARNINGS
    return f"page{'s' if len(numbers) > 1 else ''} {', '.join(named)}" + (
        f" and {more} more places" if more > 0 else ""
    )


def _text_limit(display: str, limits: Limits) -> LimitError:
    problem = f"it holds more than {limits.max_text_chars:,} characters of text"
    return LimitError(problem, subject=display, hint="Split it into smaller files")
