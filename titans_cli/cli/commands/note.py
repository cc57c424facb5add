"""titans note: `titans memory add` for what is told in passing."""

from __future__ import annotations

from titans_cli.cli import options
from titans_cli.cli.commands import memory

EXAMPLES = "Example: titans note 'Ito says the weir failed in 2019' --tag weir"


def note(
    text: options.Text,
    session: options.Session = None,
    key: options.Key = None,
    tag: options.Tags = [],  # noqa: B006
    model: options.Model = None,
    max_room: options.MaxRoom = None,
    retry_lock: options.RetryLock = "0s",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Tell the session something: memorised, logged, and tagged "note". The same as titans memory add --tag note."""
    memory.add(text, session, key, None, ["note", *tag], model, max_room, retry_lock, json, quiet)
