"""What titans ingest --dry-run says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titans_cli.cli.options import Output
from titans_cli.cli.render import by_suffix, document, human_bytes, human_time, line, note
from titans_cli.steps import in_shell
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.sessions.preview import Preview


def previewed(p: Preview, output: Output) -> None:
    if output.json:
        document("ingest.preview", p)
        return
    for f in p.failed:
        note(f"titans: {f.source}: {f.reason}. {in_shell(f.hint) if f.hint else ''}".rstrip())
    if p.left_out:
        note(f"would leave out {plural(len(p.left_out), 'file')} that no reader knows by name: {by_suffix(p.left_out)}")
    if output.quiet:
        return
    aside = [f"{p.changed} changed" if p.changed else "", f"{p.unchanged} skipped" if p.unchanged else ""]
    aside += [f"{len(p.failed)} failing" if p.failed else ""]
    where = f"session {p.session}" if p.session else "a new session"
    said = ", ".join([f"would read {plural(p.read, 'file')}", *filter(None, aside)])
    line(f"{said} into {where}: {plural(p.pages, 'page')}, {plural(p.tokens, 'token')}")
    line(f"about {human_time(p.seconds)} (at {p.tokens_per_s:,.0f} tokens/s, by {p.by})")
    line(f"at most {human_bytes(p.room)} of disk, of which {human_bytes(p.free)} are free")
