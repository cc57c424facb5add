"""The session directory: atomic files, locks, snapshots, the SQLite episodes, long-term memory.

Everything on disk is owned here; tensors are opaque. Importing this imports no torch. `docs/format.md` is the contract.
"""

from titans_cli.store.archive import Export, export_session, fork_session, import_session
from titans_cli.store.check import Finding, copy_is_sound, findings_of, keep_copy, restore_session_file
from titans_cli.store.entry_archive import export_entry, import_entry
from titans_cli.store.episodes import Episodes
from titans_cli.store.files import unique_id
from titans_cli.store.home import Home, validate_name
from titans_cli.store.landmarks import Landmarks, landmarks
from titans_cli.store.locks import WriterLock, utc_now
from titans_cli.store.ltm import EntryList, LongTermMemory
from titans_cli.store.manifest import FORMAT
from titans_cli.store.session import Cell, SessionList, SessionStore, discard
from titans_cli.store.temporary import temporary, write_outside

__all__ = [
    "FORMAT",
    "Cell",
    "EntryList",
    "Episodes",
    "Export",
    "Finding",
    "Home",
    "Landmarks",
    "LongTermMemory",
    "SessionList",
    "SessionStore",
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
    "landmarks",
    "restore_session_file",
    "temporary",
    "unique_id",
    "utc_now",
    "validate_name",
    "write_outside",
]
