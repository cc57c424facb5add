"""A question of several parts, answered part by part, each claim checked against the evidence it cites.

No second model reasons here (`reason.py` is for one that does): a question is cut where its own words say that it has
parts (`intent.parts_of`), evidence is gathered for each, and a drafted sentence is kept only if it speaks of its part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from titans_cli.answers.intent import matter_words
from titans_cli.answers.reason import Budget
from titans_cli.answers.words import stems
from titans_cli.records import Answer, Citation, Step

_MARK = re.compile(r"\s*\[\d+\]")
LEAST_SHARED = 0.34  # of a part's words, in what supports a claim for it
Ask = Callable[[Answer], Answer]


def deliberate(
    blank: Answer, parts: Sequence[str], ask: Ask, budget: Budget, tell: Callable[[Step], None] | None = None
) -> Answer:
    """Gather, draft, check, part by part; parts that the budget does not reach are said to be left out.

    `tell` is called with every step when it is done.
    """
    steps: list[Step] = []

    def did(step: Step) -> None:
        steps.append(step)
        if tell is not None:
            tell(step)

    kept: list[Citation] = []
    lines: list[str] = []
    answers: list[Answer] = []
    for part in parts:
        if budget.spent() and answers:
            did(Step(part, (), (), "left out: the budget was spent"))
            lines.append(f"- {part.rstrip('?')}: left out, the budget was spent.")
            continue
        got = ask(replace(blank, question=part))
        answers.append(got)
        looked_up = got.kind in ("card", "pile")  # what a card says is no claim to be checked
        answered = got.support != "none"  # else what it cites is only the nearest thing
        claims = [c for c in got.citations if answered and (looked_up or supported(c.quote, part))]
        sentences = []
        for c in claims:
            same = next((k for k in kept if (k.uri, k.page, k.start) == (c.uri, c.page, c.start)), None)
            if same is None:
                same = replace(c, number=len(kept) + 1)
                kept.append(same)
            sentences.append(f"{' '.join(c.quote.split())} [{same.number}]")
        if looked_up:
            marks = "".join(f" [{n}]" for n in dict.fromkeys(_numbers(claims, kept)))
            sentences = [f"{' '.join(_MARK.sub('', got.text).split())}{marks}"]
        note = "supported" if claims or looked_up else "nothing in this session supports an answer"
        budget.written += sum(budget.count(c.quote) for c in got.citations)
        did(Step(part, tuple(c.quote for c in got.citations), tuple(c.quote for c in claims), note))
        lines.append(
            f"- {part.rstrip('?')}: {' '.join(sentences) if sentences else 'nothing in this session answers that.'}"
        )
    whole = replace(blank, route="deliberate", steps=tuple(steps))
    evidence = tuple(dict.fromkeys(e for a in answers for e in a.evidence))
    recalled = "; ".join(a.recalled for a in answers if a.recalled) or None
    whole = replace(whole, evidence=evidence, recalled=recalled)
    if not kept and not any(a.kind in ("card", "pile") for a in answers):
        return whole
    if len(parts) == 1:
        only = answers[0]
        return replace(only, route="deliberate", steps=tuple(steps)) if len(kept) == len(only.citations) else whole
    return replace(whole, support="evidence", text="\n".join(lines), citations=tuple(kept))


def _numbers(claims: Sequence[Citation], kept: Sequence[Citation]) -> list[int]:
    return [k.number for c in claims for k in kept if (k.uri, k.page, k.start) == (c.uri, c.page, c.start)]


def supported(quote: str, part: str) -> bool:
    """Whether a sentence speaks of the part it was drafted for: it shares enough of its words."""
    asked = set(stems(" ".join(matter_words(part))))
    return not asked or len(asked & set(stems(quote))) >= LEAST_SHARED * len(asked)
