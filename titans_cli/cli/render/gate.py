"""What the promotion gate measured: a line for each probe, and suspicions with where they stand.

Bounds and verdicts are the gate's (`sessions/gate.py`). Probes go by name and figures: a new one needs nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from titans_cli.cli.render.console import Output, document, note

if TYPE_CHECKING:
    from titans_cli.sessions.gate import Gate


def gate(report: Gate, refused: bool, output: Output) -> None:
    """The probes on stderr, before anybody is asked. As JSON they are part of the entry, and stand alone only when
    there will be none."""
    if output.json:
        if refused:
            document("gate", asdict(report) | {"passed": report.passed})
    elif refused or not output.quiet:
        for each in report.probes:
            note("  ".join(probe(asdict(each))).rstrip())
        for passage in report.suspicions:
            note(suspicion(asdict(passage)))


def probe(measured: Mapping[str, Any]) -> list[str]:
    """Its name, verdict, figure, bound, and what it says of them."""
    figure, bound = measured.get("figure"), measured.get("bound")
    figured = "" if figure is None else _number(figure)
    limit = "" if bound is None or figure is None else f"at most {_number(bound)}"
    verdict = "FAILED" if not measured.get("passed") else "passed" if measured.get("measured", True) else "unknown"
    return [
        str(measured.get("name", "")).ljust(9),
        verdict,
        figured.ljust(5),
        limit.ljust(12),
        str(measured.get("said", "")),
    ]


def _number(figure: Any) -> str:
    """Counts and surprises: 3, 0.28."""
    if not isinstance(figure, int | float):
        return str(figure)
    return f"{figure:.0f}" if float(figure).is_integer() else f"{figure:.2f}"


def suspicion(passage: Mapping[str, Any]) -> str:
    where = f"{passage.get('source')}, {passage.get('unit', 'page')} {passage.get('page')}"
    return f'warning: {where} {passage.get("why")}: "{passage.get("quote")}"'
