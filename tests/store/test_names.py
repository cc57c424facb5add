"""Names of sessions as people write them: accents, spaces, any case; and folders that are safe anywhere."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from titans_cli.errors import NotFoundError, UsageError
from titans_cli.store import Home, SessionStore, discard, export_session, fork_session, import_session
from titans_cli.store.names import folder_of, is_name, name_of

NAMES = ["Größe 2", "café", "Ada's papers", "文献", "Αθήνα (2024)", "a+b, c & d", "résumé_final.v2"]


def make(home: Home, name: str) -> SessionStore:
    return SessionStore.create(home, name, fingerprint="0" * 64, model="tiny", memory={}, threads=1)


@pytest.mark.parametrize("name", [*NAMES, "papers", "nov27", "_x", "a" * 64])
def test_a_name_can_be_read_off_its_folder_and_the_folder_is_safe_anywhere(name: str) -> None:
    folder = folder_of(name)
    assert name_of(folder) == name
    assert folder.isascii()
    assert not set(folder) & set("/\\:*?\"<>| ~'&")
    assert not folder.startswith(".")


BAD = ["", " ", " a", "a ", ".a", "-a", "a/b", "a\\b", "a\nb", "a\0b", "a:b", "a*", "a%20b", "..", "a\u202eb", "a" * 65]
BAD += ["文" * 40, unicodedata.normalize("NFD", "café"), "\u0301a", "'a", "a\u200bb", "a\u00a0b", "(a)"]


@pytest.mark.parametrize("name", BAD)
def test_what_would_mislead_or_be_unsafe_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    "folder", ["caf%E9", "a%2Fb", "%2e%2e", "a%20b%20", "a b", "caf%C3%A9%", "a%62", ".new-X", "a~"]
)
def test_a_folder_that_no_name_makes_bears_none(folder: str) -> None:
    assert name_of(folder) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_session_is_shown_as_typed_and_found_in_any_case_and_form(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path)
    made = make(home, unicodedata.normalize("NFD", name))
    assert made.info.name == name
    assert home.session_names() == [name]
    for typed in (name, name.upper(), name.lower(), unicodedata.normalize("NFD", name)):
        assert SessionStore.open(home, typed).info == made.info
    assert SessionStore.open(home, made.info.id[:10]).info.name == name
    home.set_current(unicodedata.normalize("NFD", name))
    assert home.current() == name
    discard(home, name)
    assert (home.session_names(), home.current()) == ([], None)


def test_two_sessions_do_not_differ_in_case_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    make(home, "Café")
    with pytest.raises(UsageError, match="Café: a session of this name exists"):
        make(home, "café")
    with pytest.raises(UsageError, match="exists"):
        home.require_free("CAFE\u0301")


def test_sessions_of_before_that_differ_in_case_open_as_before(tmp_path: Path) -> None:
    """Whoever has both is asked for the exact one, and gets it."""
    home = Home(tmp_path)
    make(home, "Papers")
    make(home, "other").folder.rename(home.sessions_dir / "papers")
    assert [SessionStore.open(home, name).info.name for name in ("Papers", "papers")] == ["Papers", "papers"]
    with pytest.raises(NotFoundError):
        SessionStore.open(home, "PAPERS")


def test_names_like_ids_are_refused_still(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made = make(home, "first")
    for name in (
        made.info.id,
        made.info.id.lower(),
        "01M8EBAM9YX45T1RJ9XAFE36AB",
        made.info.id[:8],
        made.info.id[:8].lower(),
    ):
        with pytest.raises(UsageError, match="cannot be the name"):
            make(home, name)


def test_forks_and_exports_bear_such_names_too(tmp_path: Path) -> None:
    home, other = Home(tmp_path / "home"), Home(tmp_path / "other")
    made = make(home, "Größe 2")
    assert fork_session(made, "größer 3").info.name == "größer 3"
    export_session(made, tmp_path / "file.titans")
    assert import_session(other, tmp_path / "file.titans", None).info.name == "Größe 2"
    assert [p.name for p in other.sessions_dir.iterdir()] == ["Gr%C3%B6%C3%9Fe%202"]
