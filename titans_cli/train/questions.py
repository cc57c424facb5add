"""Questions about running text, written by a reader in training: `python -m titans_cli.train.questions`.

The reader was also trained the other way round, to write an answer and its question from a passage (`reader.py`).
Here it does so for passages of every kind of training text, by sampling, twice a passage. Kept is what is a question,
has an answer that stands verbatim in the passage, and does not tell it. Not all of it is right: training passes
over those whose answer the reader does not come near.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from titans_cli.model.generation import CACHE
from titans_cli.model.reader import END, ReaderSpec, asking_prompt, load_backbone, merge, reader_tensors
from titans_cli.train.reading import LONGEST_ANSWER, flat, running_text

# Share of the passages by source: prose of facts first, then papers, specifications, speeches and stories.
SHARES = {
    "wikipedia": 0.34,
    "openstax": 0.16,
    "standard_ebooks": 0.08,
    "plos_articles": 0.06,
    "oa_stm_articles": 0.06,
    "scipy_proceedings": 0.06,
    "acl_abstracts": 0.06,
    "peps": 0.05,
    "us_speeches": 0.04,
    "medquad_docs": 0.04,
    "craft_articles": 0.03,
    "d2l": 0.02,
}
WORDS = 75  # of a passage that is asked about
AROUND = 80  # words before and after it that go with the question, for passages that are cut otherwise
LONGEST = 230  # tokens of passage and instruction
SAMPLES, TEMPERATURE, TOP_P, MOST = 2, 0.9, 0.92, 48


@dataclass(frozen=True, slots=True)
class Passage:
    source: str
    title: str
    text: str
    around: str  # the passage and what stands beside it


def passages(data: Path, count: int, seed: int) -> list[Passage]:
    """Drawn from every source by its share, in an order of their own."""
    rng, drawn = random.Random(seed), list[Passage]()
    for source, share in SHARES.items():
        rows = [(t, flat(x)) for _, _, t, x in running_text(data, (source,)) if len(x.split()) >= WORDS]
        for _ in range(round(count * share)):
            title, text = rng.choice(rows)
            words = text.split()
            at = rng.randint(0, len(words) - WORDS)
            around = " ".join(words[max(0, at - AROUND) : at + WORDS + AROUND])
            drawn.append(Passage(source, flat(title)[:80], " ".join(words[at : at + WORDS]), around))
    rng.shuffle(drawn)
    return drawn


def fault(answer: str, question: str, passage: str) -> str | None:
    """Why a written question is not kept; None if it is."""
    if not answer or not question.endswith("?") or len(question.split()) < 4:
        return "no question"
    if answer not in passage:
        return "not verbatim"
    if len(answer.split()) > LONGEST_ANSWER:
        return "long"
    return "told" if answer.lower() in question.lower() else None


class Writer:
    """Samples continuations of prompts in batches."""

    def __init__(self, folder: Path, reader: Path) -> None:
        self.model, self.tokenizer = load_backbone(folder)
        tensors, _ = reader_tensors(reader)
        merge(self.model, tensors, ReaderSpec())
        self.model.eval()
        self.end: int = self.tokenizer.convert_tokens_to_ids(END)

    def ids(self, p: Passage) -> list[int]:
        head, tail = asking_prompt(p.title, p.text)
        return list(self.tokenizer(f"{head} {p.text}{tail}", add_special_tokens=False).input_ids)

    @torch.inference_mode()
    def sample(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """`SAMPLES` continuations of each, in a row; "" for one that did not end."""
        width = max(map(len, rows))
        ids = torch.tensor([[self.end] * (width - len(r)) + list(r) for r in rows])
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
        places = (mask.cumsum(1) - 1).clamp(min=0)
        out = self.model.model(input_ids=ids, attention_mask=mask, position_ids=places, use_cache=True)
        cache = getattr(out, CACHE)
        cache.batch_repeat_interleave(SAMPLES)
        mask = mask.repeat_interleave(SAMPLES, 0)
        hidden: Tensor = out.last_hidden_state[:, -1].repeat_interleave(SAMPLES, 0)
        texts: list[list[int]] = [[] for _ in range(len(mask))]
        ended = [False] * len(texts)
        for _ in range(MOST):
            token = self._pick(self.model.lm_head(hidden).float())
            for n, t in enumerate(token.tolist()):
                ended[n] = ended[n] or t == self.end
                if not ended[n]:
                    texts[n].append(t)
            if all(ended):
                break
            mask = torch.cat([mask, torch.ones(len(mask), 1, dtype=mask.dtype)], 1)
            hidden = self.model.model(
                input_ids=token[:, None],
                attention_mask=mask,
                position_ids=mask.sum(1, keepdim=True) - 1,
                use_cache=True,
                **{CACHE: cache},
            ).last_hidden_state[:, -1]
        return [self.tokenizer.decode(t) if e else "" for t, e in zip(texts, ended, strict=True)]

    def _pick(self, logits: Tensor) -> Tensor:
        """From the likeliest tokens that make up TOP_P of the probability (Holtzman et al. 2020)."""
        share, tokens = (logits / TEMPERATURE).softmax(-1).topk(40)
        share = share.masked_fill(share.cumsum(-1) - share > TOP_P, 0.0)
        return tokens.gather(1, torch.multinomial(share, 1))[:, 0]


def written(writer: Writer, drawn: Sequence[Passage], seconds: float, batch: int = 24) -> Iterator[dict[str, Any]]:
    """What is kept, until the time is up; tells every ten batches how many were dropped and why."""
    begun, reasons = time.monotonic(), Counter[str]()
    for n in range(0, len(drawn), batch):
        if time.monotonic() - begun > seconds:
            return
        rows = [(p, r) for p in drawn[n : n + batch] if len(r := writer.ids(p)) <= LONGEST]
        texts = writer.sample([r for _, r in rows]) if rows else []
        for number, text in enumerate(texts):
            p = rows[number // SAMPLES][0]
            answer, _, question = (flat(part) for part in text.partition("\nQuestion: "))
            why = fault(answer, question, p.text)
            reasons[why or "kept"] += 1
            if why is None:
                fields = {"source": p.source, "title": p.title, "question": question}
                yield fields | {"answer": answer, "text": p.around}
        if n // batch % 10 == 0:
            print(n, dict(reasons), f"{time.monotonic() - begun:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m titans_cli.train.questions", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with text/")
    parser.add_argument("--model", type=Path, required=True, help="folder of the language model")
    parser.add_argument("--work", type=Path, required=True, help="work folder of the reader's run; gets made.jsonl")
    parser.add_argument("--passages", type=int, default=9000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(3)
    writer = Writer(args.model, args.work / "reader.safetensors")
    part = args.work / "made.part"
    with part.open("w", encoding="utf-8") as file:
        for row in written(writer, passages(args.data, args.passages, seed=11), args.seconds):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    part.replace(args.work / "made.jsonl")


if __name__ == "__main__":
    main()
