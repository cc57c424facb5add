"""The session directory: atomic files, locks, snapshots, the SQLite episodes, long-term memory.

Everything on disk is owned here; tensors are opaque. Importing this imports no torch, and each module only when
something of it is asked for: to refuse a name takes no database. `docs/format.md` is the contract.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from titans_cli.store.archive import Export, export_session, fork_session, import_session
    from titans_cli.store.check import Finding, copy_is_sound, findings_of, keep_copy, restore_session_file
    from titans_cli.store.entry_archive import export_entry, import_entry
    from titans_cli.store.episodes import Addition, Episodes
    from titans_cli.store.files import unique_id
    from titans_cli.store.home import Home, validate_name
    from titans_cli.store.landmarks import Landmarks
    from titans_cli.store.locks import WriterLock, utc_now
    from titans_cli.store.ltm import EntryList, LongTermMemory
    from titans_cli.store.manifest import FORMAT
    from titans_cli.store.session import SessionList, SessionStore, StoredCell, discard
    from titans_cli.store.temporary import write_outside

__all__ = [
    "FORMAT",
    "Addition",
    "EntryList",
    "Episodes",
    "Export",
    "Finding",
    "Home",
    "Landmarks",
    "LongTermMemory",
    "SessionList",
    "SessionStore",
    "StoredCell",
    "WriterLock",
    "copy_is_sound",
    "discard",
    "export_entry",
    "export_session",
    "findings_of",
    "fork_session",
    "import_entry",
    "import_session",
    "keep_copy",
    "restore_session_file",
    "unique_id",
    "utc_now",
    "validate_name",
    "write_outside",
]


def __getattr__(name: str) -> object:
    """What `__all__` names, imported when it is asked for."""
    module: ModuleType
    if name in ("Home", "validate_name"):
        from titans_cli.store import home as module
    elif name in ("StoredCell", "SessionList", "SessionStore", "discard"):
        from titans_cli.store import session as module
    elif name in ("Addition", "Episodes"):
        from titans_cli.store import episodes as module
    elif name in ("EntryList", "LongTermMemory"):
        from titans_cli.store import ltm as module
    elif name in ("WriterLock", "utc_now"):
        from titans_cli.store import locks as module
    elif name in ("Export", "export_session", "fork_session", "import_session"):
        from titans_cli.store import archive as module
    elif name in ("export_entry", "import_entry"):
        from titans_cli.store import entry_archive as module
    elif name in ("Finding", "copy_is_sound", "findings_of", "keep_copy", "restore_session_file"):
        from titans_cli.store import check as module
    elif name == "unique_id":
        from titans_cli.store import files as module
    elif name == "Landmarks":
        from titans_cli.store import landmarks as module
    elif name == "FORMAT":
        from titans_cli.store import manifest as module
    elif name == "write_outside":
        from titans_cli.store import temporary as module
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(module, name)
