"""Mail: headers that say who, when and what, then the text; attachments are named, not read. A mailbox has a page
for every message.

The standard library's email does the parsing. Its get_body chooses one part and its mailbox wants a file by name, so
which parts are the text, and where a message of a mailbox ends, is told here. Of several forms of one text the last is
taken that has any, as RFC 2046 (5.1.4) has it.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email import policy
from email.message import Message
from typing import NamedTuple

from titans_cli.errors import CorruptError
from titans_cli.readers.clean import mend_characters, tidy_prose
from titans_cli.readers.dates import year_in
from titans_cli.readers.encoding import declared_charset, decode
from titans_cli.readers.html import extract_html
from titans_cli.readers.parsed import ParsedDocument, short, totals
from titans_cli.readers.unwrap import unwrap_plain
from titans_cli.records import Omission, Page

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MOST_PARTS = 500
# As in RFC 4155: who, and when with a time and a year. "From the start on ..." is a sentence.
_FROM_LINE = re.compile(rb"^>?From [^\n]{0,300}?\d\d?:\d\d[^\n]{0,60}\b\d{4}\b[^\n]{0,60}\n(?=[!-9;-~]{1,100}:)", re.M)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.M)
_HEADER_LINE = re.compile(rb"\A(?:From [^\n]*\n)?[!-9;-~]{1,100}:[^\n]*\n")
_CALENDAR, _FOLDED = "text/calendar", re.compile(r"\r?\n[ \t]")
_WORD = re.compile(r"\w+")
_ANOTHER = 0.5  # of the words of a form of the text: with fewer in the one that is kept, it says something else


class _Body(NamedTuple):
    """What a part says, the attachments in it by name, and what was left out."""

    text: str = ""
    attached: tuple[str, ...] = ()
    omissions: tuple[Omission, ...] = ()
    warnings: tuple[str, ...] = ()


class _Mail(NamedTuple):
    title: str | None
    text: str
    year: int | None
    omissions: tuple[Omission, ...]
    warnings: tuple[str, ...]


def extract_eml(data: bytes) -> ParsedDocument:
    mail = _message(data)
    return ParsedDocument(mail.title, (Page(1, mail.text),), mail.warnings, mail.year, mail.omissions)


def extract_mbox(data: bytes) -> ParsedDocument:
    """A message that cannot be made out is left out and named; the others stay."""
    data = data.replace(b"\r\n", b"\n").lstrip(b"\n")
    if not data.startswith(b"From "):
        raise CorruptError("a mailbox begins with a line 'From ...', and this does not")
    starts = [0, *(m.start() for m in _FROM_LINE.finditer(data) if m.start() and not m[0].startswith(b">"))]
    pages, notes, mails = [], [], []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True), 1):
        try:
            mail = _message(_QUOTED_FROM.sub(rb"\1", data[start:end].partition(b"\n")[2]))
        except (CorruptError, RecursionError, ValueError, LookupError) as error:
            notes.append(f"message {number}: skipped, {error}"[:200])
            continue
        mails.append(mail)
        notes += [f"message {number}: {warning}" for warning in mail.warnings]
        if mail.text:
            pages.append(Page(number, mail.text))
    if notes and not pages:
        raise CorruptError("none of its messages can be made out")
    unread = (("message", len(starts) - len(mails)),)
    years = {mail.year for mail in mails}
    omissions = totals(unread, *(mail.omissions for mail in mails))
    return ParsedDocument(None, tuple(pages), tuple(notes[:20]), years.pop() if len(years) == 1 else None, omissions)


def _message(data: bytes) -> _Mail:
    """Its subject, its text with the headers that matter, and the year it was sent in."""
    if not _HEADER_LINE.match(data.lstrip()[:4096]):
        raise CorruptError("it does not begin with mail headers")
    message = email.message_from_bytes(data.lstrip(), policy=policy.default)
    body = _body(message)
    blocks = [_head(message), body.text, "\n".join(body.attached)]
    return _Mail(
        short(_header(message, "Subject")),
        "\n\n".join(filter(None, blocks)),
        year_in(_header(message, "Date")),
        totals(body.omissions, (("header field", sum(not _is_told(name) for name in message)),)),
        body.warnings,
    )


def _is_told(name: str) -> bool:
    """Whether a header is told, or says only how the message is put together."""
    return name.title() in _HEADERS or name.lower().startswith(("content-", "mime-"))


def _head(message: Message) -> str:
    stated = ((name, _header(message, name)) for name in _HEADERS)
    return "\n".join(f"{name}: {value}" for name, value in stated if value)


# ---------------------------------------------------------------- the parts


def _body(message: Message) -> _Body:
    """The text of a message: parts one after another, and of alternatives one. Nesting is the sender's to choose, so
    it is followed with a list, from the innermost out."""
    parts = list(_parts(message))
    bodies: dict[int, _Body] = {}
    for part in reversed(parts):  # every part after those it holds
        inside = [bodies[id(each)] for each in _inside(part) if id(each) in bodies]
        kind = part.get_content_type()
        if not part.is_multipart():
            bodies[id(part)] = _leaf(part, kind)
        elif kind == "multipart/alternative":
            kinds = [each.get_content_type() for each in _inside(part) if id(each) in bodies]
            bodies[id(part)] = _alternative(
                [body for of, body in zip(kinds, inside, strict=True) if of != _CALENDAR],
                [body for of, body in zip(kinds, inside, strict=True) if of == _CALENDAR],
            )
        else:
            is_mail = kind in ("message/rfc822", "message/delivery-status", "message/global")
            heads = [_head(each) or _fields(each) for each in _inside(part)] if is_mail else [""] * len(inside)
            texts = [text for head, body in zip(heads, inside, strict=False) for text in (head, body.text)]
            bodies[id(part)] = _joined(texts, inside)
    left = len(parts) >= _MOST_PARTS
    body = bodies[id(message)]
    return body._replace(omissions=totals(body.omissions, (("part", 1),))) if left else body


def _parts(message: Message) -> Iterator[Message]:
    stack, seen = [message], 0
    while stack and seen < _MOST_PARTS:
        part = stack.pop()
        seen += 1
        yield part
        stack.extend(reversed(_inside(part)))


def _inside(part: Message) -> list[Message]:
    inner = part.get_payload() if part.is_multipart() else None
    return [each for each in inner if isinstance(each, Message)] if isinstance(inner, list) else []


def _joined(texts: list[str], bodies: list[_Body]) -> _Body:
    return _Body(
        "\n\n".join(filter(None, texts)),
        tuple(name for body in bodies for name in body.attached),
        totals(*(body.omissions for body in bodies)),
        tuple(warning for body in bodies for warning in body.warnings),
    )


def _alternative(forms: list[_Body], besides: list[_Body]) -> _Body:
    """The last form that says anything; what is attached to another one stays attached. `besides`: what programs send
    as one more form of the text and is something else, the entry of a calendar."""
    chosen = next((form for form in reversed(forms) if form.text), _Body())
    words = set(_WORD.findall(chosen.text.casefold()))
    another = 0
    for form in forms:
        spoken = _WORD.findall(form.text.casefold())
        another += bool(spoken) and sum(word in words for word in spoken) < _ANOTHER * len(spoken)
    dropped = [form._replace(omissions=()) for form in forms if form is not chosen]
    kept = _joined([chosen.text, *(each.text for each in besides)], [*dropped, chosen, *besides])
    return kept._replace(omissions=totals(kept.omissions, (("alternative text", another),)))


def _leaf(part: Message, kind: str) -> _Body:
    """A single part: text is read unless it is sent as a file; a text with a name in the body is still the body."""
    is_file = part.get_content_disposition() == "attachment"
    if part.get_content_maintype() == "multipart":  # it names a boundary that does not come
        return _Body(tidy_prose(mend_characters(str(part.get_payload()))))
    if is_file or part.get_content_maintype() != "text":
        name = short(part.get_filename(), 100)
        picture = part.get_content_maintype() == "image" and not is_file
        notes = () if picture and not name else (f"Attachment: {mend_characters(name or 'unnamed')} ({kind})",)
        return _Body("", notes, (("picture" if picture else "attachment", 1),))
    words, warnings = _content(part)
    if kind == _CALENDAR:
        words = _FOLDED.sub("", words).replace("\\n", "\n").replace("\\,", ",")
    if kind == "text/html":
        page = extract_html(words)
        return _Body(page.text, (), page.omissions, warnings)
    if kind == "text/markdown":
        from titans_cli.readers.markdown import parse_markdown

        parsed = parse_markdown(words)
        return _Body(parsed.pages[0].text, (), parsed.omissions, warnings)
    clean = tidy_prose(mend_characters(words))
    return _Body(unwrap_plain(clean) if kind == "text/plain" else clean, (), (), warnings)


def _fields(message: Message) -> str:
    """All headers of a part that has no others, such as what a server says of a delivery."""
    names = dict.fromkeys(message.keys())
    return "\n".join(f"{name}: {_header(message, name)}" for name in names if not name.lower().startswith("content-"))


def _header(message: Message, name: str) -> str:
    """Header parsing of malformed mail raises all sorts of errors; then the header is told as it stands."""
    try:
        value = str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError, LookupError, TypeError):
        value = next((str(v) for k, v in message.raw_items() if k.lower() == name.lower()), "")
    return " ".join(mend_characters(value).split())[:1000]


def _content(part: Message) -> tuple[str, tuple[str, ...]]:
    """The words of a part, and warnings: its charset is believed as far as that of any file."""
    try:
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset()
    except (LookupError, ValueError, AttributeError, TypeError):
        payload, charset = None, None
    if not isinstance(payload, bytes):
        return "", ()
    if charset is None and part.get_content_subtype() == "html":
        charset = declared_charset(payload)
    return decode(payload, "message", declared=charset)
