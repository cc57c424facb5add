"""`python -m titans_cli.train prepare|run|eval|export`: make the embedded model. See docs/training.md."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from titans_cli.model.spec import TitansSpec
from titans_cli.train.corpus import prepare
from titans_cli.train.export import export
from titans_cli.train.loop import Trainer, TrainingPlan
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
    parser.add_argument("--local", type=float, default=0.0, help="export: added to the log scale of a key's local part")
    parser.add_argument("--topic", type=float, default=0.0, help="export: added to the log scale of a key's topic")
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
    trainer = Trainer(args.work, spec, TrainingPlan(steps=args.steps, lr=args.lr, device=args.device))
    resumed = trainer.resume()
    if args.action == "run":
        print("resumed at" if resumed else "starting at", trainer.outer.step, flush=True)
        trainer.train(args.until)
    elif args.action == "eval":
        for facts, held_out in ((f, held_out) for held_out in (True, False) for f in (1, 4, 16, 32)):
            recipe = Recipe(segments=4 + facts // 2, facts=facts, asking=1 + facts // 5, clozes=0, spans=0, unknown=0.0)
            figures = trainer.evaluate(spec.features, recipe=recipe, held_out=held_out)
            setting = {"wording": "held out" if held_out else "trained on", "cells": 8, "facts a cell": facts}
            print(json.dumps({**setting, "segments": recipe.segments, **figures}), flush=True)
    else:
        export(trainer, args.out, local=args.local, topic=args.topic)


if __name__ == "__main__":
    main()
