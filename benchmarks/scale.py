"""What a session of ten thousand documents costs to ask, to look into and to take a document out of.

    read.first, read.last  tokens/s of processor time at which the first and the last tenth of the documents were read
    read.beyond            the same of `BEYOND` more, once the session holds all of --documents
    codes_s                making the codes of all cells' topics, which reading does once in a thousand cells
    load_s                 a process that does nothing but load the model
    X_s, X_mb              processor time and peak memory of the whole process of a command; of those that ask, the time
                           is that beyond load_s. `ask_first` also makes what later questions find in the session's
                           folder: landmarks

--distinct documents are really read: pieces of some --tokens tokens of the data folder's text, of each kind in turn.
They are then multiplied to --documents by copies in the database and in the folder, with ids, names, titles and cells'
files of their own and the same text. So this shows what a large session costs, and nothing of how good its answers are;
copies have no checksums of their rows. --read-all reads all of them instead, which takes an hour of a core or so.
"""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice, zip_longest
from pathlib import Path

import torch

from benchmarks.common import ROOT, Report, parser, threads
from titans_cli.model.engine import Engine
from titans_cli.progress import FileFinished
from titans_cli.sessions.ingest import IngestRequest, create_session, ingest
from titans_cli.sessions.shelf import Shelf
from titans_cli.store import Home, SessionStore
from titans_cli.store.session import DATABASE, SNAPSHOTS
from titans_cli.store.snapshots import read_snapshot, snapshot_path, write_snapshot
from titans_cli.train.corpus import read_jsonl

NAME = "scale"
CHARACTERS = 4.2  # of a token, about
BEYOND = 20  # documents
BOUND = 1 << 40  # bytes: nothing gives way
IN = ["--session", NAME]
COMMANDS = {
    "ask_first": ["ask", "How does the density of a population change its growth?", *IN],
    "ask_later": ["ask", "Which proteins bind to the membrane of the cell?", *IN],
    "ask_count": ["ask", "How many documents are there?", *IN],
    "ask_list": ["ask", "List the papers about climate.", *IN],
    "show": ["session", "show", *IN],
    "sources": ["sources", *IN],
    "search": ["search", "population growth", *IN],
    "list": ["session", "list"],
    "themes": ["themes", "--no-log", *IN],
    "trends": ["trends", "--no-log", *IN],
    "report": ["report", "--output", "{page}", *IN],
    "forget": ["session", "forget", "{first}", "--yes", *IN],
}
# not getrusage, which carries over what the parent had before it became this process
MEASURED = """
import sys, time
from pathlib import Path
try:
    {work}
finally:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(time.process_time(), int(status["VmHWM"].split()[0]) / 1024, file=open({result!r}, "w"))
"""
LOADING = "from titans_cli.model.engine import Engine; Engine.load()"
RUNNING = "from titans_cli.cli.main import run; sys.exit(run({arguments!r}))"


# ---------------------------------------------------------------- documents


def pieces(tokens: int, data: Path | None) -> Iterator[str]:
    """Texts of about so many tokens, of each file in turn, under a heading that says which."""
    if data is None:
        names = sorted((ROOT / "sample_corpora" / "papers").glob("*.md"))
        kinds = [iter([(path.stem, path.read_text(encoding="utf-8"))]) for path in names]
    else:
        files = sorted((data / "text").glob("*.jsonl.zst"))
        kinds = [((str(r.get("title", "")), str(r["text"])) for r in read_jsonl(path)) for path in files]

    def cut(texts: Iterator[tuple[str, str]]) -> Iterator[str]:
        for title, text in texts:
            taken, size, number = list[str](), 0, 0
            for paragraph in text.split("\n\n"):
                taken.append(paragraph)
                size += len(paragraph)
                if size >= CHARACTERS * tokens:
                    number += 1
                    yield "\n\n".join([f"{' '.join(title.split())[:60]} {number}", *taken])
                    taken, size = [], 0

    for turn in zip_longest(*map(cut, kinds)):
        yield from filter(None, turn)


def read(engine: Engine, home: Home, folder: Path, options: Namespace, count: int) -> list[float]:
    """A session of `count` documents; return tokens/s of the first and of the last tenth."""
    create_session(home, NAME, engine=engine, bound=BOUND)
    taken = read_pieces(engine, home, folder, options, 0, count)
    tenth = max(1, len(taken) // 10)
    return [rate(taken[:tenth]), rate(taken[-tenth:])]


def read_pieces(
    engine: Engine, home: Home, folder: Path, options: Namespace, first: int, count: int
) -> list[tuple[int, float]]:
    """Tokens and seconds of each of `count` pieces, read into the session."""
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(islice(pieces(options.tokens, options.data), first, first + count)):
        (folder / f"{first + number:05d}.txt").write_text(text, encoding="utf-8")
    if not any(folder.iterdir()):
        raise SystemExit(f"there is no text of {options.tokens} tokens: give --data, or fewer --tokens")
    begun, taken = time.process_time(), list[tuple[int, float]]()
    for event in ingest(home, NAME, IngestRequest([str(folder)]), engine=engine):
        if isinstance(event, FileFinished):
            taken.append((event.tokens, time.process_time() - begun))
            begun = time.process_time()
    return taken


def rate(taken: Sequence[tuple[int, float]]) -> float:
    return sum(tokens for tokens, _ in taken) / sum(seconds for _, seconds in taken)


def multiply(store: SessionStore, times: int) -> None:
    """Make `times` documents of each that was read."""
    with closing(sqlite3.connect(store.folder / DATABASE)) as db:

        def highest(column: str, table: str) -> int:
            return int(db.execute(f"SELECT max({column}) FROM {table}").fetchone()[0])

        source, block, event = highest("id", "sources"), highest("id", "blocks"), highest("id", "events")
        rows = db.execute("SELECT * FROM snapshots").fetchall()
        number = highest("number", "snapshots")
        for n in range(1, times):
            # what of each column is another in the copy: a document's ids, names and digest
            copies = {
                "sources": {
                    "id": f"id + {n * source}",
                    "uri": f"uri || '.{n}'",
                    "display": f"display || '.{n}'",
                    "sha256": f"sha256 || '{n}'",
                    "title": f"title || ' {n}'",
                },
                "pages": {"source_id": f"source_id + {n * source}"},
                "blocks": {"id": f"id + {n * block}", "source_id": f"source_id + {n * source}"},
                "landmarks": {"block_id": f"block_id + {n * block}"},
                "cards": {
                    "source_id": f"source_id + {n * source}",
                    "value": f"CASE field WHEN 'title' THEN value || ' {n}' ELSE value END",
                },
                "events": {"id": f"id + {n * event}"},
                "derived": {
                    "event_id": f"event_id + {n * event}",
                    "source_id": f"CASE source_id WHEN 0 THEN 0 ELSE source_id + {n * source} END",
                },
            }
            for table, other in copies.items():
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                key = next(iter(other))  # those that were read, and no copies of them
                last = {"sources": source, "blocks": block, "landmarks": block, "events": event, "derived": event}
                db.execute(
                    f"INSERT INTO {table} SELECT {', '.join(other.get(name, name) for name in columns)}"
                    f" FROM {table} WHERE {key} <= {last.get(table, source)}"
                )
            for old, of, cell, done, _, _, created in rows:
                tensors = read_snapshot(snapshot_path(store.folder / SNAPSHOTS, old), None)
                first = next(name for name, t in sorted(tensors.items()) if t.is_floating_point() and t.numel())
                tensors[first] = tensors[first].clone()
                tensors[first].view(-1)[0] *= 1 + n / 100  # cells are known by the digest of their file
                path = snapshot_path(store.folder / SNAPSHOTS, old + n * number)
                sha256, size = write_snapshot(path, tensors, fingerprint=store.info.fingerprint)
                values = (old + n * number, of + n * source, cell, done, sha256, size, created)
                db.execute("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            db.commit()


# ---------------------------------------------------------------- commands


def measured(work: str, home: Path) -> tuple[float, float]:
    """Seconds of processor time and peak megabytes of a process that does this."""
    with tempfile.NamedTemporaryFile() as result:
        program = MEASURED.format(work=work, result=result.name)
        env = os.environ | {"TITANS_HOME": str(home), "OMP_NUM_THREADS": str(threads()), "OMP_WAIT_POLICY": "passive"}
        done = subprocess.run([sys.executable, "-c", program], env=env, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{work}: exit code {done.returncode}: {done.stderr}")
        taken, peak = result.read().split()
    return float(taken), float(peak)


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, help="data folder whose text is read (default: sample_corpora)")
    args.add_argument("--documents", type=int, help="default 10,000; 100 with --quick")
    args.add_argument("--distinct", type=int, help="documents that are really read; default 250, 10 with --quick")
    args.add_argument("--read-all", action="store_true", help="read all documents, and make no copies")
    args.add_argument("--tokens", type=int, default=2000, help="of a document, at least; its last paragraph is whole")
    args.add_argument("--home", type=Path, help="a folder for the session, which stays; one that is there is reused")
    options = args.parse_args()
    torch.set_num_threads(threads())
    count = options.documents or (100 if options.quick else 10_000)
    distinct = count if options.read_all else min(count, options.distinct or (10 if options.quick else 250))
    engine = Engine.load()
    chosen = {"documents": count, "distinct": distinct, "tokens": options.tokens, "threads": threads()}
    report = Report("scale", chosen | {"model": engine.fingerprint[:12]})
    with tempfile.TemporaryDirectory() as made:
        home = Home(options.home or Path(made) / "home")
        home.ensure()
        if NAME not in home.session_names():
            rates = read(engine, home, Path(made) / "documents", options, distinct)
            for name, told in zip(("read.first", "read.last"), rates, strict=True):
                report.add(name, told)
            store = SessionStore.open(home, NAME)
            multiply(store, math.ceil(count / distinct))
            begun = time.process_time()
            Shelf().cells(store, engine)  # as reading them all would have left it
            report.add("codes_s", time.process_time() - begun)
        store = SessionStore.open(home, NAME)
        with store.episodes() as episodes:
            sources = episodes.sources()
            report.add("documents", len(sources))
            report.add("tokens", episodes.position())
            report.add("cells", len(episodes.snapshot_numbers()))
        # the first of them waits for the session to be opened, which is not what reading on costs
        beyond = read_pieces(engine, home, Path(made) / "more", options, distinct, BEYOND + 1)[1:]
        report.add("read.beyond", rate(beyond))
        load, peak = measured(LOADING, home.root)
        report.add("load_s", load)
        report.add("load_mb", peak)
        for name, arguments in COMMANDS.items():
            words = [word.format(first=sources[0].id, page=Path(made) / "report.html") for word in arguments]
            taken, peak = measured(RUNNING.format(arguments=words), home.root)
            report.add(f"{name}_s", taken - load if name.startswith("ask") else taken)
            report.add(f"{name}_mb", peak)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
