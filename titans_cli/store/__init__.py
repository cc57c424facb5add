"""The session directory: atomic files, locks, snapshots, the SQLite episodes, long-term memory.

Everything on disk is owned here; tensors are opaque. Importing this imports no torch. `docs/format.md` is the contract.
"""

from titans_cli.store.episodes import Episodes
from titans_cli.store.home import Home, validate_name
from titans_cli.store.locks import WriterLock, utc_now
from titans_cli.store.ltm import EntryList, LongTermMemory
from titans_cli.store.manifest import FORMAT
from titans_cli.store.session import SessionList, SessionStore, discard
from titans_cli.store.snapshots import thinned

__all__ = [
    "FORMAT",
    "EntryList",
    "Episodes",
    "Home",
    "LongTermMemory",
    "SessionList",
    "SessionStore",
    "WriterLock",
    "discard",
    "thinned",
    "utc_now",
    "validate_name",
]
