"""What every benchmark shares: arguments, the machine, the commit, the report."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Report:
    benchmark: str
    settings: dict[str, Any]
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.figures[name] = round(value, 4)

    def print(self, *, as_json: bool) -> None:
        whole = {
            "benchmark": self.benchmark,
            "commit": commit(),
            "machine": machine(),
            "settings": self.settings,
            "figures": self.figures,
        }
        if as_json:
            print(json.dumps(whole))
            return
        print(f"# {self.benchmark} at {whole['commit']} on {whole['machine']}")
        print(f"  settings: {self.settings}")
        width = max(map(len, self.figures), default=0)
        for name, value in self.figures.items():
            print(f"  {name:{width}}  {value:,.4g}")


def commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def threads() -> int:
    """OMP_NUM_THREADS or 2. Two programs of two threads each on two cores crawl: give each one thread."""
    return int(os.environ.get("OMP_NUM_THREADS") or 2)


def per_s(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """How often the work is done in a second of the clock.

    It is repeated until the clock has moved: clocks of processor time go in steps of up to 10 ms on some machines, and
    a piece of work may be shorter.
    """
    begun, count = clock(), 0
    while (passed := clock() - begun) <= 0 or not count:
        work()
        count += 1
    return count / passed


def parser(doc: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=doc)
    made.add_argument("--quick", action="store_true", help="the same on less, within about a minute")
    made.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return made


@lru_cache
def held_out_texts(data: Path | None) -> tuple[str, ...]:
    """Held-out text of a data folder (text/heldout/*.jsonl.zst), or else the sample corpus."""
    if data is None:
        folder = ROOT / "sample_corpora" / "papers"
        files = sorted(folder.glob("*.md")) + sorted(folder.glob("*.txt"))
        return tuple(p.read_text(encoding="utf-8") for p in files)
    from titans_cli.train.corpus import read_jsonl

    files = sorted((data / "text" / "heldout").glob("*.jsonl.zst"))
    return tuple(record["text"] for path in files for record in read_jsonl(path))


def prose(data: Path | None, rng: random.Random) -> Iterator[str]:
    """Sentences without end, from `held_out_texts`."""
    from titans_cli.sentences import sentence_spans

    texts = held_out_texts(data)
    while True:
        text = rng.choice(texts)
        spans = sentence_spans(text)
        start = rng.randrange(max(1, len(spans) - 40))
        yield from (" ".join(text[a:b].split()) for a, b in spans[start : start + 40] if b - a < 400)


def take_tokens(sentences: Iterable[tuple[str, int]], budget: int) -> list[str]:
    """Sentences until `budget` tokens are reached."""
    taken: list[str] = []
    for text, tokens in sentences:
        budget -= tokens
        taken.append(text)
        if budget <= 0:
            break
    return taken
