"""Fitted numbers stand in one file with where they come from; every other constant says what it is."""

from __future__ import annotations

import ast
import re
import tokenize
import tomllib
from pathlib import Path

import pytest

import titans_cli.answers
from titans_cli.answers.fitted import fits, log_odds, probability, weights

FOLDER = Path(titans_cli.answers.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))
LEXICONS = sorted((FOLDER / "lexicon").glob("*.toml"))


@pytest.mark.parametrize("name", sorted(fits()))
def test_a_fit_says_of_what_with_which_data_when_and_by_which_command(name: str) -> None:
    fit = fits()[name]
    assert len(fit["of"]) > 20
    assert len(fit["data"]) > 10
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", fit["date"])
    assert fit["command"].startswith("python -m benchmarks.")
    assert (
        FOLDER.parent.parent / "benchmarks" / f"{fit['command'].split()[2].removeprefix('benchmarks.')}.py"
    ).exists()
    assert weights(name)


def numbers(tree: ast.Module) -> list[tuple[str, int]]:
    """Constants of a module that are numbers, or tuples or mappings of them, and their lines."""

    def numeric(node: ast.expr | None) -> bool:
        match node:
            case ast.Constant(value=bool()):
                return False
            case ast.Constant(value=int() | float()):
                return True
            case ast.UnaryOp(operand=inner):
                return numeric(inner)
            case ast.Tuple(elts=elts) if elts:
                return all(map(numeric, elts))
            case ast.Dict(values=values) if values:
                return all(map(numeric, values))
        return False

    found = []
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name) | ast.Tuple(elts=[ast.Name(id=name), *_])], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                pass
            case _:
                continue
        if numeric(value):
            found.append((name, node.lineno))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(FOLDER)))
def test_a_constant_that_is_a_number_has_a_comment(path: Path) -> None:
    with path.open("rb") as file:
        comments = {t.start[0] for t in tokenize.tokenize(file.readline) if t.type == tokenize.COMMENT}
    bare = [
        f"{name}, line {line}"
        for name, line in numbers(ast.parse(path.read_text(encoding="utf-8")))
        if line not in comments and line - 1 not in comments
    ]
    assert not bare


@pytest.mark.parametrize("path", LEXICONS, ids=lambda p: p.stem)
def test_every_list_of_a_language_has_a_source(path: Path) -> None:
    """A section without one has that of the file."""
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    sections = [name for name, value in said.items() if isinstance(value, dict)]
    assert sections
    assert len(said["source"]) > 20
    assert all(len(said[name].get("source", said["source"])) > 20 for name in sections)


def test_odds_and_probabilities() -> None:
    assert probability((2.0, -1.0), (1.0, 2.0)) == 0.5
    assert probability((1.0,), (log_odds(0.8),)) == pytest.approx(0.8)
    assert log_odds(0.0) < -9
    assert log_odds(1.0) > 9
