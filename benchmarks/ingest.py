"""The whole job: tokens/s and peak memory of `titans ingest`, and how long the short commands take, cold.

Each figure is a whole process, as a user starts it; latencies are medians of several runs.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import ROOT, Report, parser, prose, take_tokens

TITANS = (sys.executable, "-m", "titans_cli")


def seconds(arguments: list[str], env: dict[str, str], runs: int) -> float:
    taken = []
    for _ in range(runs + 1):  # the first one warms the file cache
        begun = time.perf_counter()
        subprocess.run([*TITANS, *arguments], env=env, check=True, capture_output=True)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def overhead(precision: str) -> tuple[float, float]:
    """(tokens/s through trunk and memory, its cost relative to the trunk alone), in this process, interleaved."""
    import torch

    from titans_cli.model.engine import BATCH, Engine

    torch.set_num_threads(2)
    engine = Engine.load(precision=precision)
    network, state = engine.network, engine.network.memory.initial_state()
    tokens = torch.randint(4, engine.spec.vocab_size, (BATCH, engine.spec.segment_length))
    mask = torch.ones_like(tokens, dtype=torch.bool)
    best = [float("inf"), float("inf")]
    with torch.inference_mode():
        for _ in range(12):
            begun = time.perf_counter()
            with engine.arithmetic():
                x = network.trunk(tokens)
            best[0] = min(best[0], time.perf_counter() - begun)
            begun = time.perf_counter()
            with engine.arithmetic():
                x = network.trunk(tokens)
                inputs = network.memory_inputs(x, tokens, mask)
            state = network.absorb(state, inputs).state
            best[1] = min(best[1], time.perf_counter() - begun)
    return tokens.numel() / best[1], best[1] / best[0]


def main() -> None:
    options = parser(__doc__).parse_args()
    runs = 5 if options.quick else 15
    report = Report("ingest", {"runs": runs, "threads": os.environ.get("TITANS_THREADS", "default")})
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"TITANS_HOME": str(Path(folder) / "home"), "OMP_WAIT_POLICY": "passive"}
        subprocess.run(
            [*TITANS, "ingest", "-q", str(ROOT / "sample_corpora" / "papers")], env=env, check=True, capture_output=True
        )
        report.add("help_s", seconds(["--help"], env, runs))
        report.add("list_s", seconds(["session", "list"], env, runs))
        report.add("ask_cold_s", seconds(["ask", "What is the density of marrowite?", "--no-log"], env, min(runs, 5)))
        for label, tokens in (("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000)):
            if options.quick and tokens > 50_000:
                break
            sentences = prose(None, random.Random(1))
            text = " ".join(take_tokens(((s, round(len(s) / 3.6)) for s in sentences), tokens))
            source = Path(folder) / f"{label}.txt"
            source.write_text(text, encoding="utf-8")
            subprocess.run([*TITANS, "session", "new", f"b{label}", "-q"], env=env, check=True, capture_output=True)
            begun = time.perf_counter()
            done = subprocess.run([*TITANS, "ingest", "--json", str(source)], env=env, check=True, capture_output=True)
            taken = time.perf_counter() - begun
            read = json.loads(done.stdout.splitlines()[-1])["tokens"]  # about `tokens`, by the model's own count
            report.add(f"tokens_per_s.{label}", read / taken)
            report.add(f"peak_mb.{label}", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    if "tokens_per_s.1m" in report.figures:
        report.add("flatness", report.figures["tokens_per_s.1m"] / report.figures["tokens_per_s.100k"])
    for precision in ("fp32", "bf16"):
        rate, ratio = overhead(precision)
        report.add(f"model_tokens_per_s.{precision}", rate)
        report.add(f"memory_overhead.{precision}", ratio)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
