"""Beyond one machine: what a document costs a worker and what it costs the one writer, and where that leads.

Measured here, a document each: `prepare` (parse, segment, trunk, memory: any worker) and `ClusterWriter.take` (commit:
one a session), and the same documents through Ray with one worker and with two, whose time per document beyond
`prepare` is what Ray adds. The model, with W workers of one thread each:

    documents/s = min(W / (prepare + ray), 1 / take)

so more than (prepare + ray) / take workers of one session wait for its writer; sessions side by side have a writer
each. Not in it: a network slower than this machine's memory (`bytes` is what a document sends), a shared file system.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.common import Report, parser
from benchmarks.recall import papers
from titans_cli.model.engine import Engine
from titans_cli.readers import discover
from titans_cli.sessions.cluster import ClusterWriter, ingest_on_ray, prepare
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session
from titans_cli.sessions.learning import PreparedDocument
from titans_cli.store import Home

MEASURED = (1, 2)
WORKERS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def write_papers(folder: Path, count: int, tokens: int, data: Path | None, seed: int) -> None:
    folder.mkdir()
    for i, (text, _) in enumerate(papers(Engine.load(), count, tokens, 1, data, seed=seed)):
        (folder / f"{i:04d}.txt").write_text(text, encoding="utf-8")


def stages(home: Home, folder: Path) -> tuple[list[float], list[float], int]:
    """Seconds of `prepare` and of `take` for each document, and the bytes one sends to the writer."""
    store = create_session(home, "stages")
    writer, how = ClusterWriter(home, "stages", IngestOptions()), IngestOptions()
    preparing, taking, size = list[float](), list[float](), 0
    for i, source in enumerate(discover([str(folder)]).sources):
        begun = time.perf_counter()
        prepared = prepare(store.info, source, how)
        ready = time.perf_counter()
        writer.take(i, 1, source, prepared)
        preparing.append(ready - begun)
        taking.append(time.perf_counter() - ready)
        assert isinstance(prepared, PreparedDocument)
        size = sum(t.nbytes for part in prepared.learned or () for t in part.cell.tensors.values())
    writer.close()
    return preparing[1:], taking[1:], size  # the first one loads the model


def through_ray(home: Home, warm: Path, folder: Path, count: int, workers: int) -> float:
    """Seconds a document on a Ray of so many workers, once they have loaded their model."""
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    name = f"workers{workers}"
    create_session(home, name)
    for _ in ingest_on_ray(home, name, IngestRequest([str(warm)]), IngestOptions()):
        pass
    begun = time.perf_counter()
    for _ in ingest_on_ray(home, name, IngestRequest([str(folder)]), IngestOptions()):
        pass
    ray.shutdown()
    return (time.perf_counter() - begun) / count


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, help="data folder; its held-out text is the prose (default: sample_corpora)")
    args.add_argument("--papers", type=int, help="default 40; 8 with --quick")
    args.add_argument("--tokens", type=int, default=2000, help="of a paper")
    options = args.parse_args()
    os.environ["TITANS_THREADS"] = "1"
    count = options.papers or (8 if options.quick else 40)
    report = Report("scaling", {"papers": count, "tokens": options.tokens, "threads": 1})
    with tempfile.TemporaryDirectory() as root:
        home, folder, warm = Home(Path(root) / "home"), Path(root) / "papers", Path(root) / "warm"
        home.ensure()
        write_papers(folder, count, options.tokens, options.data, seed=4)
        write_papers(warm, 4, options.tokens, options.data, seed=5)
        preparing, taking, size = stages(home, folder)
        prepare_s, take_s = median(preparing), median(taking)
        measured = {workers: through_ray(home, warm, folder, count, workers) for workers in MEASURED}
    ray_s = max(0.0, measured[1] - prepare_s)
    report.add("prepare.seconds", prepare_s)
    report.add("take.seconds", take_s)
    report.add("ray.seconds", ray_s)
    report.add("bytes", size)
    for workers, seconds in measured.items():
        report.add(f"workers{workers}.measured.seconds", seconds)
        report.add(f"workers{workers}.model.seconds", max((prepare_s + ray_s) / workers, take_s))
    report.add("saturated_at.workers", (prepare_s + ray_s) / take_s)
    for workers in WORKERS:
        rate = min(workers / (prepare_s + ray_s), 1 / take_s)
        report.add(f"workers{workers}.documents_per_s", rate)
        report.add(f"workers{workers}.tokens_per_s", rate * options.tokens)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
