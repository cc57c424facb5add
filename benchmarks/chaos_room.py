"""Documents that want the whole disk: what they take, and whether a bound holds.

    python -m benchmarks.chaos_room [--json]

Each is a few kilobytes at most, and becomes tens of megabytes of memory when it is learned: gzip of one sentence again
and again, a zip of these, an epub and a docx of one paragraph, a table of thousands of rows. They are read by the
embedded model under `--max-room` bounds of several sizes, and honest documents besides. `above`: bytes by which any of
them went above its bound, at any moment, in the home and in TMPDIR together. `refused`: bombs that were refused before
anything was learned. `estimate`: of honest documents, what was foretold by what was taken at its peak (1 or more).
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.common import Report, parser
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


def used(*folders: Path) -> int:
    """Bytes of all files there now; one that goes meanwhile counts nothing."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
                except OSError:
                    continue
    return total


class Peak:
    """The most that lay in some folders while it watched."""

    def __init__(self, *folders: Path) -> None:
        self.folders, self.before = folders, used(*folders)
        self.most = self.before
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.most = max(self.most, used(*self.folders))

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, used(*self.folders))

    @property
    def taken(self) -> int:
        return self.most - self.before


def ingested(home: Any, path: Path, bound: int, engine: Any) -> Iterator[Any]:
    from titans_cli.sessions.ingest import How, What, ingest

    return ingest(home, "papers", What([str(path)]), How(max_room=bound), engine)


def room(root: Path, engine: Any, honest: list[Path], report: Report) -> None:
    from titans_cli.progress import FileFailed, FileFinished
    from titans_cli.sessions.ingest import create_session
    from titans_cli.sessions.room import Room
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
    least = float("inf")
    for path in honest:
        home = Home(root / f"home-{path.name}")
        home.ensure()
        create_session(home, "papers", engine=engine)
        told: list[int] = []

        class Told(Room):
            def _admit(self, display: str, needed: int, probably: int = 0, told: list[int] = told) -> None:
                told.append(needed)
                super()._admit(display, needed, probably)

        with patch("titans_cli.sessions.ingest.Room", Told), Peak(home.root, temporary) as peak:
            for _ in ingested(home, path, 10**12, engine):
                pass
        least = min(least, max(told) / max(1, peak.taken))
    figures = {"bombs": len(BOUNDS) * len(files), "refused": refused, "read": read, "above": above, "estimate": least}
    for name, value in figures.items():
        report.add(f"room.{name}", value)


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
