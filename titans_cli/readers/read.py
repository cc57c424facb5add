"""One source in, one Document out: get the bytes, see what they are, hand them to the reader that knows them."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from dataclasses import replace

from titans_cli.cards import HEADING, STATED, Entry, filled
from titans_cli.errors import LimitError, NoTextError, ReadError
from titans_cli.readers.address import is_address
from titans_cli.readers.formats import FORMATS, reader_of
from titans_cli.readers.limits import Limits
from titans_cli.readers.parsed import ParsedDocument
from titans_cli.readers.sniff import kind_of, nested
from titans_cli.records import Document, Source
from titans_cli.steps import Hint, NextStep

STDIN = "-"
# What needs no process of its own is parsed in this one while it is small, which takes less time than starting one.
_SMALL = 1 << 20


def read(source: Source, limits: Limits = Limits()) -> Document:  # noqa: B008 - frozen, so sharing it is harmless
    """Read one source. Raises a ReadError whose subject is the source and whose hint says what to do next."""
    display = source.display
    data, name = _bytes_of(source, limits)
    if not data or data.isspace():
        raise NoTextError("the file is empty", subject=display, hint="Leave it out")
    member = _is_member(source.uri)
    content = _unwrapped(data, display, limits, member)
    if not content or content.isspace():
        raise NoTextError("the file is empty", subject=display, hint="Leave it out")
    kind = kind_of(content, name, display, member=member or content is not data)
    parsed = _parse(kind, content, display, limits)
    if sum(len(page.text) for page in parsed.pages) > limits.max_text_chars:
        raise too_much_text(display, limits)
    if not any(page.text for page in parsed.pages):
        raise NoTextError("there is no text in it", subject=display, hint="Leave it out")
    card = filled(parsed.card, _entries(parsed))
    return Document(
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        kind=kind,
        title=parsed.title,
        pages=parsed.pages,
        warnings=parsed.warnings,
        year=parsed.year,
        omissions=parsed.omissions,
        card=card,
    )


def _entries(parsed: ParsedDocument) -> list[Entry]:
    """The little that every reader finds."""
    year = [Entry("date", str(parsed.year), STATED)] if parsed.year else []
    return [*year, *([Entry("title", parsed.title, HEADING)] if parsed.title else [])]


def too_much_text(display: str, limits: Limits) -> LimitError:
    return LimitError(
        f"it holds more than {limits.max_text_chars:,} characters of text",
        subject=display,
        hint="Split it into smaller files",
    )


_GZIP = b"\x1f\x8b"


def _is_member(uri: str) -> bool:
    """Whether this names something inside an archive, such as /papers.zip/notes.txt."""
    if uri == STDIN or is_address(uri) or os.path.exists(uri):  # noqa: PTH110 - a path may hold a NUL
        return False
    from titans_cli.readers.archive import split

    return split(uri) is not None


def _unwrapped(data: bytes, display: str, limits: Limits, member: bool) -> bytes:
    """What a gzip file holds; other files as they are. Archives are looked into one level deep."""
    if not data.startswith(_GZIP):
        return data
    from titans_cli.readers.archive import gunzip

    content = b"" if member else gunzip(data, display, limits)
    if member or content.startswith(_GZIP):
        raise nested(display)
    return content


def _parse(kind: str, data: bytes, display: str, limits: Limits) -> ParsedDocument:
    """Only the reader that is needed is imported."""
    wanted = FORMATS[kind]
    warnings: tuple[str, ...] = ()
    if wanted.text:
        from titans_cli.readers.encoding import declared_charset, decode

        text, warnings = decode(data, display, declared=declared_charset(data) if wanted.declares else None)
        if len(text) > limits.max_text_chars:
            raise too_much_text(display, limits)
        data = text.encode("utf-8", "replace")
    if not wanted.isolated and len(data) <= _SMALL:
        parsed = replace(reader_of(kind)(data), card=_card(kind, data))
    else:
        from titans_cli.readers.isolate import parse_pdf, parse_whole

        parsed = parse_pdf(data, display, limits) if kind == "pdf" else parse_whole(kind, data, display, limits)
    return replace(parsed, warnings=(*warnings, *parsed.warnings))


def _card(kind: str, data: bytes) -> tuple[Entry, ...]:
    """What a file says of itself. As in a process of its own, a card that is broken must not cost the text."""
    from titans_cli.readers.cards.stated import stated
    from titans_cli.readers.clean import tidy_card

    try:
        return tidy_card(stated(kind, data))
    except Exception:  # noqa: BLE001 - of several libraries, on whatever somebody wrote
        return ()


def _bytes_of(source: Source, limits: Limits) -> tuple[bytes, str]:
    """The bytes, and the name whose suffix counts."""
    if is_address(source.uri):
        from titans_cli.readers.fetch import fetch

        return fetch(source.uri, limits)
    if source.uri == STDIN:
        return _read_stdin(limits), source.display
    return _read_file(source, limits), source.uri


def _read_file(source: Source, limits: Limits) -> bytes:
    """The file's bytes. Opened without blocking and checked by descriptor: a pipe must not hang the run."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(source.uri, flags)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOTDIR:
            from titans_cli.readers.archive import read_member, split

            inside = split(source.uri)
            if inside is not None:
                return read_member(*inside, source.display, limits)
        raise os_error(error, source.display) from error
    try:
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise not_a_file(source.display)
            if status.st_size > limits.max_bytes:
                raise _too_large(source.display, limits)
            data = file.read(limits.max_bytes + 1)
    except OSError as error:
        raise os_error(error, source.display) from error
    if len(data) > limits.max_bytes:
        raise _too_large(source.display, limits)
    return data


def _read_stdin(limits: Limits) -> bytes:
    try:
        data = sys.stdin.buffer.read(limits.max_bytes + 1)
    except (OSError, ValueError, AttributeError) as error:  # closed, or replaced by something without bytes
        raise ReadError("standard input could not be read", subject=STDIN, hint="Pipe a file into it") from error
    if len(data) > limits.max_bytes:
        raise _too_large(STDIN, limits)
    return data


def _too_large(display: str, limits: Limits) -> LimitError:
    size = f"{limits.max_bytes / (1 << 20):,.0f} MiB" if limits.max_bytes >= 1 << 20 else f"{limits.max_bytes:,} bytes"
    return LimitError(f"the file is larger than {size}", subject=display, hint="Split it into smaller files")


def not_a_file(display: str) -> ReadError:
    return ReadError(
        "it is not a regular file",
        subject=display,
        hint=Hint("To read from a pipe or device, lead it to standard input: ", NextStep("ingest", paths="-")),
    )


def os_error(error: OSError | ValueError, display: str) -> ReadError:
    """What the operating system said, in plain words."""
    code = error.errno if isinstance(error, OSError) else None
    if code in (errno.ENOENT, errno.ENOTDIR):
        return ReadError("there is no such file", subject=display, hint="Check the name; it may have been moved")
    if code in (errno.EACCES, errno.EPERM):
        return ReadError("permission denied", subject=display, hint="Make it readable, e.g. chmod u+r")
    if code in (errno.EISDIR, errno.ENXIO, errno.ENODEV):
        return not_a_file(display)
    if code == errno.ELOOP:
        return ReadError("its symbolic links lead in a circle", subject=display, hint="Name the file itself")
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return ReadError(f"it could not be read: {reason}", subject=display, hint="Check the file and its disk")
