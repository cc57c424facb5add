"""The house rules: who may import whom, who may do what, and what a command that needs no model must not load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import titans_cli

PACKAGE = Path(titans_cli.__file__).parent
LONGEST = 600  # lines of a module

# Leaves: they import nothing of the project but one another, and everyone but memory may import them.
LEAVES = {"cards", "errors", "progress", "records", "sentences", "settings", "steps", "version", "wording"}
# What everyone above the readers may import: where a quote stands goes by the table of formats, which is the readers'.
WORDS = LEAVES | {"places"}

# What each part of titans_cli may import of the others, besides itself. Data flows one way (docs/design.md).
MAY_IMPORT: dict[str, set[str]] = {
    "cards": set(),
    "errors": {"steps"},
    "places": {"readers", "records"},  # of the readers only the table of formats
    "progress": {"steps"},
    "records": {"cards"},
    "sentences": set(),
    "settings": {"errors", "steps"},
    "steps": set(),
    "version": set(),
    "wording": set(),
    "memory": set(),
    "readers": LEAVES,
    "store": LEAVES,
    "model": {"memory"} | LEAVES,
    "paper": {"memory", "model"} | LEAVES,
    "answers": {"model", "memory", "store"} | WORDS,
    "sessions": {"readers", "store", "model", "answers", "train"} | WORDS,  # train: to adapt a memory
    "report": {"sessions", "store", "model", "answers"} | WORDS,
    "cli": {"sessions", "store", "report", "server", "api"} | WORDS,  # of the store only Home, to say where it is
    "api": {"sessions", "store", "model"} | WORDS,  # the use-cases for programs; of the model only the type
    "server": {"api", "sessions", "store"} | WORDS,  # of the sessions only records and the log
    "__init__": {"api", "version"},  # the first when asked for, and no sooner
    "__main__": {"cli"},
    "train": {"memory", "model", "paper", "readers", "store", "answers"} | LEAVES,
}

# What each of them owns, as docs/design.md says it; `python -m tests.test_house` writes its table anew.
OWNS = {
    "version": "the version, by itself",
    "sentences": "sentence boundaries",
    "wording": "how counts, numbers and times are put where a person reads them",
    "cards": "catalogue cards: what a document says it is",
    "steps": "what to do next as a value, and what that is called in a shell, among the tools and in Python",
    "errors": "the error tree, with hints of `steps`",
    "records": "frozen values that travel",
    "progress": "what an ingest tells as it goes",
    "settings": "what can be set once: name, type, default, help, variable; the settings file",
    "readers": "bytes to clean pages; hostile input is parsed in a process with limits",
    "places": "where a quote stands, in words, by the readers' table of formats",
    "memory": "the numerical core of sessions: pure torch, no files, no logging",
    "store": "directories, locks, snapshots, the SQLite episodes; tensors are opaque to it",
    "model": "tokenizer, segments, the native network, memories on other models, the engine",
    "paper": "the paper's rule at any depth, MAG, MAL, LMM, a face for transformers; [no session comes here](paper.md)",
    "answers": "question to evidence to answer",
    "train": "the outer loop that makes the embedded model, and adapts memories to others",
    "sessions": "the use-cases: they take values, yield records and print nothing",
    "report": "a session as one HTML page: `gather` reads, `charts` and `page` draw, `write` keeps",
    "api": "the use-cases for programs: `from titans_cli import Workspace`",
    "server": "sessions for agents over the Model Context Protocol: tools over `api`, and who takes turns",
    "cli": "argv to one use-case to text; exit codes in `main.py` alone",
}
DESIGN = PACKAGE.parent / "docs" / "design.md"
LAYERS = re.compile(r"<!-- layers: made by python -m tests.test_house -->\n.*?<!-- end of layers -->", re.S)

# The numerical core computes: it opens nothing, says nothing, and knows nothing of where models come from.
NOT_IN_MEMORY = {"io", "json", "logging", "os", "pathlib", "safetensors", "shutil", "sqlite3", "sys", "tempfile"}
NOT_IN_MEMORY |= {"tokenizers", "transformers", "warnings"}


class Import(NamedTuple):
    path: Path
    line: int
    target: str  # absolute, dotted

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line} imports {self.target}"


def sources(part: str = "") -> list[Path]:
    return sorted((PACKAGE / part).rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> list[str]:
    return list(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def imports_of(tree: ast.Module, path: Path) -> Iterator[Import]:
    """Every import in the file: at its top, inside functions, under TYPE_CHECKING; also `import_module("...")`.

    `from titans_cli.a import b` counts as titans_cli.a.b: b may be a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = module_name(path)[: -node.level] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(path, node.lineno, f"{prefix}.{alias.name}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            name = node.args[0] if node.args else None
            known = isinstance(name, ast.Constant) and isinstance(name.value, str)
            yield Import(path, node.lineno, ast.literal_eval(name) if known and name else "something computed")


@cache
def imports(part: str = "") -> tuple[Import, ...]:
    return tuple(each for path in sources(part) for each in imports_of(parse(path), path))


def part_of(dotted: str) -> str | None:
    """The part of the project a dotted name belongs to: "model" for titans_cli.model.spec; None for foreign names."""
    head, _, rest = dotted.partition(".")
    if head != "titans_cli":
        return None
    return rest.split(".")[0] or "titans_cli"


def breaks_the_table(found: Import) -> bool:
    home, target = part_of(".".join(module_name(found.path))), part_of(found.target)
    if found.target == "something computed":
        return True
    if target is None or target == home:
        return False
    if target in {"titans_cli", "__version__"}:  # the package's own __init__, which holds the version and nothing else
        return home == "memory"
    return target not in MAY_IMPORT.get(home or "", set())


def test_no_import_breaks_the_table() -> None:
    broken = [str(found) for found in imports() if breaks_the_table(found)]
    assert not broken, "not in the import table (MAY_IMPORT above):\n" + "\n".join(broken)


def test_every_part_of_the_package_is_in_the_table() -> None:
    parts = {p.stem if p.suffix else p.name for p in PACKAGE.iterdir() if p.suffix == ".py" or any(p.glob("*.py"))}
    assert parts - {"__init__"} <= set(MAY_IMPORT)


def layers() -> str:
    """The table of docs/design.md: every part after those that it needs."""
    rows = ["| package | what it owns | may import (of the project) |", "|---|---|---|"]
    for part, owned in OWNS.items():
        light = MAY_IMPORT[part] >= LEAVES
        others = sorted(MAY_IMPORT[part] - LEAVES if light else MAY_IMPORT[part])
        rows.append(f"| `{part}` | {owned} | {', '.join([*others, *(['leaves'] * light)]) or 'nothing'} |")
    rows += ["", f"Leaves: {', '.join(sorted(LEAVES))}."]
    return "\n".join(["<!-- layers: made by python -m tests.test_house -->", *rows, "<!-- end of layers -->"])


def test_the_table_of_the_design_is_the_one_that_is_enforced() -> None:
    """`python -m tests.test_house` writes it anew."""
    assert set(OWNS) == set(MAY_IMPORT) - {"__init__", "__main__"}
    shown = LAYERS.search(DESIGN.read_text(encoding="utf-8"))
    assert shown is not None
    assert shown[0] == layers()


def test_the_table_has_no_cycle() -> None:
    """Each part can be built from parts before it."""
    left, built = dict(MAY_IMPORT), set[str]()
    while left:
        ready = {part for part, needs in left.items() if needs <= built}
        assert ready, f"a cycle among {sorted(left)}"
        built |= ready
        left = {part: needs for part, needs in left.items() if part not in ready}


def test_memory_readers_and_store_never_import_one_another() -> None:
    for part in ("memory", "readers", "store"):
        assert not MAY_IMPORT[part] & {"memory", "readers", "store"}


@pytest.mark.parametrize(
    ("home", "source", "line"),
    [
        ("memory/x.py", "from titans_cli.errors import ModelError", 1),
        ("memory/x.py", "def f():\n    import titans_cli.store.home", 2),
        ("readers/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from titans_cli import store", 3),
        ("store/x.py", "from ..readers import read", 1),
        ("store/deep/x.py", "from ...memory.rules import implicit_step", 1),
        ("answers/x.py", "import importlib\nimportlib.import_module('titans_cli.cli.main')", 2),
        ("sessions/x.py", "from importlib import import_module\nimport_module(name)", 2),
        ("train/x.py", "from titans_cli.sessions import ingest", 1),
        ("errors.py", "from titans_cli.records import Page", 1),
    ],
)
def test_a_forbidden_edge_is_found_wherever_it_hides(home: str, source: str, line: int) -> None:
    """The check itself: in functions, under TYPE_CHECKING, relative, dynamic; and it names file and line."""
    found = [i for i in imports_of(ast.parse(source), PACKAGE / home) if breaks_the_table(i)]
    assert [i.line for i in found] == [line]
    assert f"titans_cli/{home}:{line}" in str(found[0])


@pytest.mark.parametrize(
    ("home", "source"),
    [
        ("memory/x.py", "import torch\nfrom titans_cli.memory.config import MemoryConfig\nfrom . import rules"),
        ("model/x.py", "from titans_cli.memory import MemoryState\nfrom ..errors import ModelError"),
        ("cli/x.py", "from titans_cli import __version__\nfrom titans_cli.sessions import ingest"),
        ("train/x.py", "from titans_cli.paper.hf import TitansConfig"),
    ],
)
def test_an_allowed_edge_is_let_through(home: str, source: str) -> None:
    assert not [i for i in imports_of(ast.parse(source), PACKAGE / home) if breaks_the_table(i)]


# ---------------------------------------------------------------- the graph of files


def dotted(path: Path) -> str:
    return ".".join(module_name(path)).removesuffix(".__init__")


FILES = {dotted(path): path for path in sources()}


def file_of(target: str, files: Collection[str] = FILES) -> str | None:
    """The file that a dotted name of the project stands in."""
    while target and target not in files:
        target = target.rpartition(".")[0]
    return target or None


def only_for_types(tree: ast.Module) -> set[int]:
    """The lines under `if TYPE_CHECKING:`. They load nothing: names there may lead back."""
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {line for node in tests for b in node.body for line in range(b.lineno, (b.end_lineno or b.lineno) + 1)}


def needs_of(name: str, tree: ast.Module, path: Path, files: Collection[str] = FILES) -> set[str]:
    """The files that one loads: what it imports anywhere, and the packages that these are in, unless it is in them."""
    skipped, needs = only_for_types(tree), set[str]()
    for each in imports_of(tree, path):
        target = file_of(each.target, files) if each.line not in skipped else None
        if target and target != name:
            needs.add(target)
            parents = target.split(".")[:-1]
            packages = (".".join(parents[: i + 1]) for i in range(len(parents)))
            needs |= {p for p in packages if p in files and not f"{name}.".startswith(f"{p}.")}
    return needs


def graph() -> dict[str, set[str]]:
    return {name: needs_of(name, parse(path), path) for name, path in FILES.items()}


def cycles(needs: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected sets of more than one file (Tarjan 1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in sorted(needs[name]):
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            start = stack.index(name)
            found.append(sorted(stack[start:]))
            del stack[start:]

    for name in needs:
        if name not in number:
            visit(name)
    return [each for each in found if len(each) > 1]


def test_no_file_imports_one_that_imports_it() -> None:
    """Neither at the top nor inside a function. What two files need of each other stands in a third."""
    assert not cycles(graph())


@pytest.mark.parametrize(
    ("sources", "together"),
    [
        ({"a": "import t.b", "b": "def f():\n    from t import a"}, [["t.a", "t.b"]]),
        ({"a": "from t.b import x", "b": "import t.c", "c": "from t.a import y"}, [["t.a", "t.b", "t.c"]]),
        ({"a": "import t.p.b", "p": "from t import a", "p.b": ""}, [["t.a", "t.p"]]),  # importing t.p.b runs t.p
        ({"a": "import t.b", "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import t.a"}, []),
        ({"a": "import t.b\nimport t.c", "b": "import t.c", "c": ""}, []),
    ],
)
def test_a_cycle_is_found_wherever_it_hides(sources: dict[str, str], together: list[list[str]]) -> None:
    files = {f"t.{name}" for name in sources}
    needs = {f"t.{name}": needs_of(f"t.{name}", ast.parse(s), PACKAGE / "x.py", files) for name, s in sources.items()}
    assert cycles(needs) == together


CLI = "titans_cli.cli"


def test_what_renders_knows_no_command_and_no_option() -> None:
    """It takes records, and may know how things look and where they go."""
    known = {"appearance", "render", "terminal"}
    of_cli = [i for i in imports("cli/render") if i.target.startswith(f"{CLI}.")]
    assert of_cli
    assert not [str(i) for i in of_cli if i.target.split(".")[2] not in known]


def test_a_command_knows_neither_the_tree_it_is_in_nor_how_an_error_ends() -> None:
    foreign = tuple(f"{CLI}.{name}" for name in ("app", "exit_codes", "main"))
    assert not [str(i) for i in imports("cli/commands") if i.target.startswith(foreign)]


def test_only_the_tree_knows_the_commands() -> None:
    knowing = [i for i in imports("cli") if i.target.startswith(f"{CLI}.commands") and i.path.parent.name == "cli"]
    assert {i.path.name for i in knowing} == {"app.py"}


def test_nothing_that_a_command_or_a_session_loads_comes_to_the_paper() -> None:
    needs, reached = graph(), set[str]()
    left = ["titans_cli.cli.main", "titans_cli.api", "titans_cli.server.serve", "titans_cli.sessions.engines"]
    while left:
        if (name := left.pop()) not in reached:
            reached.add(name)
            left += needs[name]
    assert "titans_cli.memory.memory" in reached
    assert not [name for name in reached if name.startswith("titans_cli.paper")]


# ---------------------------------------------------------------- names


# Not what a thing is: pronouns, verbs, adverbs. The glossary of CONTRIBUTING.md has the nouns.
NO_NOUNS = set(
    "What How Who Which Where Whole Told Said Room Begun Found Heard Seen Asked Asking Judged Learned Prepared "
    "Retained Recalled Retrieved Resolved Catalogued Cleaned Parsed Printed Checked Repaired Discarded Erased "
    "Forgotten Filtered Streamed Written Encoded Uncommitted Shelved Ready Fetchable".split()
)


def classes() -> Iterator[tuple[str, Path]]:
    for path in sources():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef):
                yield node.name, path


def test_no_two_classes_share_a_name() -> None:
    """But for what is a file's own (`_Line`)."""
    places: dict[str, list[str]] = {}
    for name, path in classes():
        places.setdefault(name, []).append(str(path.relative_to(PACKAGE)))
    assert not {name: paths for name, paths in places.items() if len(paths) > 1 and not name.startswith("_")}


def test_a_class_is_named_by_a_noun_of_the_field() -> None:
    assert not {name for name, _ in classes() if name in NO_NOUNS}


NO_VARIABLES = {"found", "said", "told", "what"}


def names_given(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Variables and parameters. Not fields of a class: what is written to JSON keeps the name it has."""
    of_classes = {id(n) for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for b in c.body for n in fields_in(b)}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in of_classes:
            yield node.lineno, node.id


def fields_in(statement: ast.stmt) -> Iterator[ast.AST]:
    return ast.walk(statement) if isinstance(statement, ast.AnnAssign) else iter(())


def test_a_variable_is_named_by_what_it_holds() -> None:
    vague = [(p, line, name) for p in sources() for line, name in names_given(parse(p)) if name in NO_VARIABLES]
    assert not [f"{path.relative_to(PACKAGE)}:{line}: {name}" for path, line, name in vague]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("found = 1", ["found"]),
        ("def f(what, *told, **said): pass", ["what", "told", "said"]),
        ("for found in x:\n    if (said := found): pass", ["found", "said"]),
        ("class A:\n    said: str\n    def f(self):\n        told: str = self.said", ["self", "told"]),
        ("f(what=1).found", []),
    ],
)
def test_a_name_is_found_wherever_it_is_given(source: str, names: list[str]) -> None:
    assert sorted(name for _, name in names_given(ast.parse(source))) == sorted(names)


def functions() -> Iterator[tuple[str, Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sources():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, path, node


def test_a_helper_is_named_by_what_it_gives() -> None:
    """Neither `_told` nor `_said`: five files had the one and three the other, each for something else."""
    assert not [
        f"{p.name}: {name}" for name, p, _ in functions() if name.removeprefix("_") in NO_VARIABLES and name[0] == "_"
    ]


def body_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Its statements without its docstring, however they are set; nothing of one that has a single one."""
    documented = ast.get_docstring(function) is not None
    statements = function.body[documented:]
    return "\n".join(map(ast.dump, statements)) if len(statements) > 1 else ""


def test_no_function_is_pasted_into_another_file() -> None:
    places: dict[str, set[str]] = {}
    for name, path, node in functions():
        if body := body_of(node):
            places.setdefault(body, set()).add(f"{path.relative_to(PACKAGE)}:{name}")
    assert len(places) > 1000
    assert not [sorted(names) for names in places.values() if len({n.partition(":")[0] for n in names}) > 1]


# ---------------------------------------------------------------- signatures


MOST_PARAMETERS = 8  # beside self and cls


def signatures() -> dict[str, int]:
    """Of every function, how much it takes; a command of Typer takes what the command line has."""
    root, counts = PACKAGE.parent, dict[str, int]()
    for path in [*sources(), *sorted((root / "benchmarks").rglob("*.py"))]:
        if path.is_relative_to(PACKAGE / "cli" / "commands"):
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                args = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                name = f"{path.relative_to(root)}:{node.name}"
                counts[name] = max(counts.get(name, 0), len(set(args) - {"self", "cls"}))
    return counts


def names_in_problems(tree: ast.Module, functions: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Where the text of an error that is raised has the name of a function with an underscore: a renaming may have
    reached into it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            for part in ast.walk(node.exc):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    for name in functions.intersection(re.findall(r"\w+_\w+", part.value)):
                        yield part.lineno, name


def test_no_error_speaks_of_a_function() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources()}
    functions = frozenset(
        node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    )
    offenders = [
        f"{path.name}:{line} {name}" for path, t in trees.items() for line, name in names_in_problems(t, functions)
    ]
    assert not offenders


def test_a_function_in_an_error_is_found() -> None:
    tree = ast.parse('raise damaged_file(path, f"its database is damaged_file ({error})")')
    assert list(names_in_problems(tree, frozenset({"damaged_file"}))) == [(1, "damaged_file")]


def test_nothing_takes_more_than_eight_parameters() -> None:
    """What belongs together is a value: a request, or options."""
    assert not {name: n for name, n in signatures().items() if n > MOST_PARAMETERS}


# ---------------------------------------------------------------- tests


TESTS = Path(__file__).parent


OF_NAMED_TUPLES = {"_replace", "_make", "_asdict", "_fields"}  # public, as their documentation says


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in OF_NAMED_TUPLES


@cache
def private_names() -> frozenset[str]:
    """What the files of the package keep for themselves: functions, classes, constants, attributes."""
    names = set[str]()
    for path in sources():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.attr if isinstance(node, ast.Attribute) else node.id)
    return frozenset(name for name in names if is_private(name))


def private_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Where a test imports, reads or replaces what is private here; what it keeps in its own objects is its own."""
    for node in ast.walk(tree):
        names = list[str]()
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("titans_cli"):
            names = [alias.name for alias in node.names if is_private(alias.name)]
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            names = [node.attr]
        elif isinstance(node, ast.Constant) and str(node.value).startswith("titans_cli."):  # the path to a name
            names = str(node.value).split(".")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("attr"):  # setattr and its like
            names = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
        for name in names:
            if isinstance(node, ast.ImportFrom) or name in private_names():
                yield getattr(node, "lineno", 0), name


def asserts_behind_an_if(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Assertions of tests that hold because nobody asked; a helper may have some."""
    for test in ast.walk(tree):
        if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and test.name.startswith("test_"):
            branches = [node for node in ast.walk(test) if isinstance(node, ast.If | ast.Match)]
            for node in (inner for branch in branches for inner in ast.walk(branch)):
                if isinstance(node, ast.Assert) or (
                    isinstance(node, ast.withitem) and ast.unparse(node.context_expr).startswith("pytest.raises")
                ):
                    yield getattr(node, "lineno", test.lineno), test.name


def in_tests(finder: Callable[[ast.Module], Iterator[tuple[int, str]]]) -> list[str]:
    paths = sorted(TESTS.rglob("*.py"))
    return [f"{p.relative_to(TESTS)}:{line}: {name}" for p in paths for line, name in finder(parse(p))]


def test_no_test_knows_what_is_private() -> None:
    """It goes by what anybody can call and see; so what is inside may change."""
    assert len(private_names()) > 100
    assert not in_tests(private_in)


def test_only_tests_of_its_programs_import_a_benchmark() -> None:
    """They stand beside the packages' folders; a package's own tests need none of its measures."""
    importing = [
        str(path.relative_to(TESTS))
        for path in sorted(TESTS.rglob("*.py"))
        if re.search(r"^\s*(?:from|import) benchmarks\b", path.read_text(encoding="utf-8"), re.M)
    ]
    assert importing
    assert not [name for name in importing if "/" in name]


def test_no_test_asserts_behind_an_if() -> None:
    """What is not reached is not tested, and nobody is told."""
    assert not in_tests(asserts_behind_an_if)


@pytest.mark.parametrize(
    ("source", "private", "behind"),
    [
        ("from titans_cli.cli.lazy_tree import _group", 1, 0),
        ("from titans_cli.cli import lazy_tree\nlazy_tree._group", 1, 0),
        ("patch('titans_cli.cli.lazy_tree._group', None)\nsetattr(lazy_tree, '_command', None)", 2, 0),
        ("class A:\n    def f(self):\n        return self._group", 0, 0),
        ("x._replace(a=1)\nos._exit(1)", 0, 0),
        ("def test_a():\n    if x:\n        for y in x:\n            assert y", 0, 1),
        ("def test_a():\n    def then():\n        if x:\n            pass\n        else:\n            assert y", 0, 1),
        ("def test_a():\n    if x:\n        with pytest.raises(E):\n            y()", 0, 1),
        ("def test_a():\n    assert (a if x else b)\n\ndef helper():\n    if x:\n        assert y", 0, 0),
    ],
)
def test_a_test_that_knows_too_much_or_asks_nothing_is_found(source: str, private: int, behind: int) -> None:
    tree = ast.parse(source)
    assert (len(list(private_in(tree))), len(list(asserts_behind_an_if(tree)))) == (private, behind)


# ---------------------------------------------------------------- what files may do


def test_memory_does_no_input_or_output() -> None:
    """No files, no logging, no printing, no transformers: pure torch."""
    foreign = [str(i) for i in imports("memory") if i.target.split(".")[0] in NOT_IN_MEMORY]
    called = [
        f"{path.name}:{node.lineno} calls {node.func.id}"
        for path in sources("memory")
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print", "input"}
    ]
    assert not foreign + called


def test_every_file_says_what_it_is_for() -> None:
    files = {str(path.relative_to(PACKAGE)): parse(path) for path in sources()}
    assert not [name for name, tree in files.items() if tree.body and len(ast.get_docstring(tree) or "") < 25]


def test_no_module_is_too_long_to_read_in_one_sitting() -> None:
    lengths = {str(p.relative_to(PACKAGE)): len(p.read_text(encoding="utf-8").splitlines()) for p in sources()}
    assert not {name: n for name, n in lengths.items() if n > LONGEST}


def test_nothing_can_run_code_from_a_file() -> None:
    """No pickle, under any name, and neither torch.load nor torch.save, which are pickle inside."""
    pickles = [
        str(i) for i in imports() if {"pickle", "cPickle", "dill", "joblib", "shelve"} & set(i.target.split("."))
    ]
    from_torch = [str(i) for i in imports() if i.target in {"torch.load", "torch.save"}]
    called = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} uses {ast.unparse(node)}"
        for path in sources()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"torch.load", "torch.save"}
    ]
    assert not pickles + from_torch + called


LIGHT = ["titans_cli", "titans_cli.errors", "titans_cli.places", "titans_cli.records", "titans_cli.sentences"]
LIGHT += [
    "titans_cli.progress",
    "titans_cli.settings",
    "titans_cli.steps",
    "titans_cli.readers",
    "titans_cli.store",
    "titans_cli.cli.main",
]
HEAVY = {"torch", "transformers", "tokenizers", "safetensors.torch", "numpy"}


def test_what_needs_no_model_never_loads_torch() -> None:
    """Importing each of the light modules in turn, in a fresh interpreter, leaves the heavy ones out of sys.modules."""
    script = f"""
import importlib, sys
for name in {LIGHT!r}:
    importlib.import_module(name)
    loaded = sorted({HEAVY!r} & set(sys.modules))
    assert not loaded, f"importing {{name}} loads {{loaded}}"
"""
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=PACKAGE.parent, check=False
    )
    assert run.returncode == 0, run.stderr


if __name__ == "__main__":
    DESIGN.write_text(LAYERS.sub(lambda _: layers(), DESIGN.read_text(encoding="utf-8")), encoding="utf-8")
