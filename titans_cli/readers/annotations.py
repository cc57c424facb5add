"""What a PDF holds beside its pages' text: filled form fields, comments, and attachments by name.

By pypdf whichever library reads the pages: PDFium does not take these for text, and two ways to them would differ.
Nothing here resolves more than a page's own annotations, so that a hostile page costs only itself.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject, TextStringObject

from titans_cli.readers.pdf_pypdf import listen_to_pypdf

_HIDDEN = 2  # bit of /F (PDF 32000-1, table 165)
_DEEPEST = 32  # parents of a field
_MOST = 10_000  # annotations of a page
_MOST_NAMED = 10
_REPEATING = frozenset(("/Highlight", "/Underline", "/StrikeOut", "/Squiggly", "/FreeText"))  # often the text itself
_FEWEST = 3  # words, by which a comment is known to be what stands on the page
# Nothing of their own to say: links are of the text they cover, a popup shows what its parent says.
_SILENT = frozenset(("/Link", "/Popup", "/Widget", "/PrinterMark", "/TrapNet", "/Watermark"))


class Annotations:
    """Of one file. What pypdf raises passes through."""

    def __init__(self, data: bytes) -> None:
        listen_to_pypdf()
        self.reader = PdfReader(io.BytesIO(data))
        if self.reader.is_encrypted:
            self.reader.decrypt("")
        self.omitted: Counter[str] = Counter()
        self.attached: dict[str, None] = {}  # names, in order

    def of_page(self, index: int, text: str) -> list[str]:
        """A line each: "name: value" of a filled field, the words of a comment unless it repeats what it marks."""
        shown = " ".join(text.split())
        lines: dict[str, None] = {}
        listed = _resolved(self.reader.pages[index].get("/Annots"))
        for item in listed[:_MOST] if isinstance(listed, ArrayObject) else ():
            annotation = _resolved(item)
            if not isinstance(annotation, DictionaryObject):
                continue
            line = self._field(annotation) if annotation.get("/Subtype") == "/Widget" else self._comment(annotation)
            if not line or (annotation.get("/Subtype") in _REPEATING and _stands_in(line, shown)):
                continue
            if int(annotation.get("/F", 0)) & _HIDDEN:
                self.omitted["hidden field or comment"] += 1
            else:
                lines[line] = None
        return list(lines)

    def _field(self, widget: DictionaryObject) -> str:
        value = _value_text(_inherited(widget, "/V"))
        name = _value_text(_inherited(widget, "/TU") or _inherited(widget, "/T"))
        return f"{name}: {value}" if name and value else value

    def _comment(self, annotation: DictionaryObject) -> str:
        kind = annotation.get("/Subtype")
        if kind == "/FileAttachment":
            self._attach(_resolved(annotation.get("/FS")))
        return "" if kind in _SILENT else _value_text(annotation.get("/Contents"))

    def _attach(self, file: Any) -> None:
        if isinstance(file, DictionaryObject):
            self.attached[_value_text(file.get("/UF") or file.get("/F")) or "without a name"] = None

    def notes(self) -> Iterator[str]:
        """What is left out of the whole file, as warnings; counts it in `omitted`."""
        root = self.reader.root_object
        self.attached.update(dict.fromkeys(map(str, self.reader.attachments)))
        if self.attached:
            self.omitted["attachment"] += len(self.attached)
            names = list(self.attached)[:_MOST_NAMED]
            more = ", ..." if len(self.attached) > len(names) else ""
            yield f"its attachments are not read ({', '.join(names)}{more}): save them from a viewer and ingest them"
        form = _resolved(root.get("/AcroForm"))
        if isinstance(form, DictionaryObject) and "/XFA" in form:
            self.omitted["XFA form"] += 1
            yield "it holds an XFA form, which is not read: print it to PDF in the viewer that shows it"


def _stands_in(line: str, text: str) -> bool:
    words = line.split()
    return len(words) >= _FEWEST and f" {' '.join(words)} " in f" {text} "


def _resolved(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _inherited(field: DictionaryObject, key: str) -> Any:
    node: Any = field
    for _ in range(_DEEPEST):
        if not isinstance(node, DictionaryObject):
            return None
        if key in node:
            return node[key]
        node = _resolved(node.get("/Parent"))
    return None


def _value_text(value: Any) -> str:
    """A string, a choice or several, who signed; what is off or no text is nothing."""
    value = _resolved(value)
    if isinstance(value, NameObject):
        return "" if value == "/Off" else str(value).removeprefix("/")
    if isinstance(value, ArrayObject):
        return ", ".join(filter(None, map(_value_text, value)))
    if isinstance(value, StreamObject):
        return value.get_data().decode("utf-8", "replace").strip()
    if isinstance(value, DictionaryObject):
        return _value_text(value.get("/Name")) if value.get("/Type") == "/Sig" else ""
    return str(value).strip() if isinstance(value, TextStringObject | str) else ""
