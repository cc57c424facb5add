"""Held-out text, predicted with the memory on and off, by position in a long document.

Documents of `--tokens` tokens are made of held-out text (with --data; else of sample_corpora), read segment by segment
as a session reads them, into cells. Each token is predicted from those before it in its segment, and with the memory on
from all cells written so far, the open one included. Figures are nats a token in windows of 2,048 tokens;
`on` must lie below `off` in every window but the first. `--plot FILE.svg` draws the curve.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as fn

from benchmarks.common import Report, held_out_texts, parser, threads
from titans_cli.model.engine import Engine
from titans_cli.records import Page

WINDOW = 2048


def documents(data: Path | None, count: int, characters: int, seed: int) -> list[str]:
    """Texts of about so many characters: whole held-out documents, one after another where one is too short."""
    rng = random.Random(seed)
    texts = list(held_out_texts(data))
    made = []
    for _ in range(count):
        text = ""
        while len(text) < characters:
            text += rng.choice(texts) + "\n\n"
        made.append(text[:characters])
    return made


@torch.inference_mode()
def losses(engine: Engine, text: str, tokens: int) -> tuple[Tensor, Tensor]:
    """Nats of every predicted token, in order, with the memory on and off: two vectors of equal length."""
    network, memory = engine.network, engine.network.memory
    on, off, closed, seen = list[Tensor](), list[Tensor](), list[Tensor](), 0
    state = memory.initial_state()
    for i, segment in enumerate(engine.segments([Page(1, text)])):
        if i and i % engine.cell_segments == 0:
            closed.append(state.weights[0])
            state = memory.initial_state()
        row = torch.tensor([segment.tokens])
        x = network.trunk(row)
        recalled = memory.recalled([*closed, state.weights[0]], network.memory_queries(x, row))
        for read, kept in ((memory.spoken(memory.route(recalled)), on), (None, off)):
            logits = network.logits(network.head(x, read))[0, :-1]
            kept.append(fn.cross_entropy(logits, row[0, 1:], reduction="none"))
        state = network.absorb(state, network.memory_inputs(x, row, torch.ones_like(row, dtype=torch.bool))).state
        seen += len(segment.tokens)
        if seen >= tokens:
            break
    return torch.cat(on), torch.cat(off)


def plot(path: Path, on: Sequence[float], off: Sequence[float]) -> None:
    """The two curves as a plain SVG file."""
    low, high = min((*on, *off)) - 0.05, max((*on, *off)) + 0.05
    width, height, left, top = 640, 320, 60, 30

    def curve(values: Sequence[float], colour: str, name: str) -> str:
        points = [
            (left + (i + 0.5) * width / len(values), top + (high - v) / (high - low) * height)
            for i, v in enumerate(values)
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        x, y = points[-1]
        return (
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{name}</text>'
        )

    base = top + height + 18
    ticks = "".join(
        f'<text x="{left + (i + 0.5) * width / len(on):.1f}" y="{base}" text-anchor="middle">{2 * i}K</text>'
        for i in range(len(on))
    ) + "".join(
        f'<text x="{left - 8}" y="{top + (high - v) / (high - low) * height + 4:.1f}" text-anchor="end">{v:.2f}</text>'
        for v in (low, (low + high) / 2, high)
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 110} {top + height + 40}" '
        'font-family="sans-serif" font-size="12" fill="#555">'
        f'<rect width="100%" height="100%" fill="white"/><text x="{left}" y="18">nats a token, by position in the '
        f"document</text>{ticks}{curve(off, '#b04a2f', 'memory off')}{curve(on, '#1f6f8b', 'memory on')}</svg>\n",
        encoding="utf-8",
    )


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, help="data folder: its held-out text; else sample_corpora")
    args.add_argument("--documents", type=int, help="default 20; 3 with --quick")
    args.add_argument("--tokens", type=int, help="of a document; default 16,384; 6,144 with --quick")
    args.add_argument("--plot", type=Path, help="draw the curve into this SVG file")
    args.add_argument("--model", type=Path, help="model folder (default: the embedded one)")
    options = args.parse_args()
    torch.set_num_threads(threads())
    engine = Engine.load(options.model)
    count = options.documents or (3 if options.quick else 20)
    tokens = options.tokens or (6144 if options.quick else 16_384)
    windows = tokens // WINDOW
    read = [losses(engine, text, tokens) for text in documents(options.data, count, tokens * 6, seed=7)]
    report = Report("perplexity", {"documents": count, "tokens": tokens, "model": engine.fingerprint[:12]})
    means: dict[str, list[float]] = {"on": [], "off": []}
    for i in range(windows):
        for name, k in (("on", 0), ("off", 1)):
            # a segment's first token is not predicted, so a window holds a few fewer than WINDOW
            kept = torch.cat(
                [pair[k][i * len(pair[k]) // windows : (i + 1) * len(pair[k]) // windows] for pair in read]
            )
            means[name].append(float(kept.mean()))
            report.add(f"{name}.{2 * i}k-{2 * i + 2}k", means[name][-1])
    report.add("windows.on_below_off", sum(a < b for a, b in zip(means["on"], means["off"], strict=True)))
    report.add("windows", windows)
    if options.plot:
        plot(options.plot, means["on"], means["off"])
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
