"""RULER's single needle in a haystack (Hsieh et al. 2024, arXiv 2404.06654), closed-book: the haystack is read once
into the memory, and the question is asked with nothing else to answer from. A hit is the exact value, generated.

    n1   a number in noise (one short passage repeated)      n2   a number in essays      n3   a uuid in essays

Needle, question and noise are worded as in RULER; keys are two English words, values are random. With --data the
essays are its held-out text, else sample_corpora. The control `off` asks a memory that has read nothing.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import torch

from benchmarks.common import Report, parser, prose, take_tokens, threads
from benchmarks.recall import read_all
from titans_cli.model.engine import Engine

NOISE = (
    "The grass is green.",
    "The sky is blue.",
    "The sun is yellow.",
    "Here we go.",
    "There and back again.",
)
LENGTHS = {"2k": 2048, "4k": 4096, "8k": 8192, "16k": 16_384, "64k": 65_536}
ADJECTIVES = (
    "vague handsome quiet brittle eager hollow modest rapid solemn tidy ancient clumsy damp fierce gentle".split()
)
NOUNS = (
    "ecology marble harvest lantern orchard pioneer quarrel saddle thunder velvet anchor basket canyon drummer".split()
)


@dataclass(frozen=True)
class Needle:
    key: str
    value: str
    kind: str  # number or uuid

    @property
    def statement(self) -> str:
        return f"One of the special magic {self.kind}s for {self.key} is: {self.value}."

    @property
    def question(self) -> str:
        return f"What is the special magic {self.kind} for {self.key} mentioned in the provided text?"


def needle(kind: str, rng: random.Random) -> Needle:
    key = f"{rng.choice(ADJECTIVES)}-{rng.choice(NOUNS)}"
    value = str(rng.randrange(10**6, 10**7)) if kind == "number" else str(uuid.UUID(int=rng.getrandbits(128)))
    return Needle(key, value, kind)


def haystacks(task: str, data: Path | None, rng: random.Random) -> Iterator[str]:
    return cycle(NOISE) if task == "n1" else prose(data, rng)


def ask(engine: Engine, task: str, tokens: int, data: Path | None, seed: int) -> tuple[bool, bool]:
    """Found with the memory; found by a memory that read nothing."""
    rng = random.Random(f"{task}/{tokens}/{seed}")
    hidden = needle("uuid" if task == "n3" else "number", rng)
    sentences = haystacks(task, data, rng)
    text = take_tokens(((s, len(engine.tokenizer.encode(s))) for s in sentences), tokens)
    text.insert(rng.randrange(len(text) + 1), hidden.statement)
    cells = read_all(engine, [" ".join(text)])
    right = engine.recall(cells, hidden.question).text == hidden.value
    return right, engine.recall([], hidden.question).text == hidden.value


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, help="data folder: its held-out text is the essays; else sample_corpora")
    args.add_argument("--samples", type=int, help="needles a task and length; default 50, with --quick 5")
    args.add_argument("--lengths", default="2k,4k,8k,16k", help=f"of {', '.join(LENGTHS)}")
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    options = args.parse_args()
    torch.set_num_threads(threads())
    engine = Engine.load(options.model)
    samples = options.samples or (5 if options.quick else 50)
    lengths = ["2k", "4k"] if options.quick else options.lengths.split(",")
    report = Report("niah", {"samples": samples, "model": engine.fingerprint[:12]})
    for task in ("n1", "n2", "n3"):
        blind = 0
        for length in lengths:
            found = [ask(engine, task, LENGTHS[length], options.data, seed) for seed in range(samples)]
            report.add(f"{task}.{length}", sum(hit for hit, _ in found) / samples)
            blind += sum(hit for _, hit in found)
        report.add(f"{task}.off", blind / samples / len(lengths))
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
