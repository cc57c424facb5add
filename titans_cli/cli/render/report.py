"""The page that `titans report` wrote: where it is, of what, and how the surprise of what was read went down.

What stands on the page is `titans_cli.report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titans_cli.cli.render.console import Output, document, human_bytes, line
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.report.write import ReportFile


def written(r: ReportFile, output: Output) -> None:
    if output.json:
        document("report", r)
    elif output.quiet:
        line(r.file)
    else:
        line(f"wrote {r.file}: session {r.session}, {plural(r.documents, 'document')}, {human_bytes(r.size)}")
        if r.first is not None and r.now is not None:
            surprise = f"surprise of {plural(r.passages, 'passage')}"
            line(f"{surprise}: {r.first:.2f} when first read, {r.now:.2f} now (1 knows nothing, 0 knows by heart)")
