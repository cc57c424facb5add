"""Figures to inline SVG. No chart has a size of its own: it takes the width it is given, and its text stays as it is.

So places along x are percentages, and lines, which know none, lie in an inner SVG that is stretched while their strokes
are not. Colours come from the page's style sheet by class. Every chart is named for those who do not see it, and the
page gives its figures once more as a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from markupsafe import Markup

from titans_cli.records import ThemeTold, TrendTold
from titans_cli.report.facts import AbsorbedPassage, DocumentTold, Stretch

BANDS = 40  # documents that have a band of their own; of more, neighbours share one
LABELS = 20  # under the bands
_INNER = 1000  # units of the stretched inner SVG


def stream(stretches: Sequence[Stretch], documents: Sequence[DocumentTold]) -> Markup:
    """Surprise over all that was read, token by token along x, with the documents as bands."""
    height, top, foot = 250, 26, 26
    whole = max(stretches[-1].end, 1)
    low, high = min(s.mean for s in stretches), max(s.mean for s in stretches)
    floor, roof = _below(low), _above(high)
    bottom = height - foot

    def y(value: float) -> float:
        return round(top + (roof - value) / (roof - floor) * (bottom - top), 1)

    parts = list(_bands(documents, whole, bottom))
    for tick in _ticks(floor, roof):
        parts.append(Markup('<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(y(tick)))
        parts.append(Markup('<text class="tick scale" x="0" dx="-4" y="{}">{:.1f}</text>').format(y(tick) + 4, tick))
    steps = [(s.start / whole, s.end / whole, y(s.mean)) for s in stretches]
    path = "".join(f"{'L' if i else 'M'}{_unit(a)} {v}H{_unit(b)}" for i, (a, b, v) in enumerate(steps))
    if any(s.high > s.low for s in stretches):
        spread = "".join(f"M{_unit(s.start / whole)} {y(min(s.high, roof))}V{y(max(s.low, floor))}" for s in stretches)
        parts.append(_stretched(Markup('<path class="spread" d="{}"/>').format(spread), height))
    parts.append(_stretched(Markup('<path class="line" d="{}"/>').format(path), height))
    least = min(stretches, key=lambda s: s.mean)
    at = (least.start + least.end) / 2 / whole
    number = next((d.number for d in documents if d.start <= least.start < d.end), 0)
    anchor, shift = ("start", 9) if at < 0.5 else ("end", -9)
    parts.append(Markup('<circle class="mark" cx="{}" cy="{}" r="4"/>').format(_percent(at), y(least.mean)))
    parts.append(
        Markup(
            '<text class="label" x="{}" y="{}" dx="{}" text-anchor="{}">least new: {:.2f}, document {}</text>'
        ).format(_percent(at), y(least.mean) + 4, shift, anchor, least.mean, number)
    )
    caption = f"Surprise over {whole:,} tokens, between {low:.2f} and {high:.2f}; least in document {number}."
    return _svg(parts, height, caption, "stream")


def _bands(documents: Sequence[DocumentTold], whole: int, bottom: int) -> Iterable[Markup]:
    size = -(-len(documents) // BANDS)
    groups = [documents[i : i + size] for i in range(0, len(documents), size)]
    every = -(-len(groups) // LABELS)
    for i, group in enumerate(groups):
        a, b = group[0].start / whole, group[-1].end / whole
        numbers = f"{group[0].number}" if size == 1 else f"{group[0].number}-{group[-1].number}"
        mean = sum(d.surprise for d in group) / len(group)
        say = f"{numbers}  {group[0].name}" if size == 1 else f"Documents {numbers}"
        yield Markup('<rect class="band {}" x="{}" width="{}" y="0" height="{}" data-say="{}"/>').format(
            "even" if i % 2 else "odd", _percent(a), _percent(b - a), bottom, f"{say}: surprise {mean:.2f}"
        )
        if i % every == 0:
            label = numbers if every == 1 or size == 1 else f"{group[0].number}"
            yield Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _percent((a + b) / 2), bottom + 17, label
            )


def barcode(passages: Sequence[AbsorbedPassage]) -> Markup:
    """Every measured passage as a line on the scale from taken up to not at all: before it was learned, and now."""
    height, rows = 196, ((38, "when first read", [p.first for p in passages], "before"),
                         (114, "now", [p.now for p in passages], "now"))  # fmt: skip
    parts: list[Markup] = []
    for y, name, values, kind in rows:
        ticks = "".join(f"M{_unit(_scale(v))} {y}V{y + 34}" for v in values)
        parts.append(Markup('<line class="axis" x1="2%" x2="98%" y1="{0}" y2="{0}"/>').format(y + 34))
        parts.append(_stretched(Markup('<path class="ticks {}" d="{}"/>').format(kind, ticks), height))
        middle = _scale(median(values))
        anchor = "start" if middle < 0.5 else "end"
        parts.append(
            Markup('<line class="median {}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                kind, _percent(middle), _percent(middle), y - 8, y + 34
            )
        )
        parts.append(
            Markup('<text class="label" x="{}" y="{}" text-anchor="{}">{}: half below {:.2f}</text>').format(
                _percent(middle), y - 14, anchor, name, median(values)
            )
        )
    parts.append(Markup('<text class="tick" x="2%" y="178">0 taken up</text>'))
    parts.append(Markup('<text class="tick" x="98%" y="178" text-anchor="end">not at all 1</text>'))
    first, now = (median(values) for _, _, values, _ in rows)
    caption = (
        f"How little the cells had taken up of {len(passages)} passages: half lay below {first:.2f} when first read,"
    )
    caption += f" half lie below {now:.2f} now."
    return _svg(parts, height, caption, "barcode")


def dumbbell(first: float, now: float, bound: float | None) -> Markup:
    """Surprise when first read (open) and now (filled) on one scale, with the gate's bound."""
    a, b = _percent(_scale(now)), _percent(_scale(first))
    parts = [Markup('<line class="axis" x1="2%" x2="98%" y1="12" y2="12"/>')]
    if bound is not None:
        x = _percent(_scale(bound))
        parts.append(Markup('<line class="bound" x1="{0}" x2="{0}" y1="2" y2="22"/>').format(x))
    parts.append(Markup('<line class="span" x1="{}" x2="{}" y1="12" y2="12"/>').format(a, b))
    parts.append(Markup('<circle class="first" cx="{}" cy="12" r="4"/>').format(b))
    parts.append(Markup('<circle class="now" cx="{}" cy="12" r="4.5"/>').format(a))
    return _svg(parts, 24, None, "dumbbell")


def years(theme: ThemeTold | TrendTold) -> Markup:
    """A column for each year: the share of its documents that have the theme, on all of them."""
    height, foot = 74, 18
    bottom, slot = height - foot, 1 / max(1, len(theme.series))
    parts: list[Markup] = []
    for i, (year, has, of) in enumerate(theme.series):
        x, width = _percent((i + 0.1) * slot), _percent(0.8 * slot)
        say = f"{year}: {has} of {of} documents"
        if of:
            parts.append(
                Markup('<rect class="all" x="{}" width="{}" y="0" height="{}" data-say="{}"/>').format(
                    x, width, bottom, say
                )
            )
            tall = round(bottom * has / of, 1)
            parts.append(
                Markup('<rect class="has" x="{}" width="{}" y="{}" height="{}" data-say="{}"/>').format(
                    x, width, round(bottom - tall, 1), tall, say
                )
            )
    if theme.series:
        parts.append(Markup('<text class="tick" x="0.5%" y="{}">{}</text>').format(height - 3, theme.series[0][0]))
        parts.append(
            Markup('<text class="tick" x="99.5%" y="{}" text-anchor="end">{}</text>').format(
                height - 3, theme.series[-1][0]
            )
        )
    caption = f"{theme.phrase}, {theme.direction}: " + ", ".join(f"{y} {has} of {of}" for y, has, of in theme.series)
    return _svg(parts, height, caption, "years")


def _svg(parts: Iterable[Markup], height: int, caption: str | None, kind: str) -> Markup:
    """`caption`: what it shows, in words; None for one that only repeats figures that stand beside it."""
    role = Markup('role="img" aria-label="{}"').format(caption) if caption else Markup('aria-hidden="true"')
    return Markup('<svg class="chart {}" width="100%" height="{}" {}>{}</svg>').format(
        kind, height, role, Markup("").join(parts)
    )


def _stretched(path: Markup, height: int) -> Markup:
    return Markup('<svg width="100%" height="{0}" viewBox="0 0 {1} {0}" preserveAspectRatio="none">{2}</svg>').format(
        height, _INNER, path
    )


def _scale(value: float) -> float:
    """Surprise on the width of a chart, with room at its ends for marks."""
    return 0.02 + 0.96 * min(1.0, max(0.0, value))


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _unit(share: float) -> str:
    return f"{_INNER * share:.1f}".removesuffix(".0")


def _ticks(floor: float, roof: float) -> list[float]:
    """Round values between, at most four."""
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1e3, 1e6, 1e12) if (roof - floor) / s <= 4.01)
    first = -(-(floor + step / 4) // step)
    return [first * step + i * step for i in range(5) if first * step + i * step < roof - step / 4]


def _below(value: float) -> float:
    return (value * 10 // 1) / 10 if abs(value) < 1e6 else value


def _above(value: float) -> float:
    return max(_below(value) + 0.1, 0.1)
