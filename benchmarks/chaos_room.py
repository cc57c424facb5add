"""Documents that want the whole disk: what they take, and whether a bound holds.

    python -m benchmarks.chaos_room [--json]

Each is a few kilobytes at most, and becomes tens of megabytes of memory when it is learned: gzip of one sentence again
and again, a zip of these, an epub and a docx of one paragraph, a table of thousands of rows. They are read by the
embedded model under `--max-room` bounds of several sizes, and honest documents besides. `above`: bytes by which any of
them went above its bound, at any moment, in the home and in TMPDIR together. `refused`: bombs that were refused before
anything was learned. `estimate`: of honest documents, what was foretold by what was taken at its peak (1 or more).

Under the same bounds texts are told to a session, and put in the place of others (`items`), and a session is copied in
every way there is (`copies`): fork, export, import, promote, and a session from what was promoted. All of these count
in `above`, `refused` and `estimate` too.
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.common import Report, parser
from tests.disk import Peak
from titans_cli.steps import in_shell

SENTENCE = "The weir failed in the spring, and the miller kept a record of it. "
BOUNDS = (1_000_000, 8_000_000, 30_000_000)


def bombs() -> dict[str, bytes]:
    from tests.readers.makers import docx, epub, paragraph

    text = (SENTENCE * 20_000).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(8):
            archive.writestr(f"{n}.txt", f"{n} ".encode() + text)
    table = "\n".join(["a,b", *("x,1" for _ in range(9_000))])
    return {
        "bomb.txt.gz": gzip.compress(text),
        "bomb.zip": packed.getvalue(),
        "bomb.epub": epub([f"<p>{SENTENCE * 2000}</p>"] * 10),
        "bomb.docx": docx(paragraph(SENTENCE * 200) * 100),
        "bomb.csv": table.encode(),
    }


def ingested(home: Any, path: Path, bound: int, engine: Any) -> Iterator[Any]:
    from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest

    return ingest(home, "papers", IngestRequest([str(path)]), IngestOptions(max_room=bound), engine)


def room(root: Path, engine: Any, honest: list[Path], report: Report) -> None:
    from titans_cli.progress import FileFailed, FileFinished
    from titans_cli.sessions.ingest import create_session
    from titans_cli.store import Home

    files = {}
    for name, data in bombs().items():
        files[name] = root / name
        files[name].write_bytes(data)
    above = refused = read = 0
    temporary = Path(tempfile.gettempdir())
    for bound in BOUNDS:
        for name, path in files.items():
            home = Home(root / f"home-{bound}-{name}")
            home.ensure()
            create_session(home, "papers", engine=engine)
            with Peak(home.root, temporary) as peak:
                events = list(ingested(home, path, bound, engine))
            documents = max(1, sum(isinstance(e, FileFinished) for e in events))
            above += max(0, peak.taken - documents * bound)
            failures = [e for e in events if isinstance(e, FileFailed)]
            refused += sum("--max-room" in in_shell(e.hint or "") for e in failures)
            read += sum(isinstance(e, FileFinished) for e in events)
    works = {path.name: partial(read_honest, path) for path in honest}
    least = min(foretold(Home(root / f"home-{name}"), work, engine) for name, work in works.items())
    told = told_and_copied(root, engine)
    least, above, refused = min(least, told["estimate"]), above + told["above"], refused + told["refused"]
    figures = {"bombs": len(BOUNDS) * len(files), "refused": refused, "read": read, "above": above, "estimate": least}
    figures |= {name: told[name] for name in ("items", "copies")}
    for name, value in figures.items():
        report.add(f"room.{name}", value)


def read_honest(path: Path, home: Any, bound: int, engine: Any) -> None:
    for _ in ingested(home, path, bound, engine):
        pass


Work = Callable[[Any, int, Any], object]  # in a home, under a bound, by an engine


def foretold(home: Any, work: Work, engine: Any) -> float:
    """What `work` is said to take, by what it takes; in a session `papers` that is made first."""
    from titans_cli.sessions.ingest import create_session
    from titans_cli.sessions.room import RoomBudget

    if not home.root.exists():
        home.ensure()
        create_session(home, "papers", engine=engine)
    told: list[int] = []

    class Told(RoomBudget):
        def _admit(self, display: str, needed: int, *others: Any, **more: Any) -> None:
            told.append(needed)
            super()._admit(display, needed, *others, **more)

    names = ("sessions.ingest.RoomBudget", "sessions.items.RoomBudget", "sessions.lifecycle.RoomBudget")
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(patch(f"titans_cli.{name}", Told))
        peak = stack.enter_context(Peak(home.root, Path(tempfile.gettempdir())))
        work(home, 10**12, engine)
    return max(told) / max(1, peak.taken)


def admitted(work: Work, home: Any, bound: int, engine: Any) -> bool:
    from titans_cli.errors import LimitError

    try:
        work(home, bound, engine)
    except LimitError:
        return False
    return True


def told_and_copied(root: Path, engine: Any) -> dict[str, Any]:
    """Items and copies under bounds: `items`, `copies`: how many; `above`, `refused`, `estimate`."""
    from titans_cli.sessions import lifecycle
    from titans_cli.sessions.ingest import create_session
    from titans_cli.sessions.items import ItemRequest, add, update
    from titans_cli.store import Home

    texts = {
        "a sentence": SENTENCE,
        "one sentence, again and again": SENTENCE * 600,
        "words of its own": " ".join(f"zq{n:05d}" for n in range(1_000)),
    }

    def told(text: str, home: Any, most: int, engine: Any) -> None:
        add(home, "papers", text, engine=engine, max_room=most)

    def told_anew(text: str, home: Any, most: int, engine: Any) -> None:
        update(home, "papers", "old", f"{text}!", engine=engine, max_room=most)

    adds: dict[str, Work] = {name: partial(told, text) for name, text in texts.items()}
    updates: dict[str, Work] = {name: partial(told_anew, text) for name, text in texts.items()}
    out = root / "tmp" / "copied.tar"  # where Peak looks
    copies: dict[str, Work] = {
        "fork": lambda home, most, _: lifecycle.fork(home, "papers", None, use=False, max_room=most),
        "export": lambda home, most, _: lifecycle.export(home, "papers", out, replace_file=True, max_room=most),
        "import": lambda home, most, _: lifecycle.import_(home, root / "whole.tar", "again", max_room=most),
        "promote": lambda home, most, engine: lifecycle.promote_session(
            home, "papers", "entry", lifecycle.PromoteOptions(force=True), engine=engine, max_room=most
        ),
        "start": lambda home, most, _: lifecycle.new_session(
            home, None, entry="kept", how=lifecycle.SessionOptions(max_room=most), use=False
        ),
    }
    least, above, refused = float("inf"), 0, 0
    for bound in (*BOUNDS, None):
        for n, works in enumerate((adds, updates, copies)):
            home = Home(root / f"told-{bound}-{n}")
            home.ensure()
            create_session(home, "papers", engine=engine)
            if works is updates:
                add(home, "papers", ItemRequest(SENTENCE * 3, key="old"), engine=engine)
            if works is copies:
                add(home, "papers", SENTENCE * 100, engine=engine, max_room=10**12)
                lifecycle.export(home, "papers", root / "whole.tar", replace_file=True, max_room=10**12)
                lifecycle.fork(home, "papers", "before", use=False, max_room=10**12)
                lifecycle.promote_session(
                    home, "before", "kept", lifecycle.PromoteOptions(force=True), engine=engine, max_room=10**12
                )
            for work in works.values():
                if bound is None:
                    out.unlink(missing_ok=True)
                    least = min(least, foretold(home, work, engine))
                    continue
                with Peak(home.root, root / "tmp") as peak:
                    refused += not admitted(work, home, bound, engine)
                above += max(0, peak.taken - bound)
    counts = {"items": len(BOUNDS) * (len(adds) + len(updates)), "copies": len(BOUNDS) * len(copies)}
    return counts | {"above": above, "refused": refused, "estimate": least}


def scenario(root: Path, engine: Any, report: Report) -> None:
    """All of it, with a TMPDIR of its own for the rest of this process."""
    (root / "tmp").mkdir(parents=True)
    tempfile.tempdir = os.environ["TMPDIR"] = str(root / "tmp")
    papers = Path(__file__).resolve().parent.parent / "sample_corpora" / "papers"
    room(root, engine, sorted(papers.glob("*.md"))[:2] + sorted(papers.glob("*.txt"))[:2], report)


def main() -> None:
    args = parser(__doc__).parse_args()
    report = Report("chaos_room", {"bounds": list(BOUNDS)})
    os.environ["TITANS_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="titans-room-") as folder:
        from titans_cli.sessions.engines import new_engine

        scenario(Path(folder), new_engine(None), report)
    report.print(as_json=args.json)


if __name__ == "__main__":
    main()
