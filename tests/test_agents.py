"""docs/agents.md is run: what the page says it prints, it prints. With the embedded model, as its readers have it."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest

from titans_cli import Session, Workspace

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
PAPERS = [
    "2018-imrane-salinity-optimum.txt",
    "2021-sorrel-carbon-uptake.html",
    "2022-querin-hushmeter.md",
    "2025-sorrel-carbon-corrected.html",
]


def test_the_worked_example_prints_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "papers").mkdir()
    for name in PAPERS:
        shutil.copy(ROOT / "sample_corpora" / "papers" / name, tmp_path / "papers" / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TITANS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TITANS_THREADS", "1")
    monkeypatch.delenv("TITANS_MODEL", raising=False)
    blocks = re.findall(r"^```(python|text)\n(.*?)^```$", PAGE, re.M | re.S)
    code = "\n".join(text for kind, text in blocks if kind == "python")
    printed = "".join(text for kind, text in blocks if kind == "text")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "docs/agents.md", "exec"), {"__name__": "agents"})
    assert out.getvalue() == printed
    assert "35 kg" in printed
    assert "48 kg" not in printed


@pytest.mark.parametrize("handle", [Session, Workspace])
def test_every_method_is_on_the_page(handle: type) -> None:
    loaded = {"engine", "engines", "reader", "shelf"}  # what it keeps
    names = {n for n in vars(handle) if not n.startswith("_")} - loaded
    assert names
    for name in names:
        assert re.search(rf"\b{name}\(", PAGE), name
