"""Training text as tokenised sentences, and question-passage pairs for the landmarks.

`prepare` reads a data folder (text/*.jsonl.zst with a `text` field; qa/train/*.jsonl with question, answers and
context) and writes into the work folder: tokenizer.json, sentences.npz and pairs.npz. Everything after that needs only
those three.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from titans_cli.model.tokenizer import TitansTokenizer
from titans_cli.sentences import sentence_spans

# Millions of characters taken from each source; prose and papers before proposals and templates.
MCHARS = {
    "standard_ebooks": 14.0,
    "openstax": 24.0,
    "acl_abstracts": 14.0,
    "medquad_docs": 3.0,
    "peps": 2.0,
    "rust_rfcs": 1.5,
    "swift_evolution": 1.5,
    "eips": 1.5,
}
DEFAULT_MCHARS = 8.0
LONGEST_SPAN = 60  # characters of an answer that is asked for as a span
LONGEST_SENTENCE = 100  # tokens; longer ones (tables, lists) are left out of training
PAIR_LENGTH = (40, 128)  # tokens of a question, of a passage


@dataclass(frozen=True)
class Corpus:
    """Tokenised sentences: sentence i is tokens[starts[i]:starts[i+1]]; document j is sentences docs[j]:docs[j+1]."""

    tokens: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    docs: npt.NDArray[np.int64]

    @classmethod
    def load(cls, path: Path) -> Corpus:
        data = np.load(path)
        return cls(data["tokens"], data["starts"], data["docs"])

    def sentence(self, i: int) -> list[int]:
        return [int(t) for t in self.tokens[self.starts[i] : self.starts[i + 1]]]


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".zst":
        import zstandard  # of the extra `train`; the rest of this module needs it not

        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as plain:
            for line in io.TextIOWrapper(plain, encoding="utf-8"):
                yield json.loads(line)
    else:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def _texts(data: Path, rng: random.Random) -> Iterator[str]:
    for path in sorted((data / "text").glob("*.jsonl.zst")):
        records = [r["text"] for r in read_jsonl(path)]
        rng.shuffle(records)
        budget = MCHARS.get(path.name.split(".")[0], DEFAULT_MCHARS) * 1e6
        for text in records:
            if budget <= 0:
                break
            budget -= len(text)
            yield text


def prepare(data: Path, work: Path, vocab_size: int, seed: int = 0) -> None:
    """Write tokenizer.json, sentences.npz and pairs.npz into `work`; what exists is kept."""
    work.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    texts = list(_texts(data, rng))
    rng.shuffle(texts)
    tokenizer_path = work / "tokenizer.json"
    if not tokenizer_path.exists():
        sample = texts[: max(1, len(texts) // 4)]
        tokenizer_path.write_text(TitansTokenizer.train(sample, vocab_size).backend.to_str(), encoding="utf-8")
    tokenizer = TitansTokenizer.load(tokenizer_path)
    if not (work / "sentences.npz").exists():
        _save_sentences(texts, tokenizer, work / "sentences.npz")
    if not (work / "spans.npz").exists():
        _save_spans(data, tokenizer, work / "spans.npz")
    if not (work / "pairs.npz").exists():
        _save_pairs(data, texts, tokenizer, work / "pairs.npz", rng)


def _save_sentences(texts: list[str], tokenizer: TitansTokenizer, path: Path) -> None:
    tokens: list[npt.NDArray[np.uint16]] = []
    lengths: list[int] = []
    docs = [0]
    for text in texts:
        sentences = [text[a:b].replace("\n", " ") for a, b in sentence_spans(text)]
        for ids in tokenizer.encode_many(sentences):
            if 3 <= len(ids) <= LONGEST_SENTENCE:
                tokens.append(np.asarray(ids, dtype=np.uint16))
                lengths.append(len(ids))
        if len(lengths) > docs[-1]:
            docs.append(len(lengths))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    np.savez(path, tokens=np.concatenate(tokens), starts=starts, docs=np.asarray(docs, dtype=np.int64))


def _save_spans(data: Path, tokenizer: TitansTokenizer, path: Path) -> None:
    """Questions whose answer is a short span of a sentence: rows of (question, sentences around it, answer)."""
    rows: list[tuple[list[int], list[int], list[int]]] = []
    for file in sorted((data / "qa" / "train").glob("*.jsonl")):
        for record in read_jsonl(file):
            context, answer = record.get("context") or "", (record.get("answers") or [""])[0]
            at = context.find(answer)
            if not 0 < len(answer) <= LONGEST_SPAN or at < 0:
                continue
            spans = sentence_spans(context)
            i = next((i for i, (a, b) in enumerate(spans) if a <= at < b), 0)
            around = tokenizer.encode(context[slice(*spans[i])].replace("\n", " "))
            if len(around) <= LONGEST_SENTENCE:
                rows.append((tokenizer.encode(record["question"])[:40], around, tokenizer.encode(answer)))
    flat = [part for row in rows for part in row]
    starts = np.concatenate([[0], np.cumsum([len(p) for p in flat])]).astype(np.int64)
    np.savez(path, tokens=np.concatenate([np.asarray(p, dtype=np.uint16) for p in flat]), starts=starts)


def load_rows(path: Path) -> list[tuple[list[int], list[int], list[int]]]:
    """What `_save_spans` wrote."""
    data = np.load(path)
    parts = np.split(data["tokens"].astype(np.int64), data["starts"][1:-1])
    flat = [p.tolist() for p in parts]
    return list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))


def _pair_texts(data: Path, texts: list[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    for path in sorted((data / "qa" / "train").glob("*.jsonl")):
        if path.name.endswith("_docs.jsonl"):
            continue
        for record in read_jsonl(path):
            passage = record.get("context") or (record["answers"][0] if record.get("answers") else "")
            if record.get("task") != "summary" and len(passage) > 80:
                yield record["question"], passage
            elif record.get("task") == "summary" and len(passage) > 80 and record.get("answers"):
                yield record["answers"][0], passage
    for text in texts[:40_000]:  # a sentence asked for, its neighbours given (inverse cloze)
        spans = sentence_spans(text[:20_000])
        if len(spans) >= 8:
            i = rng.randrange(1, len(spans) - 5)
            yield text[slice(*spans[i])], text[spans[i + 1][0] : spans[min(i + 5, len(spans) - 1)][1]]


def _save_pairs(data: Path, texts: list[str], tokenizer: TitansTokenizer, path: Path, rng: random.Random) -> None:
    pairs = list(_pair_texts(data, texts, rng))
    rng.shuffle(pairs)
    packed = []
    for side, width in enumerate(PAIR_LENGTH):
        ids = np.zeros((len(pairs), width), dtype=np.uint16)
        for row, encoded in enumerate(tokenizer.encode_many([p[side][:1000] for p in pairs])):
            ids[row, : min(width, len(encoded))] = encoded[:width]
        packed.append(ids)
    np.savez(path, questions=packed[0], passages=packed[1])
