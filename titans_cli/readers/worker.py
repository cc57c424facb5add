"""The child process that parses what may explode: `python -m titans_cli.readers.worker`, driven by isolate.py.

In, on standard input: one JSON line (the job), then the file's bytes. Out, on standard output: JSON lines,
each flushed as soon as it is true, so that whatever happens next, what is out is safe:

    {"started": true, "ceiling": 9}          imports are done; time is the file's own, memory ends at the ceiling
    {"pages": 12, "title": "...", "year": 2021}  the file is open; null for what it does not state
    {"page": 1, "text": "..."}               one page; with "omissions": [["form field", 3]] if it left any out;
                                             of a PDF also "undecoded" (a share), "scanned" (an image and no text)
                                             and "beside" (form fields and comments)
    {"page": 2, "failed": "...", "kind": k}  a page that could not be read; after "memory" this process ends
    {"error": "...", "kind": k}              the whole file could not be read
    {"end": true, "odd": 3, "notes": [], "omissions": []}  done; what the whole file left out; "card": [[field, value,
                                             origin]] goes with it

JSON and never pickle: a parser that was taken over must not be able to run anything in the parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

from titans_cli.errors import ReadError
from titans_cli.records import Omission

OUT_OF_MEMORY = 7  # exit code


def main() -> NoReturn:
    """Serve one job and end without ceremony: nothing here is worth an orderly shutdown."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is our parent's to answer
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # a library that prints must not break the protocol
    code = 0
    try:
        job = json.loads(stdin.readline())
        data = stdin.read(job["size"])
        threading.Thread(target=_end_with_parent, args=(stdin,), daemon=True).start()
        Worker(stdout, job).run(data)
    except BrokenPipeError:
        code = 1  # the parent is gone or has heard enough
    except MemoryError:
        code = OUT_OF_MEMORY  # not even enough to say so
    os._exit(code)


def _end_with_parent(stdin: IO[bytes]) -> None:
    """The parent keeps our standard input open; when it dies, however it dies, this read returns."""
    stdin.read(1)
    os._exit(1)


class Worker:
    def __init__(self, stdout: IO[bytes], job: dict[str, Any]) -> None:
        self.stdout = stdout
        self.job = job
        self.data = b""

    def send(self, **message: Any) -> None:
        if "end" in message:  # by now all pages are out: nothing is lost if a card takes this process down
            message["card"] = self.quietly(self.card, [])
        self.stdout.write(json.dumps(message).encode("ascii") + b"\n")
        self.stdout.flush()

    def run(self, data: bytes) -> None:
        self.data = data
        work = self.pdf if self.job["kind"] == "pdf" else self.whole
        try:
            work(data)
        except BrokenPipeError:
            raise
        except ReadError as error:
            self.send(error=error.what, kind=error.kind)
        except Exception as error:  # noqa: BLE001 - the boundary: parsers raise anything at all on hostile input
            problem, kind = _explain(error)
            self.send(error=problem, kind=kind)

    def whole(self, data: bytes) -> None:
        """The other kinds: parsed in one go, since none of them has pages that fail one by one."""
        from titans_cli.readers.formats import reader_of

        parse = reader_of(self.job["kind"])
        self.send(started=True, ceiling=limit_resources(self.job))
        parsed = parse(data)
        self.send(pages=len(parsed.pages), title=parsed.title, year=parsed.year)
        for page in parsed.pages:
            self.send_text(page.number, page.text)
        self.send(end=True, odd=0, notes=list(parsed.warnings), omissions=parsed.omissions)

    def pdf(self, data: bytes) -> None:
        from titans_cli.readers.annotations import Annotations
        from titans_cli.readers.pdf import open_pdf
        from titans_cli.readers.undecoded import undecoded, without_names

        self.send(started=True, ceiling=limit_resources(self.job))
        pdf = open_pdf(data)
        self.send(pages=pdf.count, title=self.quietly(pdf.title, None), year=self.quietly(pdf.year, None))
        beside = self.quietly(lambda: Annotations(data), None)
        unread: Counter[str] = Counter() if beside is None else beside.omitted
        for number in range(self.job["first"], pdf.count + 1):
            try:
                page = pdf.page(number - 1)
            except Exception as error:  # noqa: BLE001 - the same boundary, for one page
                problem, kind = _explain(error)
                self.send(page=number, failed=problem, kind=kind)
                if kind == "memory":
                    return  # what is left of this process is not worth trusting; the parent starts another
                continue
            share = undecoded(page.text, page.unmapped)
            text, names = without_names(page.text)
            unread["undecoded glyph"] += names
            added = self.quietly(partial(beside.of_page, number - 1, text), None) if beside else []
            unread["page whose form fields and comments could not be read"] += added is None
            scanned = not text.strip() and self.quietly(partial(pdf.shows_image, number - 1), False)
            about = {"beside": added or [], "undecoded": round(share, 3), "scanned": scanned}
            self.send_text(number, text, list((+unread).items()), **about)
            unread.clear()
        unseen = ["its form fields, comments and attachments could not be looked for"]
        notes = self.quietly(lambda: list(beside.notes()), unseen) if beside else unseen
        self.send(end=True, odd=pdf.complaints.count, notes=notes, omissions=list((+unread).items()))

    def card(self) -> list[tuple[str, str, str]]:
        """What the file says of itself as a publication."""
        if self.job["kind"] == "pdf":
            from titans_cli.readers.cards.pdf import pdf_card

            entries = pdf_card(self.data)
        else:
            from titans_cli.readers.cards.stated import stated

            entries = stated(self.job["kind"], self.data)
        return [(e.field, e.value, e.origin) for e in entries]

    def send_text(self, number: int, text: str, omissions: Sequence[Omission] = (), **about: Any) -> None:
        if len(text) + sum(map(len, about.get("beside", ()))) > self.job["max_text_chars"]:
            self.send(error="too much text", kind="text")
        else:
            self.send(page=number, text=text, **about, **({"omissions": omissions} if omissions else {}))

    @staticmethod
    def quietly(ask: Any, otherwise: Any) -> Any:
        """What the file says on the side, if it can say it: a broken title must not cost the pages."""
        try:
            return ask()
        except Exception:  # noqa: BLE001 - the same boundary
            return otherwise


def _explain(error: Exception) -> tuple[str, str]:
    """A parser's exception as a few plain words, and the kind of failure."""
    if isinstance(error, MemoryError):
        _lift_memory_limit()  # for the few bytes it takes to say so
        return "it takes too much memory", "memory"
    if isinstance(error, RecursionError):
        return "its parts are nested too deeply", "corrupt"
    words = " ".join(str(error).split()).encode("ascii", "replace").decode("ascii")[:160]
    return f"malformed ({words or type(error).__name__})", "corrupt"


def limit_resources(job: dict[str, Any]) -> int | None:
    """Cap memory at what is mapped now (interpreter, libraries, the file) plus the allowance; and processor time,
    so that not even a worker whose parent was killed runs on. Returns the cap in bytes, if there is one."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    wanted = [
        (resource.RLIMIT_AS, _mapped_bytes() + job["memory_bytes"]),
        (resource.RLIMIT_CPU, int(job["seconds"]) + 5),
        (resource.RLIMIT_CORE, 0),
    ]
    for which, amount in wanted:
        hard = resource.getrlimit(which)[1]
        soft = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        try:
            resource.setrlimit(which, (soft, hard))
        except (OSError, ValueError):  # macOS knows the name of RLIMIT_AS and not the thing; the clock still holds
            continue
    cap = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if cap == resource.RLIM_INFINITY else int(cap)


def _lift_memory_limit() -> None:
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    except (ImportError, OSError, ValueError):
        return


def _mapped_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 1 << 30  # not Linux: a generous guess


if __name__ == "__main__":
    main()
