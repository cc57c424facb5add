"""Comparisons: what two things have in common is a matter, and no figure that both happen to name."""

from __future__ import annotations

from pathlib import Path

from tests.sessions.samples import read_into, start
from titans_cli.model.engine import Engine
from titans_cli.sessions.ask import AskRequest, ask
from titans_cli.store import Home

PELMAR = "Pelmar is a loom that weaves tin. Pelmar was shown 4711 times in 1877. The bobbins of Pelmar are of cedar."
DUNVIK = "Dunvik is a kiln that melts glass. Dunvik holds 4711 jars, as of 1877. The bobbins near Dunvik are of cedar."


def test_figures_that_two_share_are_no_point_of_a_comparison(
    tmp_path: Path, tiny_folder: Path, tiny_engine: Engine
) -> None:
    home = Home(tmp_path / "home")
    start(home, "both", tiny_folder)
    paths = [tmp_path / "pelmar.md", tmp_path / "dunvik.md"]
    for path, text in zip(paths, (PELMAR, DUNVIK), strict=True):
        path.write_text(text)
    read_into(home, "both", paths)
    answer = ask(home, "both", AskRequest("How do Pelmar and Dunvik differ?", log=False), engine=tiny_engine)
    points = [line for line in answer.text.splitlines() if line.startswith("- ")]
    assert points
    assert not [line for line in points if "4711" in line or "1877" in line]
    assert any("cedar" in line for line in points)
