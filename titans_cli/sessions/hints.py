"""What is worth saying once in a home, to somebody who watches."""

from __future__ import annotations

from titans_cli.steps import Hint, NextStep
from titans_cli.store import Home, SessionStore

READER = "smollm2"
READING = Hint(
    "A reading model would find the short answer itself, say how sure it is, and say when nothing answers. "
    "Fetch it and use it beside titans-mini: ",
    NextStep("model pull", model=READER),
    " && ",
    NextStep("config set", key="reader", value=READER),
    " (said once)",
)


def reading_model(home: Home, session: str | None) -> Hint | None:
    """What a reading model would give and how to get it, after an answer without one; None when it was said before,
    when the session's own model is a larger one, or when the home cannot keep that it was said."""
    if "attached" in SessionStore.open(home, session).info.memory:
        return None
    try:
        (home.root / "told-of-reader").touch(mode=0o600, exist_ok=False)
    except OSError:
        return None
    return READING
