"""docs/demo.svg: the commands of the README, really run, with what they printed.

`python -m benchmarks.recording [-o docs/demo.svg]` runs each command in a fresh home on a terminal of its own and draws
what came out with rich. Lines left out are marked; nothing else is changed. The picture names no font but those a
reader has, and loads nothing.
"""

from __future__ import annotations

import argparse
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from benchmarks.common import ROOT

WIDTH = 100  # columns
THEME = TerminalTheme(
    (251, 250, 246),
    (29, 27, 24),
    [(29, 27, 24), (168, 56, 26), (99, 93, 83), (99, 93, 83), (99, 93, 83), (99, 93, 83), (99, 93, 83), (29, 27, 24)],
)
MARGIN = 28  # around the text, in units of the picture
# As rich's own, without the web font and the window's ornaments. The first line is for `framed`, which takes it away.
FORMAT = """{terminal_width} {terminal_height}
<svg viewBox="@frame@" xmlns="http://www.w3.org/2000/svg" role="img">
<title>A terminal: titans reads a folder of papers, answers with citations, and writes a report</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>{lines}</defs>
@paper@
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g>
</svg>
"""


def framed(drawn: str) -> str:
    """The picture with a sheet of paper under the text and a margin around it."""
    sizes, _, svg = drawn.partition("\n")
    width, height = (float(size) for size in sizes.split())
    frame = f'x="{-MARGIN}" y="{-MARGIN}" width="{width + 2 * MARGIN:.0f}" height="{height + 2 * MARGIN:.0f}"'
    numbers = " ".join(part.split('"')[1] for part in frame.split())
    paper = f'<rect {frame} rx="10" fill="{THEME.background_color.hex}"/>'
    return svg.replace("@frame@", numbers).replace("@paper@", paper)


class Scene(NamedTuple):
    """A command, and how many of the first and the last lines of what it prints are shown."""

    command: tuple[str, ...]
    first: int = 100
    last: int = 0


SCENES = (
    Scene(("ingest", "sample_corpora/papers"), 3, 2),
    Scene(("ask", "What is the true optimum salinity for Halotexa velans?")),
    Scene(("ask", "summarize trends"), 13),
    Scene(("report", "-o", "{home}/lattices.html")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "demo.svg", metavar="FILE")
    file: Path = parser.parse_args().output
    with tempfile.TemporaryDirectory() as home, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        for n, scene in enumerate(SCENES):
            if n:
                console.print()
            play(scene, Path(home), console)
    drawn = console.export_svg(theme=THEME, code_format=FORMAT, font_aspect_ratio=0.61, unique_id="titans")
    svg = framed(drawn)
    file.write_text(svg, encoding="utf-8")
    print(f"{file}: {len(svg.encode()):,} bytes")


def play(scene: Scene, home: Path, console: Console) -> None:
    """Run it, and print the command as a person types it and what it said."""
    arguments = [part.replace("{home}/", "") for part in scene.command]
    typed = " ".join(f'"{part}"' if " " in part else part for part in arguments)
    console.print(Text.assemble(("$ ", "red"), (f"titans {typed}", "bold")))
    lines = run([part.format(home=home) for part in scene.command], home)
    lines = [line.replace(f"{home}/", "") for line in lines]
    if len(lines) <= scene.first + scene.last:
        shown = lines
    else:
        cut = len(lines) - scene.first - scene.last
        shown = [*lines[: scene.first], f"\x1b[2m... {cut} lines more\x1b[0m", *lines[len(lines) - scene.last :]]
    for line in shown:
        console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True)


def run(arguments: list[str], home: Path) -> list[str]:
    """What the command printed to its terminal, then what it told on stderr, which is none: no bar that moves."""
    main_end, terminal = pty.openpty()
    environment = {**os.environ, "TITANS_HOME": str(home / "home"), "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "titans_cli", *arguments],
        stdout=terminal,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd=ROOT,
    )
    os.close(terminal)
    said = bytearray()
    while chunk := _read(main_end):
        said += chunk
    os.close(main_end)
    noted = process.communicate()[1]
    if process.returncode:
        raise SystemExit(f"titans {' '.join(arguments)}: exit code {process.returncode}\n{noted.decode()}")
    return (said + noted).decode().replace("\r\n", "\n").rstrip("\n").split("\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other end is closed
        return b""


if __name__ == "__main__":
    main()
