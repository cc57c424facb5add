"""XML as a stream of events, without the parts of XML that attack: no entities, nothing fetched, no tree in memory."""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat

from titans_cli.errors import CorruptError


class XmlHandler:
    """Names come without their namespace. By itself it listens to nothing."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None: ...
    def end(self, name: str) -> None: ...
    def text(self, words: str) -> None: ...


class FirstTexts(XmlHandler):
    """The text of the first element of each of these names."""

    def __init__(self, *names: str) -> None:
        self.texts: dict[str, str] = {}
        self.names = names
        self.inside: str | None = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.inside = name if name in self.names and name not in self.texts else None
        if self.inside:
            self.texts[self.inside] = ""

    def end(self, name: str) -> None:
        self.inside = None

    def text(self, words: str) -> None:
        if self.inside:
            self.texts[self.inside] += words


def parse_xml(data: bytes, handler: XmlHandler) -> None:
    """Raises CorruptError for XML that declares entities, and expat's own error for what is not well-formed."""

    def start(name: str, attributes: dict[str, str]) -> None:
        handler.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        handler.end(_local(name))

    def refuse(*_: object) -> None:
        raise CorruptError("it declares XML entities, as files do that are made to exhaust a reader")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
