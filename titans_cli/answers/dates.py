"""Times that a text tells by the day it was written ("yesterday", "last Friday"), as dates.

Days and weekdays become dates, months and years their names. What is told by the week stays a week: "last week" in a
letter of 9 June 2023 is "the week before 9 June 2023". The forms are data (`lexicon`, [relative]).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from titans_cli.answers.claims import dates_in
from titans_cli.answers.intent import relative, word

HEAD = 200  # characters at the beginning of a text in which it may say when it was written
WEEK = 7


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of one language, compiled."""

    days: re.Pattern[str]
    ago: re.Pattern[str]
    shifted: re.Pattern[str]
    weekday: re.Pattern[str]
    first_person: re.Pattern[str]
    table: Mapping[str, Any]


@cache
def _forms() -> Forms:
    table = relative()
    longest = sorted(table["days"], key=len, reverse=True)
    days, ago, shifted, weekday = map(word, ("|".join(longest), table["ago"], table["shifted"], table["weekday"]))
    return Forms(days, ago, shifted, weekday, word(table["first_person"]), table)


def written_on(head: str) -> date | None:
    """The first whole date at the beginning of a text, the day it was written on."""
    for day, _ in dates_in(head[:HEAD]):
        if day.year and day.month and day.day:
            try:
                return date(day.year, day.month, day.day)
            except ValueError:
                continue
    return None


def times_in(text: str) -> list[str]:
    """The times of a text that are told by the day of writing, as they stand."""
    forms = _forms()
    return [m.group() for f in (forms.days, forms.ago, forms.shifted) for m in f.finditer(text)]


def told_on(text: str, written: date) -> str | None:
    """That it was told on that day, of what somebody says of themselves; an event of another may be long past."""
    forms = _forms()
    return str(forms.table["told"].format(date=in_words(written))) if forms.first_person.search(text) else None


def resolved(text: str, written: date) -> str | None:
    """The first such time in a text written on that day, as a date; None if it has none."""
    forms = _forms()
    times = [(m.start(), date_of(m, written)) for date_of, form in (
        (_day, forms.days), (_ago, forms.ago), (_shifted, forms.shifted), (_weekday, forms.weekday)
    ) if (m := form.search(text))]  # fmt: skip
    return min(times)[1] if times else None


def in_words(day: date) -> str:
    return f"{day.day} {_forms().table['months'][day.month - 1]} {day.year}"


def _day(m: re.Match[str], written: date) -> str:
    return in_words(written + timedelta(days=_forms().table["days"][m.group().lower()]))


def _ago(m: re.Match[str], written: date) -> str:
    table = _forms().table
    n = int(m["n"]) if m["n"].isdigit() else table["numbers"][m["n"].lower()]
    match m["unit"].lower():
        case "day":
            return in_words(written - timedelta(days=n))
        case "month":
            return _month(written, -n)
        case "year":
            return str(written.year - n)
    if n == 1:
        return str(table["around"]["before"].format(unit="week", date=in_words(written)))
    return str(table["before"].format(count=f"{n} weeks", date=in_words(written)))


def _shifted(m: re.Match[str], written: date) -> str:
    table, unit = _forms().table, m["unit"].lower()
    way = table["ways"][m["way"].lower()]
    if unit == "month":
        return _month(written, way)
    if unit == "year":
        return str(written.year + way)
    if unit in table["weekdays"]:
        return in_words(_nearest(table["weekdays"].index(unit), written, way or 1))
    around = table["around"][{-1: "before", 0: "in", 1: "after"}[way]]
    return str(around.format(unit=unit, date=in_words(written)))


def _weekday(m: re.Match[str], written: date) -> str:
    """What somebody did "on Friday" was on the last one."""
    return in_words(_nearest(_forms().table["weekdays"].index(m["unit"].lower()), written, -1))


def _nearest(weekday: int, written: date, way: int) -> date:
    """The next day of that name before (-1) or after (1) the day."""
    apart = (written.weekday() - weekday) % WEEK if way < 0 else (weekday - written.weekday()) % WEEK
    return written + way * timedelta(days=apart or WEEK)


def _month(written: date, by: int) -> str:
    year, month = divmod(written.year * 12 + written.month - 1 + by, 12)
    return f"{_forms().table['months'][month]} {year}"
