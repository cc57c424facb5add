"""Source code as text. Every line stays where it was, since a quote is cited by its line."""

from __future__ import annotations

from titans_cli.readers.clean import mend_characters
from titans_cli.readers.parsed import ParsedDocument, one_page

_WIDEST_INDENT = 200
# What prose takes for the end of a line, and an editor that numbers lines does not.
_NO_LINE_ENDS = str.maketrans(dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", " "))


def tidy_code(text: str) -> str:
    """Lines with their indentation, tabs as four spaces, nothing at their ends; never more than one blank line."""
    out: list[str] = []
    for line in _lines(text):
        if line or (out and out[-1]):
            out.append(line)
    return "\n".join(out).rstrip()


def extract_code(data: bytes) -> ParsedDocument:
    """As many lines as the file has. No title: what the first lines say is a licence more often than a name."""
    return one_page(None, "\n".join(_lines(data.decode("utf-8"))).rstrip())


def _lines(text: str) -> list[str]:
    return [_tidy(line) for line in mend_characters(text.translate(_NO_LINE_ENDS)).split("\n")]


def _tidy(line: str) -> str:
    words = line.lstrip()
    indent = line[: len(line) - len(words)][:_WIDEST_INDENT].replace("\t", "    ")
    return (indent + words.replace("\t", " ")).rstrip()
