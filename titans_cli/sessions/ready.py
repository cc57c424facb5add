"""Whether a session can be asked at all: told before a model is loaded, and before the modules that need one are."""

from __future__ import annotations

from titans_cli.errors import UsageError
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Home, SessionStore


def require_question(question: str) -> None:
    """Raises UsageError for an empty one."""
    if not question.strip():
        example = NextStep("ask", question="What is known about ...?")
        raise UsageError("the question is empty", hint=Hint("Ask one: ", example))


def require_session(home: Home, selector: str | None) -> None:
    """Raises NotFoundError, UsageError (promoted, several), DamagedError, IncompatibleError, StorageError."""
    SessionStore.open(home, selector).require_open()
