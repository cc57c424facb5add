"""Models: the table of them, one with its card, whether one is sound, and how the training of a memory goes.

What a model is, where it lies and which memory fits it is the use-case's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from titans_cli.cli.render.console import Output, document, human_bytes, line, note, out, table
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.sessions.models import Adapting, KnownModel, ModelCheck, ModelInfo


def listed(models: Sequence[ModelInfo], named: Sequence[KnownModel], output: Output) -> None:
    """Those of this machine; on stderr, those that have a name here and are to be fetched."""
    if output.json:
        document("models", {"models": [asdict(m) for m in models], "named": [asdict(m) for m in named]})
    elif output.quiet:
        for m in models:
            line(m.name)
    else:
        table([["NAME", "KIND", "PARAMETERS", "SIZE", "REVISION"], *map(_row, models)])
        for n in named:
            if not n.here:
                size = f"{n.parameters / 1e6:.0f}M parameters, {n.licence}, {human_bytes(n.bytes)} to fetch"
                note(f"{n.name} is not here yet ({size}): titans model pull {n.name}")


def details(m: ModelInfo, output: Output, *, only: str) -> None:
    """`only`: all that is said with --quiet."""
    if output.json:
        document("model-info", m)
        return
    if output.quiet:
        line(only)
        return
    rows = [["name", m.name], ["kind", m.kind], ["parameters", f"{m.parameters:,}"]]
    rows += [["size", human_bytes(m.bytes)], ["folder", m.folder]]
    rows += [["revision", m.revision]] if m.revision else []
    rows += [["fingerprint", m.fingerprint]] if m.fingerprint else []
    if m.kind != "titans" and m.fingerprint:
        rows += [["memory", m.adapters[0] if m.adapters else "untrained: titans model adapt trains one"]]
    table(rows)
    if m.card:
        out()
        out(m.card.rstrip())


def verified(check: ModelCheck, output: Output) -> None:
    if output.json:
        document("model-verified", check)
    elif output.quiet:
        line(check.fingerprint)
    else:
        for name, digest in check.files:
            line(f"{digest}  {name}")
        adapters = plural(len(check.adapters), "adapter")
        line(f"{check.name}: sound; {adapters}; fingerprint {check.fingerprint}")


def adapting(p: Adapting, output: Output) -> None:
    if output.json:
        document("model-adapting", p)
    elif p.adapter is not None:
        line(p.adapter)
    elif not output.quiet and (p.step % 10 == 0 or p.step == p.steps):
        note(f"step {p.step} of {p.steps}: answers {p.answer:.2f}, text {p.text:.2f} nats, {p.seconds:.0f} s")


def _row(m: ModelInfo) -> list[str]:
    return [m.name, m.kind, f"{m.parameters / 1e6:.1f}M", human_bytes(m.bytes), (m.revision or "-")[:12]]
