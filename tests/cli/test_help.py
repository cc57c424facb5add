"""Help: short and grouped for people, whole for programs, and true of whatever commands exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import titans_cli
from tests.cli.conftest import Titans
from tests.sessions.samples import child_environment
from titans_cli import errors
from titans_cli.cli import reference, tree
from titans_cli.cli.app import command_tree
from titans_cli.cli.exit_codes import EXIT_CODES
from titans_cli.errors import TitansError
from titans_cli.settings import SETTINGS

ROOT = tree.describe(command_tree())
COMMANDS = {d.path: d for d in ROOT.walk() if not d.commands}
FOLDER = Path(titans_cli.__file__).parent.parent


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_an_example_that_it_would_take(path: str) -> None:
    """The words of each example that follow the command's name are options and arguments that it has."""
    described = COMMANDS[path]
    assert described.examples
    own = [e for e in described.examples if re.search(rf"(^|[ (]){path}( |$|\))", e)]
    assert own, described.examples
    flags = {f for p in (*described.options, *ROOT.options) for f in p.flags} | {"--help", "-h"}
    for example in own:
        (given,) = re.findall(rf"(?:^|[ (]){path}((?: [^|&;)]*)?)", example)[:1]
        options = {word for word in re.sub(r"'[^']*'", "X", given).split() if word.startswith("-") and word != "-"}
        assert options <= flags, f"{example}: {path} has no {', '.join(options - flags)}"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_takes_the_options_of_every_command(path: str) -> None:
    own = {flag for p in COMMANDS[path].options for flag in p.flags}
    assert {"--json", "--quiet"} <= own
    command: Any = command_tree()
    for name in path.split()[1:]:
        command = command.commands[name]
    taken = [flag for p in command.params for flag in p.opts]
    assert {"--color", "--plain", "--verbose", "-v", "--offline"} <= set(taken)
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_parameter_says_what_it_is(path: str) -> None:
    described = COMMANDS[path]
    assert described.summary.endswith(".")
    for parameter in (*described.arguments, *described.options):
        assert parameter.help, f"{path} {parameter.name}"
        assert parameter.help.rstrip(".)").strip()


def test_the_help_is_grouped_short_and_whole(titans: Titans) -> None:
    text = titans("--help").out
    assert len(text.splitlines()) < 60
    assert "..." not in text.replace("[ARGS]...", "")
    for heading in ("Read and ask:", "Look and keep:", "Set up:"):
        assert heading in text
    for command in ROOT.commands:
        assert re.search(rf"^  {command.path.split()[-1]} ", text, re.MULTILINE)


def test_a_command_nobody_grouped_is_shown_all_the_same() -> None:
    groups = tree.grouped(["ask", "brand-new"])
    assert sorted(name for names in groups.values() for name in names) == ["ask", "brand-new"]


def test_help_of_a_command_is_what_the_command_says(titans: Titans) -> None:
    for words in ([], ["ask"], ["session"], ["session", "promote"]):
        assert titans("help", *words).out == titans(*words, "--help").out


def test_help_of_no_command_is_2(titans: Titans) -> None:
    for words in (["bogus"], ["session", "bogus"], ["ask", "bogus"]):
        done = titans("help", *words, "--json")
        assert (done.code, done.document["schema"]) == (2, "titans.error/1")
        assert " ".join(words) in done.err


def test_a_command_that_is_missing_or_misspelt_is_told_which_there_are(titans: Titans) -> None:
    for argv in (["session"], ["session", "promte"], ["sumarize"]):
        done = titans(*argv)
        assert done.code == 2
        assert "There are: " in done.err
        assert ("promote" in done.err) is (argv[0] == "session")
        assert "?." not in done.err


def test_the_tree_as_json_has_every_command_option_setting_and_exit_code(titans: Titans) -> None:
    tree_ = titans("help", "--json").document

    def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
        return [node, *(below for child in node["commands"] for below in walk(child))]

    leaves = {node["path"]: node for node in walk(tree_) if not node["commands"]}
    assert set(leaves) == set(COMMANDS) == set(titans("help", "-q").out.splitlines())
    assert all(node["examples"] and node["summary"] and node["usage"] for node in leaves.values())
    route = next(o for o in leaves["titans ask"]["options"] if o["name"] == "route")
    assert (route["choices"], route["default"]) == (["auto", "fast", "deliberate"], "auto")
    assert (route["variable"], route["setting"], route["type"]) == ("TITANS_ROUTE", "route", "text")
    sentences = next(o for o in leaves["titans ask"]["options"] if o["name"] == "sentences")
    assert (sentences["type"], sentences["default"], sentences["multiple"]) == ("integer", 3, False)
    (paths,) = leaves["titans ingest"]["arguments"]
    assert (paths["multiple"], paths["metavar"]) == (True, "PATH...")
    assert {o["name"] for o in tree_["common_options"]} == {"color", "plain", "verbose", "offline"}
    assert {s["name"] for s in tree_["settings"]} == set(SETTINGS)
    assert {c["code"]: c["meaning"] for c in tree_["exit_codes"]} == EXIT_CODES


def test_a_part_of_the_tree_can_be_had_alone(titans: Titans) -> None:
    assert titans("help", "session", "promote", "--json").document["path"] == "titans session promote"


def test_every_setting_with_a_flag_is_the_default_of_an_option_of_that_name() -> None:
    offered = {p.setting for d in ROOT.walk() for p in (*d.options, *d.arguments)}
    assert offered - {None} == {s.name for s in SETTINGS.values() if s.flag}


def test_the_man_page_has_everything_and_no_request_in_its_text() -> None:
    lines = list(reference.man_page(ROOT))
    requests = {line.split()[0] for line in lines if line.startswith(".")}
    assert requests <= {".TH", ".SH", ".SS", ".PP", ".TP", ".EX", ".EE"}
    assert not [line for line in lines if line.startswith("'") or "\n" in line or not line]
    text = "\n".join(lines).replace("\\-", "-")
    for described in COMMANDS.values():
        assert f".SS {described.path} " in text
        assert all(f"\\fB{flag}\\fR" in text for p in described.options for flag in p.flags)
    assert all(f"\\fB{s.variable}\\fR" in text for s in SETTINGS.values())


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_is_shown_without_a_warning(titans: Titans) -> None:
    page = titans("help", "--man").out.encode()
    shown = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-c"], input=page, capture_output=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert "titans session promote" in re.sub(r"\x1b\[\d+m|.\x08", "", shown.stdout.decode())


# ---------------------------------------------------------------- exit codes


def subclasses(kind: type[TitansError]) -> set[type[TitansError]]:
    return {kind} | {below for child in kind.__subclasses__() for below in subclasses(child)}


def test_every_error_has_an_exit_code_of_the_table() -> None:
    assert {kind.exit_code for kind in subclasses(TitansError)} <= set(EXIT_CODES)
    tree_in_words = errors.__doc__ or ""
    for kind in subclasses(TitansError):
        assert kind.__name__ in tree_in_words


@pytest.mark.parametrize("document", ["docs/commands.md", "docs/scripting.md"])
def test_the_documents_have_every_exit_code(document: str) -> None:
    text = (FOLDER / document).read_text(encoding="utf-8")
    for code in EXIT_CODES:
        assert re.search(rf"^\| {code}\b", text, re.MULTILINE), f"{document} lacks {code}"


def test_the_page_of_commands_is_what_the_commands_say(titans: Titans) -> None:
    kept = (FOLDER / "docs" / "commands.md").read_text(encoding="utf-8")
    assert titans("help", "--markdown").out == kept, "run: titans help --markdown > docs/commands.md"


# ---------------------------------------------------------------- completion


def completed(line: str, **more: str) -> list[str]:
    """What bash is offered at the end of `line`."""
    words = line.split(" ")
    variables = {"_TITANS_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from titans_cli.cli.main import main; sys.argv[0] = 'titans'; main()"],
        capture_output=True,
        text=True,
        env=child_environment(**variables, **more),
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.usefixtures("papers")
def test_sessions_entries_documents_and_choices_are_completed(titans: Titans, documents: list[Path]) -> None:
    titans("session", "new", "other", "--no-use")
    assert titans("session", "fork", "kept", "--no-use").code == 0
    assert titans("session", "promote", "kept", "--as", "entry", "--yes", "--force").code == 0
    ulid = titans("session", "show", "--json").document["info"]["id"]
    assert completed("titans ask why -s pa") == ["papers"]
    assert completed("titans session show ") == ["papers", "other", "kept"]
    assert completed(f"titans session use {ulid[:25]}") == [ulid]
    assert completed("titans ltm show ") == ["entry"]
    assert completed("titans session new --from e") == ["entry"]
    assert completed(f"titans session forget {documents[0].parent}") == [str(path) for path in documents]
    assert completed("titans ask why --route d") == ["deliberate"]
    assert completed("titans config set r") == ["retry_lock", "route", "reasoner", "reader", "reader_passages"]
    assert completed("titans ses") == ["session"]


def test_what_cannot_be_looked_up_completes_to_nothing(titans: Titans, tmp_path: Path) -> None:
    assert completed("titans session show ") == []
    assert completed("titans session forget ") == []
    broken = tmp_path / "broken.toml"
    broken.write_text("sesion = 1\n", encoding="utf-8")
    assert completed("titans session show ", TITANS_CONFIG=str(broken), TITANS_HOME="") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_script_for_completion_can_be_had(titans: Titans, shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "titans_cli", "--show-completion"],
        capture_output=True,
        text=True,
        env=child_environment(_TITANS_COMPLETE=f"source_{shell}"),
        check=False,
    )
    assert "_TITANS_COMPLETE" in done.stdout
