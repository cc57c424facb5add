"""Which extractor knows which kind of file. Each is imported when it is needed, mostly inside the worker."""

from __future__ import annotations

from titans_cli.readers.parsed import Parsed, one_page

# Kinds that are text: they reach their extractor as UTF-8, whatever they were in.
AS_TEXT = frozenset(("txt", "md", "rst", "code", "tex", "csv", "jsonl", "ipynb"))


def extract(kind: str, data: bytes) -> Parsed:
    """The pages of a file, for every kind but pdf and html. What the parsers raise passes through."""
    match kind:
        case "docx":
            from titans_cli.readers.docx import extract_docx as parse
        case "epub":
            from titans_cli.readers.epub import extract_epub as parse
        case "ipynb":
            from titans_cli.readers.notebook import extract_ipynb as parse
        case "csv":
            from titans_cli.readers.tables import extract_csv as parse
        case "jsonl":
            from titans_cli.readers.tables import extract_jsonl as parse
        case "eml":
            from titans_cli.readers.mail import extract_eml as parse
        case "mbox":
            from titans_cli.readers.mail import extract_mbox as parse
        case "rst":
            from titans_cli.readers.rst import extract_rst as parse
        case _:
            return _extract_text(kind, data.decode("utf-8"))
    return parse(data)


def _extract_text(kind: str, text: str) -> Parsed:
    match kind:
        case "tex":
            from titans_cli.readers.tex import parse_tex

            return parse_tex(text)
        case "md":
            from titans_cli.readers.markdown import parse_markdown, year_of_front_matter

            return one_page(*parse_markdown(text), year=year_of_front_matter(text))
        case "code":
            from titans_cli.readers.code import parse_code as parse
        case _:
            from titans_cli.readers.text import parse_text as parse
    return one_page(*parse(text))
