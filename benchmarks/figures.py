"""The tables of figures in docs/figures.md and, a few of them, in the README, made from what the programs printed:
`docs/figures.json` keeps each one's last run.

    python -m benchmarks.figures record recall --data DATA   # run every program of that name in the table, keep it
    python -m benchmarks.figures record "python -m benchmarks.niah --data DATA --samples 20" --from niah.json
    python -m benchmarks.figures table                       # write the tables anew
    python -m benchmarks.figures check                       # are they what was kept? exit with 1 if not

`docs/figures.toml` says what stands in the tables (`brief = true`: in the README too): a row's words, its program and,
in braces, the figures of that program's report, each with a format of Python's behind a colon. So a figure that was not
printed cannot stand there; when it was, and at which commit, is told beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import ROOT

ROWS, RUNS = ROOT / "docs" / "figures.toml", ROOT / "docs" / "figures.json"
README, PAGE = ROOT / "README.md", ROOT / "docs" / "figures.md"
BEGIN, END = "<!-- figures: made by python -m benchmarks.figures table -->\n", "<!-- end of figures -->"
_FIGURE = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}")

Run = dict[str, Any]  # what a program prints with --json, and when


class Row(NamedTuple):
    what: str
    figure: str
    program: str
    brief: bool = False  # in the README too


def rows() -> list[Row]:
    return [Row(**row) for row in tomllib.loads(ROWS.read_text(encoding="utf-8"))["row"]]


def runs() -> dict[str, Run]:
    found: dict[str, Run] = json.loads(RUNS.read_text(encoding="utf-8"))
    return found


def filled(row: Row, run: Run) -> str:
    """The row's figure with its braces filled in. Raises KeyError for a figure that the program did not print."""

    def value(found: re.Match[str]) -> str:
        return format(run["figures"][found[1]], found[2] or "g")

    return _FIGURE.sub(value, row.figure)


def table(rows: list[Row], runs: dict[str, Run]) -> str:
    lines = ["| what | figure | program | when |", "|---|---|---|---|"]
    before = ""
    for row in rows:
        run = runs[row.program]
        told = "same" if row.program == before else f"`{row.program}`"
        when = "" if row.program == before else f"{run['date']}, {run['commit']}"
        lines.append(f"| {row.what} | {filled(row, run)} | {told} | {when} |")
        before = row.program
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """The README and the page of figures, with the tables as they have to be."""
    every = rows()
    return {README: _with(README, [r for r in every if r.brief]), PAGE: _with(PAGE, every)}


def _with(page: Path, rows: list[Row]) -> str:
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + "\n" + table(rows, runs()) + "\n" + END + tail


def ran(program: str, data: Path | None) -> Run:
    """What the program prints. Its words are those of a shell: settings, `python -m`, arguments."""
    words = [str(data) if word == "DATA" and data else word for word in shlex.split(program)]
    settings = [word.split("=", 1) for word in words[: words.index("python")]]
    command = [sys.executable, *words[len(settings) + 1 :], "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | dict(settings), stdout=subprocess.PIPE, text=True, check=True
    )
    printed: Run = json.loads(done.stdout.splitlines()[-1])
    return printed


def record(programs: list[str], data: Path | None, printed: Path | None) -> None:
    for program in programs:
        run = json.loads(printed.read_text(encoding="utf-8").splitlines()[-1]) if printed else ran(program, data)
        kept = runs() | {program: {"date": f"{datetime.now(UTC):%Y-%m-%d}"} | run}
        RUNS.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
        print(f"{program}: kept in {RUNS.relative_to(ROOT)}", flush=True)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("do", choices=("record", "table", "check"))
    args.add_argument("program", nargs="?", help="of the table: the whole command, or the name of the program")
    args.add_argument("--data", type=Path, help="the folder that DATA stands for")
    args.add_argument("--from", dest="printed", type=Path, help="what that command printed with --json; it is not run")
    options = args.parse_args()
    if options.do == "record":
        all_of_them = list(dict.fromkeys(row.program for row in rows()))
        name = options.program or ""
        programs = [p for p in all_of_them if p == name or f"python -m benchmarks.{name}" in (p, p.split(" -")[0])]
        if not programs or (options.printed and len(programs) > 1):
            told = "\n  ".join(programs or all_of_them)
            args.error(f"say which program:\n  {told}")
        record(programs, options.data, options.printed)
    made = pages()
    stale = [path.name for path, text in made.items() if text != path.read_text(encoding="utf-8")]
    if options.do == "check":
        told = f"{' and '.join(stale)} not as" if stale else "README.md and docs/figures.md are as"
        print(f"{told} {RUNS.relative_to(ROOT)} says")
        if stale:
            sys.exit("Run: python -m benchmarks.figures table")
        return
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
