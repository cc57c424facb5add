"""What the shell offers after Tab: names of sessions and LTM entries, of documents, of settings. Never an error."""

from __future__ import annotations

from collections.abc import Callable

from titans_cli.cli.terminal import on_one_line
from titans_cli.errors import TitansError
from titans_cli.settings import SETTINGS, value

Offers = list[str | tuple[str, str]]


def choices(*values: str) -> Callable[[str], Offers]:
    def offered(incomplete: str) -> Offers:
        return [v for v in values if v.startswith(incomplete)]

    return offered


def sessions(incomplete: str) -> Offers:
    """Names, each with its state; and IDs once the beginning of one is typed."""
    from titans_cli.sessions import lifecycle
    from titans_cli.store import Home

    try:
        table, _ = lifecycle.list_sessions(Home.locate())
    except TitansError:
        return []
    return _named([(s.name, s.id, f"{s.state}, {s.created[:10]}") for s in table.sessions], incomplete)


def entries(incomplete: str) -> Offers:
    from titans_cli.sessions import lifecycle
    from titans_cli.store import Home

    try:
        table = lifecycle.list_entries(Home.locate())
    except TitansError:
        return []
    return _named([(e.name, e.id, on_one_line(e.note or f"from {e.session}")) for e in table.entries], incomplete)


def documents(incomplete: str) -> Offers:
    """What the current session has read."""
    from titans_cli.sessions import lifecycle
    from titans_cli.store import Home

    try:
        chosen = value("session")
        details = lifecycle.show_session(Home.locate(), None if chosen is None else str(chosen))
    except TitansError:
        return []
    # what cannot be shown as it is cannot be completed either
    shown = [s for s in details.sources if on_one_line(s.display) == s.display]
    return [(s.display, f"{s.pages} pages") for s in shown if s.display.startswith(incomplete)]


def settings(incomplete: str) -> Offers:
    return [(s.name, s.help) for s in SETTINGS.values() if s.name.startswith(incomplete)]


def _named(rows: list[tuple[str, str, str]], incomplete: str) -> Offers:
    names: Offers = [(name, about) for name, _, about in rows if name.startswith(incomplete)]
    ids: Offers = [(ulid, name) for name, ulid, _ in rows if incomplete and ulid.startswith(incomplete.upper())]
    return names or ids
