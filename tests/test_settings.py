"""Settings: flag, variable, file, default, in this order; and what makes no sense is named with where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import titans_cli
from titans_cli import settings
from titans_cli.errors import UsageError
from titans_cli.model.engine import PRECISIONS
from titans_cli.settings import ENVIRONMENT_ONLY, SETTINGS
from titans_cli.store import Home


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def environment(file: Path, **variables: str) -> dict[str, str]:
    return {"TITANS_CONFIG": str(file), **variables}


def test_a_variable_beats_the_file_which_beats_the_default(file: Path) -> None:
    file.write_text('# mine\nsentences = 5\nroute = "fast"\n', encoding="utf-8")
    found = settings.load(environment(file, TITANS_SENTENCES="7"))
    told = {
        name: (found[name].value, found[name].origin, found[name].where) for name in ("sentences", "route", "top_k")
    }
    assert told == {
        "sentences": (7, "environment", "TITANS_SENTENCES"),
        "route": ("fast", "file", str(file)),
        "top_k": (16, "default", ""),
    }
    assert settings.value("sentences", environment(file, TITANS_SENTENCES="7")) == 7
    assert settings.value("sentences", environment(file)) == 5
    assert settings.value("top_k", environment(file)) == 16


def test_an_empty_variable_is_none(file: Path) -> None:
    file.write_text("sentences = 5\n", encoding="utf-8")
    assert settings.value("sentences", environment(file, TITANS_SENTENCES="")) == 5


def test_the_home_may_stand_in_the_file(file: Path, tmp_path: Path) -> None:
    file.write_text(f'home = "{tmp_path}/there"\n', encoding="utf-8")
    assert Home.locate(environment(file)).root == tmp_path / "there"
    assert Home.locate(environment(file, TITANS_HOME=str(tmp_path / "here"))).root == tmp_path / "here"


def test_without_a_file_of_ones_own_the_platforms_is_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings.config_file({}).name == "config.toml"
    assert settings.config_file({}).parent.name == "titans"
    assert settings.read_file({}) == {} or settings.config_file({}).exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n\nsesion = 'x'\n", ["line 3", "'sesion'", "Did you mean session?"]),
        ("[ask]\nsentences = 3\n", ["line 1", "'ask'"]),
        ("sentences = 'many'\n", ["line 1", "sentences", "whole number from 1 to 20"]),
        ("sentences = 21\n", ["line 1", "from 1 to 20"]),
        ("sentences = true\n", ["line 1", "whole number"]),
        ("sentences = 3.5\n", ["line 1", "whole number"]),
        ("# c\nroute = 'slow'\n", ["line 2", "auto, fast or deliberate"]),
        ("retry_lock = 'soon'\n", ["retry_lock", "30s"]),
        ("plain = 'perhaps'\n", ["plain", "true or false"]),
        ("session = 3\n", ["session", "a text"]),
        ("session = ''\n", ["session", "a text"]),
        ("threads = 0\n", ["threads", "from 1 to 1024"]),
        ("route = \n", ["not TOML", "line 1"]),
    ],
)
def test_what_makes_no_sense_is_named_with_file_line_and_key(file: Path, text: str, words: list[str]) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        settings.load(environment(file))
    message = str(raised.value)
    assert message.startswith(str(file))
    assert all(word in message for word in words), message
    assert raised.value.hint


def test_a_wrong_variable_is_named(file: Path) -> None:
    file.write_bytes(b"")
    with pytest.raises(UsageError, match=r"TITANS_THREADS: is 'many'.* unset TITANS_THREADS"):
        settings.load(environment(file, TITANS_THREADS="many"))


def test_a_named_file_has_to_be_there_and_readable(file: Path) -> None:
    with pytest.raises(UsageError, match="not there"):
        settings.load(environment(file))
    file.write_bytes(b"session = '\xff'\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        settings.load(environment(file))
    with pytest.raises(UsageError, match="cannot be read"):
        settings.load(environment(file.parent))


@pytest.mark.parametrize(("raw", "value"), [("true", True), ("1", True), ("Off", False), (True, True)])
def test_yes_and_no_are_read_as_people_write_them(raw: object, value: bool) -> None:
    assert SETTINGS["plain"].parse(raw) is value


def test_a_time_may_be_a_number_of_seconds() -> None:
    assert settings.seconds(str(SETTINGS["retry_lock"].parse(30))) == 30
    assert settings.seconds(str(SETTINGS["retry_lock"].parse("5m"))) == 300


def test_every_default_is_a_value_of_its_setting() -> None:
    for setting in SETTINGS.values():
        assert setting.default is None or setting.parse(setting.default) == setting.default
        assert setting.help.endswith(".")


def test_the_precisions_are_the_models() -> None:
    assert {*SETTINGS["precision"].kind.split("|")} == {*PRECISIONS, "auto"}


def test_a_variable_that_only_looks_like_ours_is_found() -> None:
    assert settings.strangers({"TITANS_SESION": "x", "TITANS_SESSION": "y", "PATH": "z"}) == ["TITANS_SESION"]


def test_every_variable_that_the_code_or_the_docs_name_is_declared() -> None:
    known = {s.variable for s in SETTINGS.values()} | ENVIRONMENT_ONLY
    package = Path(titans_cli.__file__).parent
    named = [*package.rglob("*.py"), package.parent / "README.md", *(package.parent / "docs").glob("*.md")]
    for path in named:
        for match in re.finditer(r"\bTITANS_[A-Z][A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")):
            assert match.group(0) in known, f"{path.name}: {match.group(0)} is in no setting"


def test_a_file_that_is_nested_too_deeply_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"route = {'[' * 5000}{']' * 5000}\n")
    with pytest.raises(UsageError, match="nested too deeply") as failed:
        settings.load({"TITANS_CONFIG": str(file)})
    assert failed.value.subject == str(file)
