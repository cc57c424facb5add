"""Every shell block of docs/scripting.md, run as it stands, with the real command and the shipped model."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import titans_cli

FOLDER = Path(titans_cli.__file__).parent.parent
PAPERS = (
    "2018-imrane-salinity-optimum.txt",
    "2022-dessaline-salinity-settled.pdf",
    "2026-brask-state-of-the-lattice.pdf",
)

# What a recipe prints, among other things, by its heading; what it writes to files it tests itself.
SAYS = {
    "One shot": ["papers/2026-brask-state-of-the-lattice.pdf"],
    "Fail when a file cannot be read": ["broken.pdf: corrupt"],
    "Promote if the gate passes": ["survey-"],
    "Several sessions side by side": ["papers: ", "notes: The salinity of the north basin is 31 g/kg."],
    "Questions from a file": ["is 32.5 g/kg"],
}


class Recipe(NamedTuple):
    title: str
    line: int
    script: str

    @property
    def needs(self) -> list[str]:
        return [tool for tool in ("jq",) if re.search(rf"\b{tool} ", self.script)]


def recipes() -> list[Recipe]:
    text = (FOLDER / "docs" / "scripting.md").read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        title = re.findall(r"^## (.+)$", text[: match.start()], re.MULTILINE)[-1]
        found.append(Recipe(title, text.count("\n", 0, match.start()) + 2, match.group(1)))
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """papers/ and notes/, and a `titans` that is this checkout's."""
    (tmp_path / "papers").mkdir()
    sample = FOLDER / "sample_corpora" / "papers"
    for name in PAPERS:
        shutil.copy(sample / name, tmp_path / "papers")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "monday.md").write_text("# Monday\n\nThe salinity of the north basin is 31 g/kg.\n")
    (tmp_path / "notes" / "tuesday.txt").write_text("The pump was mended on Tuesday. The north basin is full again.\n")
    command = tmp_path / "bin" / "titans"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m titans_cli "$@"\n')
    command.chmod(0o700)
    return tmp_path


@pytest.mark.parametrize("recipe", recipes(), ids=lambda r: f"{r.title}, line {r.line}")
def test_a_recipe_runs(place: Path, recipe: Recipe) -> None:
    for tool in recipe.needs:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TITANS_")}
    environment = {
        **kept,
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(FOLDER),
        "TITANS_HOME": str(place / "home"),
        "TITANS_CONFIG": os.devnull,
        "TITANS_THREADS": "1",
    }
    command = ["sh", "-euc", recipe.script]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    for text in SAYS.get(recipe.title, []):
        assert text in done.stdout
