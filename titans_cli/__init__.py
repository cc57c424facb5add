"""titans: long-document memorization sessions with a neural memory that learns while it reads.

For programs: `from titans_cli import Workspace` (docs/agents.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titans_cli.version import __version__

if TYPE_CHECKING:
    from titans_cli.api import Filter, Session, SessionOptions, Workspace

__all__ = ["Filter", "Session", "SessionOptions", "Workspace", "__version__"]


def __getattr__(name: str) -> object:
    """The names for programs, imported when they are asked for: `import titans_cli` stays light."""
    if name in ("Filter", "Session", "SessionOptions", "Workspace"):
        from titans_cli import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
