"""How long an agent waits: `titans mcp` over stdio, warm, on a session of 200 papers, measured at the SDK's client.

The papers are those of `benchmarks.recall`, each with an invented fact; the questions ask for the facts. Beside each
figure in milliseconds stands what of it the server says it worked (`work`), and for comparison the same retrieval by
`titans_cli.Session` without a server (`direct`). `add` is one paragraph, durable when the call returns. `cold`: the
first retrieval of a server, which loads the model and fetches the topics of all cells. `load` is that of the machine
(1 minute, per core): above 1, other programs had a part of the time.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from benchmarks.common import ROOT, Report, parser, threads
from benchmarks.recall import papers
from titans_cli import Session
from titans_cli.model.engine import Engine
from titans_cli.store import Home


def percentiles(report: Report, name: str, seconds: Sequence[float]) -> None:
    cuts = quantiles(seconds, n=20, method="inclusive")
    report.add(f"{name}.p50_ms", 1000 * cuts[9])
    report.add(f"{name}.p95_ms", 1000 * cuts[18])


async def timed(client: Client, tool: str, **arguments: Any) -> tuple[float, dict[str, Any]]:
    begun = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    seconds = time.perf_counter() - begun
    if result.is_error or result.structured_content is None:
        raise RuntimeError(f"{tool}: {result.content}")
    return seconds, dict(result.structured_content)


async def serve(home: Home, questions: Sequence[str], paragraphs: Sequence[str], report: Report) -> None:
    environment = {**os.environ, "TITANS_HOME": str(home.root), "PYTHONPATH": str(ROOT)}
    server = StdioServerParameters(command=sys.executable, args=["-m", "titans_cli", "mcp"], env=environment)
    begun = time.perf_counter()
    async with Client(stdio_client(server)) as client:
        report.add("start.ms", 1000 * (time.perf_counter() - begun))
        handle = (await timed(client, "session_open", name="papers"))[1]["handle"]
        report.add("cold.retrieve.ms", 1000 * (await timed(client, "memory_retrieve", handle=handle, query="a"))[0])
        asked = [await timed(client, "memory_retrieve", handle=handle, query=q) for q in questions]
        percentiles(report, "retrieve", [seconds for seconds, _ in asked])
        percentiles(report, "retrieve.work", [found["seconds"] for _, found in asked])
        told = [
            await timed(client, "memory_add", handle=handle, text=text, key=f"{time.time_ns()}-{n}")
            for n, text in enumerate(paragraphs)
        ]
        percentiles(report, "add", [seconds for seconds, _ in told])
        after = [await timed(client, "memory_retrieve", handle=handle, query=q) for q in questions[:20]]
        percentiles(report, "retrieve.after_adding", [seconds for seconds, _ in after])


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, help="data folder; its held-out text is the prose (default: sample_corpora)")
    args.add_argument("--papers", type=int, help="default 200; 20 with --quick")
    args.add_argument(
        "--tokens", type=int, default=1000, help="of a paper; building the session takes most of the time"
    )
    args.add_argument("--questions", type=int, help="default 200; 40 with --quick")
    args.add_argument("--home", type=Path, help="keep the session here, and use it again when it is there")
    options = args.parse_args()
    os.environ["TITANS_THREADS"] = str(threads())
    count = options.papers or (20 if options.quick else 200)
    asking = options.questions or (40 if options.quick else 200)
    engine = Engine.load()
    made = list(papers(engine, count, options.tokens, 1, options.data, seed=1))
    others = papers(engine, 20, 120, 1, options.data, seed=3)
    settings = {"papers": count, "tokens": options.tokens, "questions": asking, "threads": threads()}
    report = Report("serving", settings)
    with tempfile.TemporaryDirectory(prefix="titans-serving-") as folder:
        home = Home(options.home or Path(folder) / "home")
        session = Session.resume("papers", home=home)
        begun = time.perf_counter()
        for n, (text, _) in enumerate(made):
            path = Path(folder) / f"{n:04d}.txt"
            path.write_text(text, encoding="utf-8")
        session.ingest(folder, exclude=["home"])
        report.add("build.s", time.perf_counter() - begun)
        report.add("cells", session.status().cells)
        questions = [facts[0].question for _, facts in made]
        questions = (questions * -(-asking // len(questions)))[:asking]
        anyio.run(serve, home, questions, [text for text, _ in others], report)
        direct = [session.retrieve(q).seconds for q in questions[:50]]
        percentiles(report, "direct", direct[1:])  # the first fetches the topics
    report.add("load", os.getloadavg()[0] / (os.cpu_count() or 1))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
