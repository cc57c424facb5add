"""Answers as files: Markdown with a footnote for each citation, and BibTeX of what they cite. Imports no torch.

Documents are foreign text: what Markdown would take for markup in it is escaped, so that it is shown as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from titans_cli.errors import UsageError
from titans_cli.records import Answer, Citation, DisagreementTold, ThemeTold, TrendTold
from titans_cli.sentences import one_line
from titans_cli.sessions.citing import CatalogueEntry, bibtex, catalogued, plain
from titans_cli.store import Episodes, Home, SessionStore, write_outside
from titans_cli.store.files import storage_errors
from titans_cli.store.temporary import require_new

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$])")
_LINE_START = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s)", re.MULTILINE)
_REFERENCE = re.compile(r" ?\\\[(\d{1,4})\\\]")
Form = Callable[[Sequence[Answer], Sequence[CatalogueEntry]], str]


def markdown(answers: Sequence[Answer], documents: Sequence[CatalogueEntry] = ()) -> str:
    """The answers, each under its question, with what they cite as footnotes and `documents` as references.

    Footnotes as GitHub, pandoc and Obsidian have them: `[^1]`; of several answers `[^2-1]` is the first of the second.
    """
    parts = list[str]()
    for n, answer in enumerate(answers, start=1):
        parts += _one(answer, f"{n}-" if len(answers) > 1 else "")
    if documents:
        parts += ["## References", "\n".join(f"- {escaped(plain(c))}" for c in documents)]
    return "\n\n".join(parts) + "\n"


def _one(answer: Answer, prefix: str) -> list[str]:
    quotes = {c.number: c for c in answer.citations}

    def linked(text: str) -> str:
        """With its [1] as footnotes."""

        def footnote(match: re.Match[str]) -> str:
            return f"[^{prefix}{match[1]}]" if int(match[1]) in quotes else match[0]

        return _REFERENCE.sub(footnote, escaped(text))

    def carried(numbers: Sequence[int]) -> str:
        return " ".join(f"{escaped(one_line(quotes[i].quote))}[^{prefix}{i}]" for i in numbers if i in quotes)

    parts = [f"## {escaped(one_line(answer.question))}"]
    if answer.trends or answer.themes or answer.kind == "disagreements":
        parts.append(linked(answer.lead or answer.text))
        parts += _list([f"**{escaped(t.phrase)}** ({_direction(t)}): {carried(t.citations)}" for t in answer.trends])
        parts += _list([f"**{escaped(t.phrase)}** ({_direction(t)}): {carried(t.citations)}" for t in answer.themes])
        parts += _list([_dispute(d, carried) for d in answer.disagreements])
        if answer.alone:
            parts.append(f"In no topic: {escaped(', '.join(answer.alone))}")
    else:
        if answer.short and answer.support != "none":
            parts.append(f"**{escaped(one_line(answer.short))}**")
        parts += [_block(linked(block)) for block in answer.text.split("\n\n") if block.strip()]
    if answer.written_by or answer.reasoner:
        parts.append(f"*Written by {escaped(answer.written_by or answer.reasoner or '')}.*")
    if answer.unverified:
        parts.append("*Not supported by what it cites:*")
        parts += _list([escaped(one_line(sentence)) for sentence in answer.unverified])
    if answer.recalled and answer.support != "memory":
        parts.append(f"*From memory alone, never evidence:* {escaped(one_line(answer.recalled))}")
    return [*parts, *(_footnote(c, prefix) for c in answer.citations)]


def _direction(theme: ThemeTold | TrendTold) -> str:
    return f"{theme.direction}, {theme.documents} document{'' if theme.documents == 1 else 's'}"


def _dispute(dispute: DisagreementTold, carried: Callable[[Sequence[int]], str]) -> str:
    status = "" if dispute.status == "unknown" else f" ({dispute.status})"
    sides = "; ".join(f"{year or 'undated'}: {carried([n])}" for year, n in dispute.sides)
    about = f"; on this: {carried(dispute.about)}" if dispute.about else ""
    return f"**{escaped(dispute.topic)}**, disagreement{status}: {sides}{about}"


def _list(items: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {item}" for item in items)] if items else []


def _block(text: str) -> str:
    """A paragraph; a list of an answer ("- ", escaped) stays one."""
    return re.sub(r"^\\- ", "- ", text, flags=re.MULTILINE)


def _footnote(c: Citation, prefix: str) -> str:
    where = f"{escaped(c.label or c.source)}, {escaped(c.place or f'page {c.page}')}"
    return f'[^{prefix}{c.number}]: {where} ({escaped(c.source)}): "{escaped(one_line(c.quote))}"'


def escaped(text: str) -> str:
    """Foreign text that Markdown shows as it stands."""
    return _LINE_START.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] in "-+=" else m[0], _MARKUP.sub(r"\\\1", text))


def _bibtex(answers: Sequence[Answer], documents: Sequence[CatalogueEntry]) -> str:
    return bibtex(documents) + "\n"


FORMS: dict[str, Form] = {".md": markdown, ".markdown": markdown, ".bib": _bibtex}


def documents_cited(episodes: Episodes, answers: Sequence[Answer]) -> list[CatalogueEntry]:
    """The documents that the answers cite, in the order of their first citation."""
    uris = dict.fromkeys(c.uri for answer in answers for c in answer.citations)
    return catalogued(episodes, list(uris))


def check_files(files: Sequence[Path], *, replace_file: bool = False) -> None:
    """Raises UsageError for a file that exists or whose name says no form, StorageError where there is no folder for
    it: before anything is asked."""
    for file in files:
        if file.suffix.lower() not in FORMS:
            hint = f"End it in {', '.join(list(FORMS)[:-1])} (Markdown) or .bib (BibTeX of what is cited)"
            raise UsageError("its name does not say what to write", subject=str(file), hint=hint)
        if file.is_dir():
            raise UsageError("this is a folder", subject=str(file), hint="Give the name of a file")
        require_new(file, replace_file=replace_file)
        with storage_errors(file.parent):
            file.parent.stat()


def write_answers(home: Home, selector: str | None, answers: Sequence[Answer], files: Sequence[Path]) -> None:
    """Each file whole or not at all, in the form that its suffix names. Raises StorageError, as `check_files`."""
    with SessionStore.open(home, selector).episodes() as episodes:
        documents = documents_cited(episodes, answers)
    for file in files:
        write_outside(home, file, [FORMS[file.suffix.lower()](answers, documents).encode("utf-8", "replace")])
