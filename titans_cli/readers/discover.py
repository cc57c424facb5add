"""From what the user named to the list of sources to read, in an order that never depends on the file system.

A failure (a name that does not exist, a folder that may not be opened) is reported beside the sources and
never stops the others. Globs are matched with fnmatch, case-sensitively, against a file's path relative to
the folder it was found in, written with slashes, and against its bare name; `*` also matches a slash.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from titans_cli.errors import NoTextError, ReadError, UnsupportedFormatError, UsageError
from titans_cli.readers import archive
from titans_cli.readers.address import is_address
from titans_cli.readers.formats import BY_SUFFIX
from titans_cli.readers.read import STDIN, not_a_file, os_error
from titans_cli.readers.sniff import GZIP, ZIP, is_zip_name, kind_of_name
from titans_cli.readers.spelling import composed, on_disk
from titans_cli.records import Source
from titans_cli.steps import Hint, NextStep, Option

_HIDDEN = (".", "~$")  # the latter is how Word marks a document that somebody has open


@dataclass(frozen=True, slots=True)
class Discovery:
    """What there is to read, what was named but cannot be read (as displayed, and why), and what lies in the folders
    and archives and was left out, since no reader knows files of its name."""

    sources: tuple[Source, ...]
    failures: tuple[tuple[str, ReadError], ...]
    left_out: tuple[str, ...] = ()


def discover(
    paths: Sequence[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    files_from: str | None = None,
    network: bool = False,
    within: Sequence[str] | None = None,
) -> Discovery:
    """Find the sources.

    Folders are read recursively, without hidden files and folders. Files of unknown suffix are left out and named
    (unless `include` names them); a folder or archive with nothing to read in it is a failure. `include` and `exclude`
    filter what folders and `files_from` bring; a file named in `paths` wins over `include` but not over `exclude`. The
    same file named twice is read once. Raises UsageError, also for an address on the network unless `network` allows to
    fetch it.

    `within`: folders, and nothing outside them is looked at, wherever a link or `..` leads: what is named there raises
    UsageError, whether it exists or not; what a folder's links lead to is a failure.
    """
    if not paths and files_from is None:
        raise UsageError(
            "nothing to read was named", hint=Hint("Name files or folders, e.g. ", NextStep("ingest", paths="./papers"))
        )
    if files_from == STDIN and STDIN in paths:
        raise UsageError(
            "standard input cannot be both a document and the list of files",
            hint=Hint("Put the list into a file and name it with ", Option("files_from")),
        )
    search = _Search(tuple(include), tuple(exclude), network, within)
    for path in paths:
        search.named(path, listed=False)
    for path in _listed(files_from) if files_from is not None else ():
        search.named(path, listed=True)
    return Discovery(tuple(search.sources.values()), tuple(search.failures), tuple(search.left_out))


class _Search:
    """Collects sources by resolved path, so that each file is kept once, the first time it is met."""

    def __init__(
        self, include: tuple[str, ...], exclude: tuple[str, ...], network: bool, within: Sequence[str] | None
    ) -> None:
        self.network = network
        self.within = None if within is None else [os.path.realpath(folder) for folder in within]
        self.include = include
        self.exclude = exclude
        self.sources: dict[str, Source] = {}
        self.failures: list[tuple[str, ReadError]] = []
        self.left_out: list[str] = []

    def named(self, path: str, *, listed: bool) -> None:
        """A path from the command line, or (`listed`) from a list of files."""
        if not self.inside(path):
            hint = "Name one inside, or let whoever started this allow its folder"
            raise UsageError("it is outside the folders that may be read", subject=_displayable(path), hint=hint)
        if path == STDIN and not listed:
            self.sources.setdefault(STDIN, Source(STDIN, STDIN))
            return
        if is_address(path):
            self.address(path)
            return
        if (there := on_disk(path)) != path:
            self.named(there, listed=listed)  # which may lead elsewhere
            return
        display = _displayable(path)
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116 - a path may hold a NUL; os says so with ValueError
        except (OSError, ValueError) as error:
            if isinstance(error, NotADirectoryError) and not self.excluded(_posix(path)):
                inside = archive.split(path)
                if inside is not None:
                    self.archive(inside[0], only=inside[1])
                    return
            self.fail(display, os_error(error, display))
            return
        if stat.S_ISDIR(mode):
            self.folder(path)
        elif self.excluded(_posix(path)):
            return
        elif not stat.S_ISREG(mode):
            self.fail(display, not_a_file(display))
        elif is_zip_name(path):
            self.zip_file(path, _posix(path))
        elif listed and self.include and not _matches(_posix(path), self.include):
            return
        elif kind_of_name(path) is None and not _matches(_posix(path), self.include):
            self.fail(display, _unknown_suffix(display))
        else:
            self.add(path)

    def address(self, url: str) -> None:
        if not self.network:
            problem = "it is an address on the network, and nothing is fetched unless you say so"
            raise UsageError(
                problem, subject=url, hint=Hint("Add ", Option("allow_network"), ", or download it and name the file")
            )
        if not self.excluded(url):
            self.sources.setdefault(url, Source(url, _displayable(url)))

    def folder(self, root: str) -> None:
        """Of a folder that was named. Nothing in it to read is a mistake, and told as one."""
        failed, readable = len(self.failures), False
        for relative, path in sorted(self.walk(root), key=lambda entry: os.fsencode(entry[0])):
            if is_zip_name(relative):
                readable = True
                self.zip_file(path, relative)
            elif self.excluded(relative):
                continue
            elif _matches(relative, self.include) if self.include else kind_of_name(relative) is not None:
                readable = True
                self.add(path)
            elif not self.include:
                self.left_out.append(_displayable(path))
        if not readable and len(self.failures) == failed:
            self.nothing_in(root)

    def nothing_in(self, path: str) -> None:
        display = _displayable(path)
        hint = Hint("Name another folder, or with ", Option("include"), " what to read as text")
        self.fail(display, NoTextError("there is no file in it that a reader knows", subject=display, hint=hint))

    def zip_file(self, path: str, relative: str) -> None:
        """A zip archive is a folder, unless it is a document under a wrong name: then the reader will find out."""
        if self.excluded(relative):
            return
        try:
            plain = archive.is_plain_zip(path)
        except ReadError as error:
            display = _displayable(path)
            self.fail(display, type(error)(error.what, subject=display, hint=error.hint))
            return
        if plain:
            self.archive(path, relative)
        elif not self.include or _matches(relative, self.include):
            self.add(path)

    def archive(self, path: str, relative: str = "", only: str | None = None) -> None:
        """The members of a zip archive that a folder's rules let through; with `only`, that one."""
        display = _displayable(path)
        try:
            members = archive.members(path, display)
        except ReadError as error:
            self.fail(display, error)
            return
        if only is not None and only not in dict(members):
            shown = f"{display}/{_displayable(only)}"
            hint = f"See what is in it: unzip -l {display}"
            self.fail(shown, ReadError("the archive has no such member", subject=shown, hint=hint))
        include = self.include if not _matches(relative, self.include) else ()
        wanted_any = False
        for name, problem in members:
            below = f"{relative}/{name}"
            if only is not None:
                wanted = name == only
            elif any(part.startswith((*_HIDDEN, "__MACOSX")) and part not in (".", "..") for part in name.split("/")):
                wanted = False
            else:
                known = kind_of_name(name) is not None or is_zip_name(name)
                wanted = _matches(below, include) if include else known
                if not known and not include and not self.excluded(below):
                    self.left_out.append(f"{display}/{_displayable(name)}")
            wanted_any = wanted_any or wanted
            if not wanted or self.excluded(below):
                continue
            if problem is not None:
                self.fail(problem.subject or display, problem)
            else:
                self.add(path, name)
        if not wanted_any and only is None:
            self.nothing_in(path)

    def walk(self, root: str) -> Iterator[tuple[str, str]]:
        """Every regular file below root: (path relative to root with slashes, path). A stack, not recursion."""
        visited: set[tuple[int, int]] = set()
        stack = [("", root)]
        while stack:
            relative, folder = stack.pop()
            try:
                status = os.stat(folder)  # noqa: PTH116
                if (status.st_dev, status.st_ino) in visited:
                    continue  # a symbolic link back to a folder we have been in
                visited.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as scan:
                    entries = sorted(scan, key=lambda entry: os.fsencode(entry.name), reverse=True)
            except OSError as error:
                display = _displayable(folder)
                self.fail(display, os_error(error, display))
                continue
            for entry in entries:
                if entry.name.startswith(_HIDDEN):
                    continue
                below = f"{relative}/{entry.name}" if relative else entry.name
                if self.excluded(below):
                    continue
                if entry.is_symlink() and not self.inside(entry.path):
                    display, problem = _displayable(entry.path), "it is a link out of the folders that may be read"
                    self.fail(display, ReadError(problem, subject=display, hint="Put a copy in its place"))
                    continue
                kind = _entry_kind(entry)
                if kind == "folder":
                    stack.append((below, entry.path))
                elif kind == "file":
                    yield below, entry.path
                elif kind == "dangling" and (kind_of_name(entry.name) is not None or is_zip_name(entry.name)):
                    display = _displayable(entry.path)
                    hint = "Remove or mend the link"
                    self.fail(display, ReadError("it is a symbolic link to nothing", subject=display, hint=hint))

    def add(self, path: str, member: str | None = None) -> None:
        """A file, or a member of an archive."""
        display = _displayable(path)
        if display != path:
            hint = "Rename it, then ingest it again"
            self.fail(display, ReadError("its name is not valid Unicode", subject=display, hint=hint))
            return
        uri = os.path.realpath(path)
        if member is not None:
            uri, display = f"{uri}/{member}", f"{display}/{member}"
        self.sources.setdefault(uri, Source(uri, display))

    def inside(self, path: str) -> bool:
        """Whether it may be looked at, all links followed."""
        if self.within is None:
            return True
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):  # a NUL in it
            return False
        return any(Path(real).is_relative_to(folder) for folder in self.within)

    def fail(self, display: str, error: ReadError) -> None:
        self.failures.append((display, error))

    def excluded(self, relative: str) -> bool:
        return _matches(relative, self.exclude)


def _entry_kind(entry: os.DirEntry[str]) -> str:
    """ "folder", "file", "dangling" for a link that leads nowhere or in a circle, or "other" (pipes, devices)."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError:
        return "dangling"
    return "dangling" if entry.is_symlink() and not os.path.exists(entry.path) else "other"  # noqa: PTH110


def _matches(relative: str, globs: Sequence[str]) -> bool:
    relative = composed(relative)
    name = relative.rpartition("/")[2]
    return any(fnmatchcase(relative, glob) or fnmatchcase(name, glob) for glob in map(composed, globs))


def _posix(path: str) -> str:
    return os.path.normpath(path).replace(os.sep, "/")


def _displayable(path: str) -> str:
    """The path as it can be printed and stored: bytes that are no Unicode become escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _unknown_suffix(display: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        "no reader for this kind of file",
        subject=display,
        hint=Hint(
            f"Readable are {' '.join(BY_SUFFIX)}, also in {ZIP} or {GZIP}; to read it as text, name it with ",
            Option("include"),
        ),
    )


def _listed(files_from: str) -> list[str]:
    """The paths in a list of files, one a line, or separated by NULs if there is one (find -print0)."""
    try:
        data = sys.stdin.buffer.read() if files_from == STDIN else Path(files_from).read_bytes()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        hint = "Name a readable file with one path a line, or - for standard input"
        raise UsageError(f"the list of files could not be read: {reason}", subject=files_from, hint=hint) from error
    data = data.removeprefix(b"\xef\xbb\xbf")
    lines = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(line) for line in lines if line.strip()]
