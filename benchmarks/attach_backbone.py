"""The stand-in for a model from the hub: a plain LlamaForCausalLM, trained here on plain text and on question-answer
pairs, saved as any checkpoint is. It has never seen a memory, a fact of `train/tasks.py` or held-out text.

`python -m benchmarks.attach_backbone --data DIR --out runs/standin --steps 3000`: resumable (run it again).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.common import threads
from titans_cli.model.engine import EMBEDDED_PATH
from titans_cli.model.tokenizer import END, PAD, TitansTokenizer
from titans_cli.train.corpus import Corpus, load_rows, prepare

LENGTH, BATCH, RATE, WARMUP = 128, 12, 3e-3, 40


def blank(vocabulary: int, layers: int = 4, width: int = 192) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=width * 8 // 3,
            num_hidden_layers=layers,
            num_attention_heads=width // 64,
            num_key_value_heads=width // 64,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=END,
            pad_token_id=PAD,
        )
    )


class Text:
    """Rows of `LENGTH` tokens: running prose, or question-answer pairs one after another."""

    def __init__(self, work: Path, tokenizer: TitansTokenizer) -> None:
        self.corpus = Corpus.load(work / "sentences.npz")
        self.pairs = load_rows(work / "spans.npz")
        encode = tokenizer.encode_raw
        self.asks, self.answers = encode("Question:"), encode("\nAnswer:")

    def row(self, rng: random.Random) -> list[int]:
        if rng.random() < 0.2:
            ids: list[int] = []
            while len(ids) <= LENGTH:
                question, _, answer = self.pairs[rng.randrange(len(self.pairs))]
                ids += [*self.asks, *question, *self.answers, *answer, END]
            return ids[: LENGTH + 1]
        start = rng.randrange(len(self.corpus.tokens) - LENGTH - 1)
        return [int(t) for t in self.corpus.tokens[start : start + LENGTH + 1]]

    def batch(self, step: int) -> Tensor:
        rng = random.Random(step)
        return torch.tensor([self.row(rng) for _ in range(BATCH)])


def train(work: Path, out: Path, steps: int, until: int | None = None, save_every: int = 100) -> LlamaForCausalLM:
    """Train to `steps` from where the last run stopped; `out` then holds the model as the hub would hand it out."""
    tokenizer = TitansTokenizer.load(work / "tokenizer.json")
    model = blank(tokenizer.vocab_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.05)
    checkpoint, step = out / "training.safetensors", 0
    if checkpoint.exists():
        step = _resume(checkpoint, model, optimizer)
    text, begun, mean = Text(work, tokenizer), time.monotonic(), 0.0
    out.mkdir(parents=True, exist_ok=True)
    stop = min(steps, steps if until is None else until)
    while step < stop:
        rate = RATE * min(1.0, (step + 1) / WARMUP) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        tokens = text.batch(step)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        now = float(loss.detach())
        mean = 0.98 * mean + 0.02 * now if mean else now
        if step % 20 == 0 or step == stop:
            print(step, f"{time.monotonic() - begun:.0f}s loss {mean:.3f}", flush=True)
        if step % save_every == 0 or step == stop:
            _save(checkpoint, model, optimizer, step)
    _as_from_the_hub(model, work, out)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def _as_from_the_hub(model: LlamaForCausalLM, work: Path, out: Path) -> None:
    model.save_pretrained(out)
    TitansTokenizer.load(work / "tokenizer.json").backend.save(str(out / "tokenizer.json"))
    backend = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(out / "tokenizer.json"), eos_token="<|end|>", pad_token="<|pad|>"
    )
    backend.save_pretrained(out)


def _save(path: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, step: int) -> None:
    tensors = {f"model.{k}": v.detach().clone() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{key}": value.detach().clone() for key, value in state.items()}
    save_file(tensors, path.with_suffix(".tmp"), metadata={"step": json.dumps(step)})
    path.with_suffix(".tmp").replace(path)


def _resume(path: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> int:
    from safetensors import safe_open

    tensors = load_file(path)
    model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")}, strict=False)
    model.tie_weights()
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    with safe_open(path, framework="pt") as handle:
        return int(handle.metadata()["step"])


def prepared(data: Path, work: Path) -> Path:
    """The work folder, with the training text cut up by titans-mini's tokenizer."""
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = work / "tokenizer.json"
    if not tokenizer.exists():
        tokenizer.write_bytes((EMBEDDED_PATH / "tokenizer.json").read_bytes())
    prepare(data, work, TitansTokenizer.load(tokenizer).vocab_size)
    return work


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--work", type=Path, default=Path("runs/standin-text"))
    args.add_argument("--out", type=Path, default=Path("runs/standin"))
    args.add_argument("--steps", type=int, default=3000)
    args.add_argument("--until", type=int)
    options = args.parse_args()
    torch.set_num_threads(threads())
    train(prepared(options.data, options.work), options.out, options.steps, options.until)


if __name__ == "__main__":
    main()
