"""titans config, and that what it sets has its effect."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Titans
from titans_cli.settings import SETTINGS

QUESTION = "What does the kernel hold?"


@pytest.fixture
def file(titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n", encoding="utf-8")
    monkeypatch.setenv("TITANS_CONFIG", str(path))
    return path


def origins(titans: Titans) -> dict[str, tuple[object, str]]:
    return {s["name"]: (s["value"], s["origin"]) for s in titans("config", "show", "--json").document["settings"]}


def test_show_says_where_each_value_comes_from(titans: Titans, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('route = "fast"\nsentences = 5\n', encoding="utf-8")
    monkeypatch.setenv("TITANS_SENTENCES", "7")
    settings = origins(titans)
    assert set(settings) == set(SETTINGS)
    assert (settings["route"], settings["sentences"], settings["top_k"]) == (
        ("fast", "file"),
        (7, "environment"),
        (16, "default"),
    )
    text = titans("config", "show").out
    assert str(file) in text
    assert "TITANS_SENTENCES" in text
    assert "sentences=7\nroute=fast\n" in titans("config", "show", "-q").out


def test_set_and_unset_change_one_line_and_nothing_else(titans: Titans, file: Path) -> None:
    assert titans("config", "set", "sentences", "5").code == 0
    assert titans("config", "set", "session", 'a "b" \\ ü').code == 0
    assert file.read_text(encoding="utf-8") == '# mine\nsentences = 5\nsession = "a \\"b\\" \\\\ ü"\n'
    assert origins(titans)["session"] == ('a "b" \\ ü', "file")
    assert titans("config", "set", "sentences", "6").code == 0
    assert titans("config", "unset", "session").code == 0
    assert file.read_text(encoding="utf-8") == "# mine\nsentences = 6\n"
    assert titans("config", "unset", "session").code == 0


def test_the_file_is_made_when_there_is_none(titans: Titans, file: Path) -> None:
    file.unlink()
    assert titans("config", "path").out == f"{file}\n"
    assert titans("config", "path", "--json").document == {
        "schema": "titans.config-path/1",
        "file": str(file),
        "exists": False,
    }
    assert titans("config", "set", "plain", "yes", "-q").code == 0
    assert file.read_text(encoding="utf-8") == "plain = true\n"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "argv", [["set", "sesion", "x"], ["set", "sentences", "many"], ["set", "route", "slow"]], ids=" ".join
)
def test_what_makes_no_sense_is_not_set(titans: Titans, file: Path, argv: list[str]) -> None:
    done = titans("config", *argv)
    assert (done.code, done.out, file.read_text(encoding="utf-8")) == (2, "", "# mine\n")
    assert "sentences" in done.err or "titans config show" in done.err


def test_a_file_that_cannot_be_changed_line_by_line_is_left_alone(titans: Titans, file: Path) -> None:
    for text in ('model = """\nsentences = 3\n"""\n', "sentences = \n"):
        file.write_text(text, encoding="utf-8")
        done = titans("config", "set", "sentences", "5")
        assert done.code == 2
        assert str(file) in done.err
        assert file.read_text(encoding="utf-8") == text


def test_what_is_no_file_is_never_replaced(titans: Titans, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)
    done = titans("config", "set", "route", "fast")
    assert done.code == 2
    assert file.is_fifo()
    assert titans("session", "list").code == 2  # and nobody waits for a writer to the pipe


def test_a_broken_file_stops_every_command_but_those_that_help_to_mend_it(titans: Titans, file: Path) -> None:
    file.write_text("sesion = 'x'\n", encoding="utf-8")
    for argv in (["session", "list"], ["ask", QUESTION], ["config", "show"], ["ltm", "list", "--json"]):
        done = titans(*argv)
        assert done.code == 2
        assert f"{file}, line 1: there is no setting 'sesion'" in done.err
    for argv in (["--help"], ["ask", "--help"], ["help", "ask"], ["config", "path"], ["--version"]):
        assert titans(*argv).code == 0
    assert titans("config", "unset", "sesion").code == 0
    assert titans("session", "list").code == 0


@pytest.mark.usefixtures("papers")
def test_flag_beats_variable_beats_file(titans: Titans, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        titans("session", "new", name, "--no-use")
    assert titans("session", "show", "-q").out == "papers\n"
    file.write_text('session = "one"\n', encoding="utf-8")
    assert titans("session", "show", "-q").out == "one\n"
    monkeypatch.setenv("TITANS_SESSION", "two")
    assert titans("session", "show", "-q").out == "two\n"
    assert titans("session", "show", "-q", "-s", "three").out == "three\n"


@pytest.mark.usefixtures("papers")
def test_an_options_default_comes_from_the_file(titans: Titans, file: Path) -> None:
    wordy = titans("ask", QUESTION, "-q", "--sentences", "6").out
    assert titans("ask", QUESTION, "-q", "--sentences", "1").out != wordy
    file.write_text("sentences = 6\n", encoding="utf-8")
    assert titans("ask", QUESTION, "-q").out == wordy
    assert "default: 6" in " ".join(titans("ask", "--help").out.split())


def test_precision_and_threads_of_new_sessions_come_from_the_file(
    titans: Titans, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TITANS_THREADS")
    file.write_text('precision = "bf16"\nthreads = 3\n', encoding="utf-8")
    info = titans("session", "new", "--json").document
    assert (info["memory"]["precision"], info["threads"]) == ("bf16", 3)


def test_offline_reaches_the_libraries(titans: Titans, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    titans("session", "list")
    assert os.environ["HF_HUB_OFFLINE"] == ""
    titans("session", "list", "--offline")
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    file.write_text("offline = true\n", encoding="utf-8")
    titans("session", "list")
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_offline_forbids_what_allow_network_allows(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    done = titans("ingest", "http://127.0.0.1:9/paper.pdf", "--allow-network", "--offline")
    assert done.code == 2
    assert "--offline" in done.err
    assert "--allow-network" in done.err


def test_verbose_says_which_settings_apply_and_what_an_error_came_from(titans: Titans, file: Path) -> None:
    file.write_text('route = "fast"\n', encoding="utf-8")
    for argv in (["-v", "session", "list"], ["session", "list", "-v"], ["session", "list", "--json", "--verbose"]):
        done = titans(*argv)
        assert done.code == 0
        assert f"setting route = fast ({file})\ntook " in done.err
    assert titans("session", "list", "--json").err == ""
    done = titans("ingest", ".", "--model", "/no/such/model", "-v")
    assert "because of FileNotFoundError" in done.err
