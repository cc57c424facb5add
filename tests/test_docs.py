"""The documentation as a site: every page is in it, and every link among README and pages leads somewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import titans_cli

FOLDER = Path(titans_cli.__file__).parent.parent
PAGES = sorted((FOLDER / "docs").glob("*.md"))
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_CODE = re.compile(r"^```.*?^```|^    .*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Those that lead to a file or a heading, not to the web."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"https?:|mailto:", link)]


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub and Python-Markdown make them of plain words."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", [FOLDER / "README.md", *PAGES], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    parts = [link.partition("#") for link in links(page)]
    targets = [((page.parent / path) if path else page, anchor) for path, _, anchor in parts]
    assert not [str(target) for target, _ in targets if not target.exists()]
    anchored = [(target, anchor) for target, anchor in targets if anchor and target.suffix == ".md"]
    assert not [f"{target}#{anchor}" for target, anchor in anchored if anchor not in headings(target)]


def test_every_page_is_in_the_navigation_and_nothing_of_the_site_comes_from_elsewhere() -> None:
    site = tomllib.loads((FOLDER / "zensical.toml").read_text(encoding="utf-8"))["project"]

    def named(entries: Any) -> Iterator[str]:
        for entry in entries:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else named(value)

    assert sorted(named(site["nav"])) == [page.name for page in PAGES]
    assert site["theme"]["font"] is False
    drawn = [p.name for p in PAGES if "```mermaid" in p.read_text(encoding="utf-8")]
    assert not drawn  # the theme would fetch what draws them


def test_the_map_of_the_readme_names_every_part_of_the_package() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    (below,) = re.findall(r"^## Where is what\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    parts = {path.parent.name for path in (FOLDER / "titans_cli").glob("*/__init__.py")}
    assert {
        name for name in re.findall(r"`(\w+)/`", below) if name not in {"titans_cli", "benchmarks", "tests"}
    } == parts


def test_the_readme_is_short() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 110
    assert "docs/tutorial.md" in text
    assert "When not to use it" in text
