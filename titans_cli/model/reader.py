"""A reader: a language model with a low-rank adapter that answers a question from passages in its context.

Unusual choices:

- The question stands before the passage and after it: a causal model reads the passage knowing what is asked.
- An answer is decoded as a run of the passage's own tokens, and nothing else is allowed: what it says is verbatim.
- Passages are read apart, in one batch. Each gives a span, its probability, and the probability of "unanswerable";
  training saw as many passages without the answer as with it, so these compare across passages.
- The adapter is added into the weights once they are loaded: reading costs what the model alone costs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from titans_cli.errors import IncompatibleError, ModelError
from titans_cli.model.generation import CACHE
from titans_cli.model.hub import DTYPES, dtype_of
from titans_cli.model.interface import ReaderAnswer
from titans_cli.sentences import sentence_spans
from titans_cli.steps import Hint, NextStep

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NOTHING = "unanswerable"
END = "<|im_end|>"
MOST_ANSWER = 48  # tokens
PIECE = 95  # words: passages are read in runs of at most so many, which is what training had
FILE = "reader.safetensors"


@dataclass(frozen=True, slots=True)
class ReaderSpec:
    """What a reader's file says of it. `right` and `absent`: logistic weights of the signals of `ReaderFinding`."""

    rank: int = 24
    scale: float = 2.0
    first_layer: int = 8  # the layers before it are the model's own
    right: tuple[float, ...] = (1.0, -0.5, 0.5, 0.0)
    absent: tuple[float, ...] = (-1.0, 0.0, 0.0, 0.0)


class LowRank(nn.Module):
    """A frozen projection and a low-rank change of it (LoRA, Hu et al. 2021, eq. 3): y = W x + k B A x."""

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base, self.scale = base, scale
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        change = (x @ self.a.to(x.dtype).T) @ self.b.to(x.dtype).T
        return self.base(x) + self.scale * change  # type: ignore[no-any-return]


def adapted(model: Any, spec: ReaderSpec) -> dict[str, nn.Parameter]:
    """Put untrained low-rank changes on a model's projections; returns their parameters by name."""
    model.requires_grad_(False)
    named = {}
    for n, layer in enumerate(model.model.layers):
        if n < spec.first_layer:
            continue
        for part in (layer.self_attn, layer.mlp):
            for name in PROJECTIONS:
                if hasattr(part, name):
                    low = LowRank(getattr(part, name), spec.rank, spec.scale)
                    setattr(part, name, low)
                    named[f"{n}.{name}.a"], named[f"{n}.{name}.b"] = low.a, low.b
    return named


def prompt(question: str, title: str, passage: str) -> tuple[str, str]:
    """What stands before the passage's own tokens and after them."""
    head = f"<|im_start|>user\nQuestion: {question}\n{'Title: ' + title + chr(10) if title else ''}Passage:"
    return head, f"\nQuestion: {question}{END}\n<|im_start|>assistant\nAnswer:"


def load_backbone(folder: Path | str, attention: str = "sdpa") -> tuple[Any, Any]:
    """(model, tokenizer) of a folder that transformers loads: in bf16 where the processor multiplies it, or in fp32,
    which is five times as fast where it does not (docs/log.md, 2026-11-28). Raises OSError, ValueError as it does."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    dtype = getattr(torch, DTYPES[dtype_of("auto", "cpu")])
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=dtype, attn_implementation=attention
    )
    return model, tokenizer


@torch.no_grad()
def sketch(model: Any) -> list[float]:
    """What tells a model's weights from another's: 2 numbers a layer and of the embedding, each a mean of many weights.

    Random signs, the same for every model of the shape, times the weights of one projection, over their root of the
    sum of squares. Quantisation to 4 bits moves a number by about a tenth of its spread, another training by far more.
    """
    numbers = []
    for n, layer in enumerate(model.model.layers):
        for weight in (layer.self_attn.q_proj.weight, layer.mlp.up_proj.weight):
            signs = torch.randn(weight.shape, generator=torch.Generator().manual_seed(n))
            numbers.append(float((weight.float() * signs).sum() / weight.float().norm()))
    return [round(x, 4) for x in numbers]


def save_reader(
    path: Path, named: dict[str, nn.Parameter], spec: ReaderSpec, of: Sequence[float], notes: dict[str, Any]
) -> None:
    """`of`: the sketch of the model that it was trained on."""
    tensors = {name: p.detach().to(torch.bfloat16).contiguous() for name, p in named.items()}
    save_file(tensors, path, metadata={"reader": json.dumps({**asdict(spec), "sketch": list(of), **notes})})


def reader_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["reader"])  # noqa: SIM118


@torch.no_grad()
def merge(model: Any, tensors: dict[str, Tensor], spec: ReaderSpec) -> None:
    """Add a reader's low-rank changes into a model's weights, in place."""
    for name in {key.rpartition(".")[0] for key in tensors}:
        number, projection = name.split(".")
        layer = model.model.layers[int(number)]
        part = layer.self_attn if hasattr(layer.self_attn, projection) else layer.mlp
        weight = getattr(part, projection).weight
        change = tensors[f"{name}.b"].float() @ tensors[f"{name}.a"].float()
        weight.copy_((weight.float() + spec.scale * change).to(weight.dtype))


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """What a passage gives to a question: its likeliest run of tokens, and that it says nothing of it.

    `start` and `end` are offsets into the passage; the probabilities are natural logarithms.
    """

    start: int
    end: int
    answer: float
    nothing: float


class Hypothesis:
    """A run of a passage's tokens under decoding, and where in the passage it may be."""

    def __init__(self, row: int, token: int, score: float, ends: list[int]) -> None:
        self.row, self.tokens, self.score, self.ends = row, [token], score, ends
        self.best, self.begin, self.end = -math.inf, 0, 0  # of the runs that ended here

    def close(self, score: float) -> None:
        if score > self.best:
            last = self.ends[0]
            self.best, self.begin, self.end = score, last - len(self.tokens) + 1, last


@dataclass(frozen=True, slots=True)
class ReaderFinding:
    """The likeliest answer in all that was read, and what speaks for it and against there being one.

    `right`: log probability of the answer and of "unanswerable" in its piece, log odds that it is ahead of the best
    other answer, 1. `absent`: the best log odds of an answer against "unanswerable" in any piece, the best log
    probability of an answer, the least of "unanswerable", 1.
    """

    passage: int
    start: int  # offsets into the passage
    end: int
    right: tuple[float, ...]
    absent: tuple[float, ...]


def pieces(text: str, most: int = PIECE) -> list[tuple[int, int]]:
    """Offsets of runs of at most `most` words, about equally long, each ending with a sentence if one ends nearby."""
    words = [m.span() for m in re.finditer(r"\S+", text)]
    ends = {end for _, end in sentence_spans(text)}
    count = math.ceil(len(words) / most)
    cuts, first = list[tuple[int, int]](), 0
    for left in range(count, 0, -1):
        size = math.ceil((len(words) - first) / left)
        last = len(words) if left == 1 else first + size
        if left > 1:
            near = [n for n in range(max(first + 1, last - most // 4), last + 1) if words[n - 1][1] in ends]
            last = near[-1] if near else last
        cuts.append((words[first][0], words[last - 1][1]))
        first = last
    return cuts


def probability(weights: Sequence[float], signals: Sequence[float]) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, sum(w * x for w, x in zip(weights, signals, strict=True))))))


class Reader:
    """Reads passages for the answer to a question (a `PassageReader`). Keeps no state."""

    def __init__(self, model: Any, tokenizer: Any, spec: ReaderSpec, starts: int = 2) -> None:
        self.model, self.tokenizer, self.spec, self.starts = model.eval(), tokenizer, spec, starts
        self.end: int = tokenizer.convert_tokens_to_ids(END)
        self.nothing: int = self._ids(" " + NOTHING)[0]

    def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderAnswer:
        """The likeliest answer, a part of one passage, how likely it is right, and how likely nothing answers.

        `titles`: of the passages' documents, as many or none. Long passages are read in pieces.
        """
        span = self.find(question, passages, titles)
        if span is None:
            return ReaderAnswer(None, None, 0, 0, 0.0, 1.0)
        text = passages[span.passage][span.start : span.end]
        right, absent = probability(self.spec.right, span.right), probability(self.spec.absent, span.absent)
        return ReaderAnswer(text, span.passage, span.start, span.end, right, absent)

    def find(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderFinding | None:
        """None when there is nothing to read."""
        cut = [(n, a, b) for n, text in enumerate(passages) for a, b in pieces(text)]
        if not cut:
            return None
        read = self.spans(question, [(titles[n] if titles else "", passages[n][a:b]) for n, a, b in cut])
        spoken = [_normalised(passages[n][a + s.start : a + s.end]) for (n, a, _), s in zip(cut, read, strict=True)]
        odds = [s.answer - s.nothing for s in read]
        best = max(range(len(read)), key=lambda k: odds[k])
        ahead = odds[best] - max(
            (o for o, text in zip(odds, spoken, strict=True) if text != spoken[best]), default=-20.0
        )
        n, a, _ = cut[best]
        span = read[best]
        right = (span.answer, span.nothing, min(20.0, ahead), 1.0)
        absent = (odds[best], max(s.answer for s in read), min(s.nothing for s in read), 1.0)
        return ReaderFinding(n, a + span.start, a + span.end, right, absent)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    @torch.inference_mode()
    def spans(self, question: str, passages: Sequence[tuple[str, str]]) -> list[TokenSpan]:
        """The likeliest span of each (title, passage), read in one batch of shape [P, N]."""
        rows, inner, offsets = [], [], []
        for title, passage in passages:
            head, tail = prompt(question, title, passage)
            own = self.tokenizer(" " + passage, add_special_tokens=False, return_offsets_mapping=True)
            inner.append(list(own.input_ids))
            offsets.append([(max(0, a - 1), b - 1) for a, b in own.offset_mapping])
            rows.append(self._ids(head) + inner[-1] + self._ids(tail))
        width = max(map(len, rows))
        ids = torch.tensor([[self.end] * (width - len(r)) + r for r in rows])
        mask = torch.tensor([[0] * (width - len(r)) + [1] * len(r) for r in rows])
        out = self.model.model(
            input_ids=ids, attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0), use_cache=True
        )
        first = self.model.lm_head(out.last_hidden_state[:, -1]).float().log_softmax(-1)
        hypotheses = []
        for row, tokens in enumerate(inner):
            places: dict[int, list[int]] = {}
            for at, token in enumerate(tokens):
                places.setdefault(token, []).append(at)
            kinds = list(places)
            scores = first[row, kinds]
            order = scores.topk(min(self.starts, len(kinds))).indices.tolist()
            order += [order[0]] * (self.starts - len(order))  # as many of every row: they are one batch
            hypotheses += [Hypothesis(row, kinds[k], float(scores[k]), places[kinds[k]]) for k in order]
        self._decode(hypotheses, inner, getattr(out, CACHE), mask)
        spans = []
        for row, where in enumerate(offsets):
            best = max((h for h in hypotheses if h.row == row), key=lambda h: h.best)
            start, end = where[best.begin][0], where[best.end][1]
            text = passages[row][1][start:end]
            start += len(text) - len(text.lstrip())
            spans.append(TokenSpan(start, start + len(text.strip()), best.best, float(first[row, self.nothing])))
        return spans

    def _decode(self, hypotheses: list[Hypothesis], inner: list[list[int]], cache: Any, mask_PN: Tensor) -> None:
        """Go on with every hypothesis until ending it is likelier than the rest of it could be."""
        cache.batch_repeat_interleave(self.starts)
        mask = mask_PN.repeat_interleave(self.starts, 0)
        for _ in range(MOST_ANSWER):
            mask = torch.cat([mask, torch.ones(len(mask), 1, dtype=mask.dtype)], 1)
            out = self.model.model(
                input_ids=torch.tensor([[h.tokens[-1]] for h in hypotheses]),
                attention_mask=mask,
                position_ids=mask.sum(1, keepdim=True) - 1,
                use_cache=True,
                **{CACHE: cache},
            )
            logp = self.model.lm_head(out.last_hidden_state[:, -1]).float().log_softmax(-1)
            open_ = False
            for n, h in enumerate(hypotheses):
                if h.score == -math.inf:
                    continue
                h.close(h.score + float(logp[n, self.end]))
                tokens = inner[h.row]
                following = {tokens[e + 1] for e in h.ends if e + 1 < len(tokens)}
                if not following:
                    h.score = -math.inf
                    continue
                token = max(following, key=lambda t: float(logp[n, t]))
                h.score += float(logp[n, token])
                if h.score <= h.best:
                    h.score = -math.inf
                    continue
                h.tokens.append(token)
                h.ends = [e + 1 for e in h.ends if e + 1 < len(tokens) and tokens[e + 1] == token]
                open_ = True
            if not open_:
                return


def _normalised(text: str) -> str:
    return " ".join(text.lower().split())


SHIPPED = Path(__file__).parent.parent / "weights" / "smollm2" / FILE
LARGEST = 1.0  # between a sketch's numbers: quantisation moves them by tenths, another model's differ by several


def load_reader(folder: Path | str, device: str = "cpu", file: Path | None = None) -> Reader:
    """The reader for a model: the file in its folder, or the one that is shipped; its weights go into the model's.

    Raises IncompatibleError when the reader was trained for another model, ModelError when the model cannot be loaded.
    """
    path = file or (own if (own := Path(folder) / FILE).is_file() else SHIPPED)
    try:
        model, tokenizer = load_backbone(folder)
        tensors, notes = reader_tensors(path)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"the reader cannot be loaded ({error})",
            subject=str(folder),
            hint=Hint("Check it: ", NextStep("model verify", model=str(folder))),
        ) from error
    spec = ReaderSpec(**{f.name: _frozen(notes[f.name]) for f in fields(ReaderSpec)})
    of = sketch(model)
    if len(of) != len(notes["sketch"]) or max(abs(a - b) for a, b in zip(of, notes["sketch"], strict=True)) > LARGEST:
        hint = "A reader is made for one model: see docs/training.md"
        raise IncompatibleError("no reader was trained for this model", subject=str(folder), hint=hint)
    merge(model, tensors, spec)
    return Reader(model.to(device), tokenizer, spec)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
