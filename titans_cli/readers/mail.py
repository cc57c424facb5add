"""Mail: headers that say who, when and what, then the text; attachments are named, not read. A mailbox has a page
for every message.

The standard library's email does the parsing. Its mailbox wants a file by name, and there is none in the worker; all it
would add is where one message ends, which is told here.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, Message

from titans_cli.errors import CorruptError
from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in
from titans_cli.readers.html import extract_html
from titans_cli.readers.parsed import Parsed, short
from titans_cli.readers.unwrap import unwrap_plain
from titans_cli.records import Page

_HEADERS = ("From", "To", "Date", "Subject")
_MOST_PARTS = 500
_FROM_LINE = re.compile(rb"^From \S[^\n]*\n", re.M)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.M)
_HEADER_LINE = re.compile(rb"\A(?:From [^\n]*\n)?[!-9;-~]{1,100}:[^\n]*\n")


def extract_eml(data: bytes) -> Parsed:
    title, text, year = _message(data)
    return Parsed(title, (Page(1, text),), year=year)


def extract_mbox(data: bytes) -> Parsed:
    """A message that cannot be made out is left out and named; the others stay."""
    data = data.replace(b"\r\n", b"\n")
    starts = [
        m.start() for m in _FROM_LINE.finditer(data) if m.start() == 0 or data[m.start() - 2 : m.start()] == b"\n\n"
    ]
    if not starts or data[: starts[0]].strip():
        raise CorruptError("a mailbox begins with a line 'From ...', and this does not")
    pages, notes, years = [], [], set()
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True), 1):
        try:
            _, text, year = _message(_QUOTED_FROM.sub(rb"\1", data[start:end].partition(b"\n")[2]))
        except (CorruptError, RecursionError, ValueError, LookupError) as error:
            notes.append(f"message {number}: skipped, {error}"[:200])
            continue
        years.add(year)
        if text:
            pages.append(Page(number, text))
    if notes and not pages:
        raise CorruptError("none of its messages can be made out")
    return Parsed(None, tuple(pages), tuple(notes[:20]), years.pop() if len(years) == 1 else None)


def _message(data: bytes) -> tuple[str | None, str, int | None]:
    """Its subject, its text with the headers that matter, and the year it was sent in."""
    if not _HEADER_LINE.match(data.lstrip()[:4096]):
        raise CorruptError("it does not begin with mail headers")
    message = email.message_from_bytes(data.lstrip(), policy=policy.default)
    headers = {name: _header(message, name) for name in _HEADERS}
    plain, rich, attached = [], [], []
    for part in _parts(message):
        name = part.get_filename()
        kind = part.get_content_type()
        if name or part.get_content_disposition() == "attachment":
            attached.append(f"Attachment: {short(name, 100) or 'unnamed'} ({kind})")
        elif kind == "text/plain":
            plain.append(unwrap_plain(tidy_prose(mend_characters(_content(part)))))
        elif kind == "text/html":
            rich.append(tidy_prose(mend_characters(extract_html(_content(part)).text)))
    head = "\n".join(f"{name}: {value}" for name, value in headers.items() if value)
    body = "\n\n".join(filter(None, plain)) or "\n\n".join(filter(None, rich))
    blocks = [mend_characters(head), body, mend_characters("\n".join(attached))]
    return short(headers["Subject"]), "\n\n".join(filter(None, blocks)), year_in(headers["Date"])


def _parts(message: Message) -> Iterator[Message]:
    """The parts that hold something, without recursion: nesting is the sender's to choose."""
    stack, seen = [message], 0
    while stack and seen < _MOST_PARTS:
        part = stack.pop()
        seen += 1
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list):
            stack.extend(reversed([each for each in inner if isinstance(each, Message)]))
        else:
            yield part


def _header(message: Message, name: str) -> str:
    """Header parsing of malformed mail raises all sorts of errors; then the header is told as it stands."""
    try:
        value = str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError, LookupError, TypeError):
        value = next((str(v) for k, v in message.raw_items() if k.lower() == name.lower()), "")
    return " ".join(mend_characters(value).split())[:1000]


def _content(part: Message) -> str:
    try:
        if isinstance(part, EmailMessage):
            content = part.get_content(errors="replace")
            if isinstance(content, str):
                return content
    except (LookupError, ValueError, AttributeError, TypeError):
        pass  # an unknown charset, a broken transfer encoding: what there is, as it is
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
