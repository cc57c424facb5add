"""What of a session is meant: one item or document by its name, or several by a filter. Needs no model, so no torch.

What is superseded is still on disk and is nobody any more: nothing here finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from re import fullmatch

from titans_cli.errors import NotFoundError, UsageError
from titans_cli.records import ITEM, SUPERSEDED, Item, SourceRecord
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Episodes
from titans_cli.store.names import composed

SHORTEST_PREFIX = 4  # of an item's id or a document's hash
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True, slots=True)
class Filter:
    """All that are given must hold. `since` and `until`: ISO 8601, or how long ago ("2h", "7d")."""

    tags: Sequence[str] = ()  # every one of them
    sources: Sequence[str] = ()  # globs: key, label, path or file name matches any of them
    since: str | None = None
    until: str | None = None
    least_surprise: float | None = None
    most_surprise: float | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for an empty tag or pattern: a variable that is not set, most likely."""
        for field, given in (("tag", self.tags), ("pattern", self.sources)):
            if not all(one.strip() for one in given):
                raise UsageError(
                    f"an empty {field} selects nothing", hint="Leave it out, or write one, such as '*.pdf'"
                )

    @property
    def empty(self) -> bool:
        bounds = (self.since, self.until, self.least_surprise, self.most_surprise)
        return not self.tags and not self.sources and all(bound is None for bound in bounds)


def select(episodes: Episodes, within: Filter) -> list[Item]:
    """The items and documents that a filter lets through, excluded ones too, in the order of reading.

    Raises UsageError for a time that is none."""
    since, until = (None if at is None else moment(at) for at in (within.since, within.until))
    paths = {source.id: source.uri for source in episodes.sources()}
    globs = [composed(glob) for glob in within.sources]

    def matches(item: Item) -> bool:
        uri = paths[item.source_id]
        names = [composed(n) for n in (item.key or "", item.label, item.label.rsplit("/", 1)[-1], uri, item.id)]
        return (
            set(within.tags) <= set(item.tags)
            and (not within.sources or any(fnmatchcase(name, glob) for name in names for glob in globs))
            and (since is None or item.at >= since)
            and (until is None or item.at <= until)
            and (within.least_surprise is None or item.surprise >= within.least_surprise)
            and (within.most_surprise is None or item.surprise <= within.most_surprise)
        )

    return [item for item in held(episodes) if matches(item)]


def held(episodes: Episodes) -> list[Item]:
    """All items and documents but the superseded ones."""
    return [item for item in episodes.items() if item.withheld != SUPERSEDED]


def allowed(episodes: Episodes, within: Filter | None = None) -> frozenset[int] | None:
    """The sources that may take part in an answer; None for all of them.

    Raises UsageError when the filter lets nothing through."""
    if within is None or within.empty:
        hidden = episodes.withheld()
        return frozenset(s.id for s in episodes.sources() if s.id not in hidden) if hidden else None
    matching = select(episodes, within)
    if not matching:
        named = ", ".join([*within.sources, *(f"the tag {tag}" for tag in within.tags)]) or "these times and surprises"
        hint = Hint("See what it holds: ", NextStep("memory filter"))
        raise UsageError(f"no document of this session matches {named}", hint=hint)
    return frozenset(item.source_id for item in matching if item.withheld is None)


def moment(text: str, now: datetime | None = None) -> str:
    """A time as the session writes it. `text`: "2h" for two hours ago (s, m, h, d, w), or ISO 8601. Raises UsageError.

    A time without a zone is UTC."""
    ago = fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([smhdw])", text.strip())
    try:
        if ago:
            at = (now or datetime.now(UTC)) - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
        else:
            at = datetime.fromisoformat(text.strip())
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        problem = f"not a time: {text[:40]!r}"
        raise UsageError(problem, hint="Write it like 2h or 7d, or 2026-11-22 or 2026-11-22T12:00:00Z") from error
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def find(episodes: Episodes, named: str) -> SourceRecord:
    """The one item or document that `named` means: an item's key or id, a document's path, name, number or hash.

    Raises NotFoundError, UsageError when it means several."""
    superseded, keys = episodes.withheld(SUPERSEDED), episodes.keys()
    stand = [source for source in episodes.sources() if source.id not in superseded]
    items = [source for source in stand if source.uri.startswith(ITEM)]
    prefix = named.removeprefix(ITEM).upper()
    ways: list[Callable[[SourceRecord], bool]] = [
        lambda item: named == keys.get(item.id),
        lambda item: len(prefix) >= SHORTEST_PREFIX and item.uri.removeprefix(ITEM).startswith(prefix),
    ]
    for way in ways:
        matching = [item for item in items if way(item)]
        if matching:
            return _only(matching, named)
    return find_source(stand, named, "item or document")


def find_source(sources: Sequence[SourceRecord], named: str, kind: str = "document") -> SourceRecord:
    """The one document that `named` means; `kind`: what it is called. Raises NotFoundError, UsageError when it means
    several."""
    path, named = composed(_path(named)), composed(named)
    ways: list[Callable[[SourceRecord], bool]] = [
        lambda s: named in (composed(s.uri), composed(s.display)) or path == composed(s.uri),
        lambda s: named == str(s.id),
        lambda s: named in (composed(s.uri.rstrip("/").rpartition("/")[2]), s.title and composed(s.title)),
        lambda s: len(named) >= SHORTEST_PREFIX and s.sha256.startswith(named.lower()),
    ]
    for way in ways:
        matching = [s for s in sources if way(s)]
        if matching:
            return _only(matching, named)
    hint = Hint("See what it holds: ", NextStep("memory filter"))
    raise NotFoundError(f"the session holds no such {kind}", subject=named[:80], hint=hint)


def _path(named: str) -> str:
    try:
        return str(Path(named).expanduser().resolve()) if named else ""
    except (ValueError, OSError, RuntimeError):  # a NUL, a name too long, nobody's home: no path, and so no document's
        return ""


def _only(matching: Sequence[SourceRecord], named: str) -> SourceRecord:
    if len(matching) > 1:
        which = ", ".join(f"{s.id} ({s.sha256[:12]}, read {s.read_at})" for s in matching)
        raise UsageError(f"{named} means {len(matching)} documents: {which}", hint="Name one by its number or hash")
    return matching[0]
