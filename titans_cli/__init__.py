"""titans: long-document memorization sessions with a neural memory that learns while it reads.

For programs: `from titans_cli import Session` (docs/agents.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titans_cli.version import __version__

if TYPE_CHECKING:
    from titans_cli.api import Filter, Session

__all__ = ["Filter", "Session", "__version__"]


def __getattr__(name: str) -> object:
    """`Session` and `Filter`, imported when they are asked for: `import titans_cli` stays light."""
    if name in ("Filter", "Session"):
        from titans_cli import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
