"""Does what was read earlier in a session help to read on? Perplexity of a language model with the session's memory.

Documents of one kind are read in order into one session, in windows of `WINDOW` tokens, `STRIDE` of them new. Every
token is predicted from those before it in its window, and with the memory from what the session read before; the
plain model gets the same windows in the same run. A token never helps to predict itself or one before it.

    pdfs       40 papers, the first of the manifest by name, read by the product's readers; the later half counts
    peps       200 of the proposals of text/, in the order of the file; the later half counts
    novel      one book that no memory was trained on, from its beginning; all of it counts
    unrelated  the beginnings of held-out documents of other kinds, to the memory that read the papers, unwritten

`.plain` and `.memory` are perplexities, `.change` is the second over the first minus one, in percent. `speed` is
tokens/s of reading on over those of the plain forward pass and its loss over the same tokens, on the CPU clock of one
process. `--features FOLDER` keeps what the frozen model makes of a text (its states and its own loss), so that a run
may be stopped and gone on with; the memory reads it anew each time.

Frozen on 2026-11-27, before the memory was built: what is read, how it is cut, and what counts.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from benchmarks.common import Report, parser, threads
from titans_cli.readers.read import read
from titans_cli.records import Source
from titans_cli.store import Home
from titans_cli.train.corpus import read_jsonl

WINDOW, STRIDE = 1024, 768
PAPERS, PAPER_TOKENS = 40, 6000
PROPOSALS, PROPOSAL_TOKENS = 200, 2000
NOVEL, NOVEL_TOKENS = "bram-stoker_dracula", 24_000
OTHERS, OTHER_TOKENS = 40, 256
OTHER_KINDS = ("acl_abstracts", "medquad_docs", "openstax", "standard_ebooks", "wikipedia")
TIMED = 3  # of the last papers
LEAST = 64  # tokens of a document


class Reader(Protocol):
    """A frozen language model with the memory of a session. `seen` is what the model alone makes of a text: it does
    not depend on the memory, and is safe to keep."""

    fingerprint: str

    def encode(self, text: str) -> list[int]: ...

    def look(self, tokens: Sequence[int], window: int, stride: int) -> dict[str, Tensor]:
        """The frozen model over a text: named tensors, `nats` [n - 1] among them, its own loss."""

    def plain(self, tokens: Sequence[int], window: int, stride: int) -> Tensor:
        """Nothing but the forward pass and its loss [n - 1]: what the speed is compared with."""

    def initial_state(self) -> Any: ...

    def read_on(self, state: Any, seen: dict[str, Tensor], *, write: bool = True) -> tuple[Any, Tensor]:
        """Nats [n - 1] of a text with the memory, predicted before it is written, and the memory after it."""


@dataclass(frozen=True)
class Measured:
    plain: Tensor  # nats of every predicted token
    memory: Tensor


def papers(data: Path, count: int) -> Iterator[str]:
    manifest = [json.loads(line) for line in (data / "pdfs" / "manifest.jsonl").read_text("utf-8").splitlines()]
    for name in sorted(record["file"] for record in manifest)[:count]:
        path = data / "pdfs" / name
        yield "\n\n".join(page.text for page in read(Source(str(path), path.name)).pages)


def proposals(data: Path, count: int) -> Iterator[str]:
    for number, record in enumerate(read_jsonl(data / "text" / "peps.jsonl.zst")):
        if number == count:
            return
        yield record["text"]


def novel(data: Path) -> str:
    """Its chapters in the order of the numbers in their names, as one text."""
    found = []
    for record in read_jsonl(data / "text" / "standard_ebooks.jsonl.zst"):
        if f"/{NOVEL}/" in record["id"]:
            numbers = [float(n) for n in re.findall(r"\d+", record["id"].rsplit("/", 1)[1])]
            found.append((numbers or [math.inf], record["text"]))  # what has no number is an epilogue
    return "\n\n".join(text for _, text in sorted(found))


def others(data: Path, count: int) -> Iterator[str]:
    """Of each kind as many, in turn."""
    kinds = [read_jsonl(data / "text" / "heldout" / f"{kind}.jsonl.zst") for kind in OTHER_KINDS]
    for number in range(count):
        record = next(kinds[number % len(kinds)], None)
        if record is not None:
            yield record["text"]


class Bench:
    def __init__(self, reader: Reader, features: Path | None) -> None:
        self.reader, self.features = reader, features

    def tokens(self, text: str, most: int) -> list[int]:
        return self.reader.encode(text)[:most]

    def seen(self, tokens: Sequence[int]) -> dict[str, Tensor]:
        if self.features is None:
            return self.reader.look(tokens, WINDOW, STRIDE)
        import hashlib

        from safetensors.torch import load_file, save_file

        made_of = json.dumps([self.reader.fingerprint, WINDOW, STRIDE, list(tokens)]).encode()
        path = self.features / f"{hashlib.sha256(made_of).hexdigest()[:32]}.safetensors"
        if path.exists():
            return load_file(path)
        found = self.reader.look(tokens, WINDOW, STRIDE)
        self.features.mkdir(parents=True, exist_ok=True)
        save_file(found, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)
        return found

    def session(self, documents: Sequence[Sequence[int]]) -> tuple[list[Measured], Any]:
        state, measured = self.reader.initial_state(), []
        for tokens in documents:
            seen = self.seen(tokens)
            state, nats = self.reader.read_on(state, seen)
            measured.append(Measured(seen["nats"], nats))
        return measured, state

    def unwritten(self, state: Any, documents: Sequence[Sequence[int]]) -> list[Measured]:
        measured = []
        for tokens in documents:
            seen = self.seen(tokens)
            measured.append(Measured(seen["nats"], self.reader.read_on(state, seen, write=False)[1]))
        return measured

    def speed(self, state: Any, documents: Sequence[Sequence[int]]) -> tuple[float, float]:
        """Tokens/s plain, and with the memory; in turn, so that a busy machine slows both."""
        seconds, count = [0.0, 0.0], sum(len(tokens) for tokens in documents)
        for tokens in documents:
            begun = time.process_time()
            self.reader.plain(tokens, WINDOW, STRIDE)
            middle = time.process_time()
            state, _ = self.reader.read_on(state, self.reader.look(tokens, WINDOW, STRIDE))
            seconds[0] += middle - begun
            seconds[1] += time.process_time() - middle
        return count / max(seconds[0], 1e-9), count / max(seconds[1], 1e-9)


def add(report: Report, name: str, measured: Sequence[Measured]) -> None:
    plain = math.exp(float(torch.cat([m.plain for m in measured]).double().mean()))
    memory = math.exp(float(torch.cat([m.memory for m in measured]).double().mean()))
    report.add(f"{name}.plain", plain)
    report.add(f"{name}.memory", memory)
    report.add(f"{name}.change", 100 * (memory / plain - 1))


def reader_of(model: str, home: Path | None) -> Reader:
    from titans_cli.model import named
    from titans_cli.model.session import load_session_reader

    root = (home or Home.locate().root) / "models"
    return load_session_reader(named.find(model, root).folder)


def main() -> None:
    args = parser(__doc__)
    args.add_argument("--data", type=Path, required=True, help="data folder: pdfs/, text/ and text/heldout/")
    args.add_argument("--model", default="smollm2", help="a named model, or a folder (default smollm2)")
    args.add_argument("--home", type=Path, help="where models were pulled to (default: TITANS_HOME)")
    args.add_argument("--features", type=Path, help="keep what the frozen model makes of the texts here")
    args.add_argument("--papers", type=int, help=f"default {PAPERS}; 4 with --quick")
    args.add_argument("--paper-tokens", type=int, help=f"of a paper at most; default {PAPER_TOKENS}; 512 with --quick")
    args.add_argument("--proposals", type=int, help=f"default {PROPOSALS}; 4 with --quick")
    args.add_argument("--proposal-tokens", type=int, help=f"default {PROPOSAL_TOKENS}; 512 with --quick")
    args.add_argument("--novel-tokens", type=int, help=f"default {NOVEL_TOKENS}; 1024 with --quick")
    args.add_argument("--others", type=int, help=f"unrelated texts; default {OTHERS}; 4 with --quick")
    options = args.parse_args()
    torch.set_num_threads(threads())
    quick: bool = options.quick

    def chosen(given: int | None, usual: int, little: int) -> int:
        return given if given is not None else little if quick else usual

    settings = {
        "model": options.model,
        "window": WINDOW,
        "stride": STRIDE,
        "papers": chosen(options.papers, PAPERS, 4),
        "paper_tokens": chosen(options.paper_tokens, PAPER_TOKENS, 512),
        "proposals": chosen(options.proposals, PROPOSALS, 4),
        "proposal_tokens": chosen(options.proposal_tokens, PROPOSAL_TOKENS, 512),
        "novel_tokens": chosen(options.novel_tokens, NOVEL_TOKENS, 1024),
        "others": chosen(options.others, OTHERS, 4),
    }
    bench = Bench(reader_of(options.model, options.home), options.features)
    report = Report("session_ppl", settings)

    def cut(texts: Iterator[str], most: int) -> list[list[int]]:
        found = (bench.tokens(text, most) for text in texts)
        return [tokens for tokens in found if len(tokens) >= LEAST]

    read_papers = cut(papers(options.data, settings["papers"]), settings["paper_tokens"])
    measured, state = bench.session(read_papers)
    report.add("pdfs.tokens", sum(map(len, read_papers)))
    add(report, "pdfs", measured[len(measured) // 2 :])
    add(report, "pdfs.first_half", measured[: len(measured) // 2])
    add(report, "unrelated", bench.unwritten(state, cut(others(options.data, settings["others"]), OTHER_TOKENS)))
    plain, memory = bench.speed(state, read_papers[-TIMED:])
    report.add("speed.plain", plain)
    report.add("speed.memory", memory)
    report.add("speed", memory / plain)
    read_proposals = cut(proposals(options.data, settings["proposals"]), settings["proposal_tokens"])
    measured, _ = bench.session(read_proposals)
    report.add("peps.tokens", sum(map(len, read_proposals)))
    add(report, "peps", measured[len(measured) // 2 :])
    book = cut(iter([novel(options.data)]), settings["novel_tokens"])
    add(report, "novel", bench.session(book)[0])
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
