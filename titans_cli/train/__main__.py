"""`python -m titans_cli.train prepare|run|eval|export`: make the embedded model. See docs/training.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from titans_cli.model.spec import TitansSpec
from titans_cli.train.corpus import prepare
from titans_cli.train.export import export
from titans_cli.train.loop import Plan, Trainer
from titans_cli.train.streams import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m titans_cli.train", description=__doc__)
    parser.add_argument("action", choices=("prepare", "run", "eval", "export"))
    parser.add_argument("--data", type=Path, help="folder with text/ and qa/ (prepare)")
    parser.add_argument("--work", type=Path, default=Path("runs/mini"), help="work folder: corpus, checkpoint")
    parser.add_argument("--out", type=Path, default=Path("titans_cli/weights/titans-mini"), help="where export writes")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--until", type=int, help="stop at this step, to be resumed later")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    spec = TitansSpec()
    if args.action == "prepare":
        if args.data is None:
            parser.error("prepare needs --data")
        prepare(args.data, args.work, spec.vocab_size)
        return
    trainer = Trainer(args.work, spec, Plan(steps=args.steps, lr=args.lr, device=args.device))
    resumed = trainer.resume()
    if args.action == "run":
        print("resumed at" if resumed else "starting at", trainer.step, flush=True)
        trainer.train(args.until)
    elif args.action == "eval":
        for width, facts, held_out in [(w, f, True) for w in (1024, 2048, spec.features) for f in (16, 64, 160)] + [
            (spec.features, f, False) for f in (4, 16, 64, 160)
        ]:
            recipe = Recipe(segments=4 + facts // 2, facts=facts, questions=min(facts, 16), repeats=0, unknown=0.0)
            figures = trainer.evaluate(width, size=4, recipe=recipe, held_out=held_out)
            told = {"wording": "held out" if held_out else "trained on", "width": width, "facts": facts}
            print(json.dumps({**told, "segments": recipe.segments, **figures}), flush=True)
    else:
        export(trainer, args.out)


if __name__ == "__main__":
    main()
