"""Where everything lives, what things may be called, and how they are found again.

The setting `home` (`TITANS_HOME`; by default the platform's user state folder) names the folder that holds
`sessions/<name>/`, `ltm/<name>/` and `current`, the name of the session that commands use when none is named. One
short-held lock per home covers building and removing folders, so whatever is half built while we hold it was left by
a kill.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from titans_cli.errors import DamagedError, IncompatibleError, LockedError, NotFoundError, StorageError, UsageError
from titans_cli.settings import value
from titans_cli.steps import AGAIN, Hint, NextStep, Option
from titans_cli.store import names
from titans_cli.store.abandoned import clear_abandoned
from titans_cli.store.files import (
    atomic_write,
    clear_leftovers,
    delete_folder,
    leftovers,
    open_plain,
    private_mkdir,
    remove_file,
    remove_temporaries,
    storage_error,
    storage_errors,
    sync_folder,
)
from titans_cli.store.locks import LOCK_FILE, LOCK_NOTE, exclusive
from titans_cli.store.manifest import looks_like_ulid, may_start_ulid, read_entry, read_session

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SHORTEST_PREFIX = 4


def validate_name(name: str, kind: str = "session") -> str:
    """Return `name`, composed, if it can be one (`names.is_name`); raise UsageError otherwise.

    Nothing is named like an id: whoever is given an id must find what has it, and nothing else."""
    if looks_like_ulid(name):
        hint = Hint("Choose another name; what has an id already is found by it: ", NextStep("session list"))
        raise UsageError(f"{name!r} looks like an id, and so cannot be the name of a {kind}", hint=hint)
    return _typeable(name, kind)


def _typeable(name: str, kind: str = "session") -> str:
    if not names.is_name(name := names.composed(name)):
        raise UsageError(f"{name[:80]!r} cannot be the name of a {kind}", hint=names.RULE)
    return name


class Home:
    """One folder that holds sessions and long-term memory. Nothing is created until something is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sessions_dir = root / "sessions"
        self.ltm_dir = root / "ltm"
        self.temporary_dir = root / "temporary"  # what belongs to running processes: `temporary.py`

    @classmethod
    def locate(cls, environ: Mapping[str, str] = os.environ) -> Home:
        """The home that the setting `home` names (`TITANS_HOME`), or the platform's user state folder.

        Raises UsageError for a settings file that makes no sense.
        """
        if chosen := value("home", environ):
            return cls(Path(str(chosen)).absolute())
        import platformdirs

        return cls(Path(platformdirs.user_state_dir("titans", appauthor=False)))

    def ensure(self) -> None:
        """Create the folders, private to their owner. Raises StorageError."""
        private_mkdir(self.sessions_dir)
        private_mkdir(self.ltm_dir)

    @contextmanager
    def lock(self, timeout: float = 60) -> Iterator[None]:
        """Be the only one who builds or removes folders here. Held for seconds at most; no one waits for a reader.

        Taken after a session's writer lock, never before it. Raises LockedError, StorageError.
        """
        self.ensure()
        got = False
        try:
            with exclusive(self.root / ".lock", timeout):
                got = True
                yield
        except TimeoutError as error:
            if got:
                raise
            raise LockedError(
                "another titans command is creating or removing a session",
                subject=str(self.root),
                hint=Hint("Wait for it, then ", AGAIN),
            ) from error

    def tidy(self) -> list[Path]:
        """Finish removals and drop what a kill left half built or half written, and say what was found.

        Only if that needs no waiting and is permitted."""
        if not (leftovers(self.sessions_dir) or leftovers(self.ltm_dir) or self.temporaries()):
            return []
        try:
            with self.lock(timeout=0):
                return self.clear()
        except (LockedError, StorageError):
            return []  # whoever holds the lock, or can write, does it

    def clear(self) -> list[Path]:
        """The same, for whoever holds `lock`. Raises StorageError."""
        remove_temporaries(self.root)
        gone = [*clear_leftovers(self.sessions_dir), *clear_leftovers(self.ltm_dir)]
        gone += clear_abandoned(self.temporaries())
        with storage_errors(self.sessions_dir):
            for folder in self.sessions_dir.iterdir():
                if folder.is_dir() and _is_shell(folder):
                    delete_folder(folder)
        return gone

    def temporaries(self) -> list[Path]:
        """The folders that belong to processes, running or dead. Raises StorageError."""
        try:
            return sorted(p for p in self.temporary_dir.iterdir() if p.is_dir() and not p.is_symlink())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(error, self.temporary_dir) from error

    # ------------------------------------------------------------ the current session

    @property
    def _pointer(self) -> Path:
        return self.root / "current"

    def _pointed(self) -> str:
        with open_plain(self._pointer) as file:
            return file.read(1024).decode("utf-8", "replace").strip()

    def current(self) -> str | None:
        """The name of the current session, or None: never set, cleared, or since discarded."""
        try:
            name = self._pointed()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, self._pointer) from error
        return name if names.is_name(name) and self.session_folder(name).is_dir() else None

    def set_current(self, name: str) -> None:
        """Raises UsageError for a name that cannot be one, StorageError."""
        name = _typeable(name)
        with self.lock():
            atomic_write(self._pointer, [name.encode() + b"\n"])

    def clear_current(self, only: str | None = None) -> None:
        """Forget the current session; with `only`, only if that is the one. Raises StorageError."""
        with storage_errors(self._pointer):
            try:
                name = self._pointed()
            except FileNotFoundError:
                return
            if only is None or name == only:
                remove_file(self._pointer)
                sync_folder(self.root)

    # ------------------------------------------------------------ names

    def generate_name(self, today: date | None = None) -> str:
        """A free session name that is short and says when it began: `nov22`, then `nov22-2`, `nov22-3`, ..."""
        day = today or date.today()
        base = f"{_MONTHS[day.month - 1]}{day.day:02d}"
        taken = set(self.session_names())
        number = 1
        name = base
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        return name

    def session_folder(self, name: str) -> Path:
        """Where the session of this name lies, or would."""
        return self.sessions_dir / names.folder_of(names.composed(name))

    def entry_folder(self, name: str) -> Path:
        """Where the LTM entry of this name lies, or would."""
        return self.ltm_dir / names.folder_of(names.composed(name))

    def named(self, name: str) -> str | None:
        """The session of this name, as it is written; None if there is none. Ids are not looked at."""
        return _named(name, self.session_names())

    def session_names(self) -> list[str]:
        """Sorted; folders only. Raises StorageError."""
        return _folder_names(self.sessions_dir)

    def entry_names(self) -> list[str]:
        return _folder_names(self.ltm_dir)

    def require_free(self, name: str, by: Option | None = None) -> None:
        """Raise UsageError for what cannot be the name of a session to be made. Whoever gives the name holds `lock`;
        asking before it, and before seconds of work, is a kindness. `by`: how another is chosen, where that is not the
        place of this one."""
        name = validate_name(name)
        self.refuse_taken(name, by)
        self.refuse_prefix(name)

    def refuse_taken(self, name: str, by: Option | None = None) -> None:
        """Raise UsageError if a session has the name, in whatever case. `by`: as of `require_free`."""
        path = self.session_folder(name)
        other = self.named(name)
        if path.exists() or path.is_symlink() or other is not None:
            name = other or name
            discard = NextStep("session discard", session=name)
            other_name = (" (", by, ")") if by else ()
            hint = Hint("Use it (", Option("session", name), "), choose another name", *other_name, ", or: ", discard)
            raise UsageError("a session of this name exists", subject=name, hint=hint)

    def refuse_prefix(self, name: str, *, entry: bool = False) -> None:
        """Raise UsageError for a name by which something has been found so far: it begins an id. For whoever holds
        `lock` and is about to give the name."""
        kind, folder = ("LTM entry", self.ltm_dir) if entry else ("session", self.sessions_dir)
        fitting = _with_prefix(name, folder, kind, _folder_names(folder))
        if fitting:
            used = f"it begins the id of {', '.join(fitting[:5])}, which is found by it"
            raise UsageError(f"{name!r} cannot be the name of a {kind}: {used}", hint="Choose another name")

    def find_session(self, selector: str | None, *, make: bool = False) -> str:
        """The session's name for a name, a ULID, a unique ULID prefix, or None: the current one.

        `make`: one that is not there could be made, and is to be read into: the error says how.
        Raises NotFoundError, UsageError when a prefix fits several, StorageError.
        """
        if selector is None:
            selector = self.current()
            if selector is None:
                start, listed = NextStep("ingest", paths=None), NextStep("session list")
                hint = Hint("Start one: ", start, "; or choose one: ", listed)
                if self.entry_names():  # the last one may just have been promoted
                    promoted = NextStep("session new", entry="NAME")
                    hint = Hint(hint, "; from what was promoted: ", promoted, " (", NextStep("ltm list"), ")")
                raise NotFoundError("there is no current session", hint=hint)
        return _find(selector, self.sessions_dir, kind="session", make=make)

    def find_entry(self, selector: str) -> str:
        """The LTM entry's name for a name, a ULID or a unique ULID prefix. Raises as `find_session`."""
        return _find(selector, self.ltm_dir, kind="LTM entry")


def _folder_names(folder: Path) -> list[str]:
    try:
        return sorted(
            name for p in folder.iterdir() if (name := names.name_of(p.name)) and p.is_dir() and not _is_shell(p)
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, folder) from error


def _is_shell(folder: Path) -> bool:
    """Whether nothing but lock files lies here: a process that waited for the lock of a session discarded meanwhile
    makes such a folder anew. Real ones are renamed into place complete."""
    try:
        return {path.name for path in folder.iterdir()} <= {LOCK_FILE, LOCK_NOTE}
    except FileNotFoundError:
        return True


def _find(selector: str, folder: Path, *, kind: str, make: bool = False) -> str:
    listing = "session list" if kind == "session" else "ltm list"
    there = _folder_names(folder)
    fitting = _with_prefix(selector, folder, kind, there)
    if (written := _named(selector, there)) is not None and not looks_like_ulid(selector):
        selector = written  # an id is never a name, whatever folders are called
        if not set(fitting) - {selector}:
            return selector
        fitting = sorted({selector, *fitting})  # ids that begin like a name that was given before
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        means = f"{selector} is the name of one and" if selector in fitting else f"{selector}"
        raise UsageError(
            f"{means} begins the ULID of {len(fitting)} of them: {', '.join(fitting[:5])}",
            hint=Hint("Give more of the ULID, or the name: ", NextStep(listing)),
        )
    close = difflib.get_close_matches(selector, there, n=3)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    see = Hint(meant, "See: ", NextStep(listing))
    if make and not close and names.is_name(names.composed(selector)):
        see = Hint("Make it: ", NextStep("session new", name=selector), ". ", see)
    raise NotFoundError(f"no {kind} has this name or ULID", subject=selector[:80], hint=see)


def _named(name: str, there: Sequence[str]) -> str | None:
    """The one of the names that this is: in its own case before any other, and in another if only one has it."""
    name = names.composed(name)
    alike = [name] if name in there else [other for other in there if names.folded(other) == names.folded(name)]
    return alike[0] if len(alike) == 1 else None


def _with_prefix(selector: str, folder: Path, kind: str, there: Iterable[str]) -> list[str]:
    """Those whose ULID begins with the selector, if that is long enough to mean one."""
    if not (may_start_ulid(selector) and SHORTEST_PREFIX <= len(selector) <= 26):
        return []
    return [n for n in there if _id_of(folder / names.folder_of(n), kind).startswith(selector.upper())]


def _id_of(folder: Path, kind: str) -> str:
    """The ULID of what lies in `folder`; nothing can be found by ULID if its file is unreadable."""
    try:
        return read_session(folder).id if kind == "session" else read_entry(folder).id
    except (DamagedError, IncompatibleError, StorageError):
        return ""
