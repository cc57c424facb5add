"""How counts, numbers and times are put wherever a person reads them: on the command line, in reports and warnings."""

from __future__ import annotations

from collections.abc import Iterable


def plural(count: int, noun: str) -> str:
    """ "1 page", "2,000 pages"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def minute(time: str) -> str:
    """ISO 8601 to the minute, as people write it."""
    return time[:16].replace("T", " ")


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The first and last of each run of consecutive numbers; they come in ascending order."""
    ends = list[tuple[int, int]]()
    for n in numbers:
        if ends and n == ends[-1][1] + 1:
            ends[-1] = (ends[-1][0], n)
        else:
            ends.append((n, n))
    return ends
