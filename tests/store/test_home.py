"""Names, look-up and the current session."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.samples import new_session
from titans_cli.errors import NotFoundError, UsageError
from titans_cli.store import Home, SessionStore, validate_name
from titans_cli.store.manifest import write_session
from titans_cli.store.names import folder_of, name_of


def test_the_variable_names_the_home(tmp_path: Path) -> None:
    assert Home.locate({"TITANS_HOME": str(tmp_path)}).root == tmp_path
    assert "titans" in str(Home.locate({}).root)


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "x" * 64, "_", "9"])
def test_names_that_folders_can_have_are_taken(name: str) -> None:
    assert validate_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "-a", "a/b", "a ", "\u0301", "x" * 65, "a\n", "a\0", "../x"])
def test_names_that_could_do_harm_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        validate_name(name)


@given(st.text(max_size=70))
def test_an_accepted_name_is_one_path_component(name: str) -> None:
    try:
        validate_name(name)
    except UsageError:
        return
    assert Path(name).parts == (name,)
    assert folder_of(name).isascii()
    assert name_of(folder_of(validate_name(name))) == validate_name(name)


def test_an_unnamed_session_is_called_after_its_day(tmp_path: Path) -> None:
    home = Home(tmp_path)
    day = date(2026, 11, 2)
    names = []
    for _ in range(3):
        names.append(home.generate_name(day))
        new_session(tmp_path, names[-1])
    assert names == ["nov02", "nov02-2", "nov02-3"]
    unnamed = new_session(tmp_path, None).info.name
    assert unnamed in home.session_names()


def test_a_session_is_found_by_name_ulid_and_prefix(tmp_path: Path) -> None:
    home = Home(tmp_path)
    one = new_session(tmp_path, "one").info
    assert home.find_session("one") == "one"
    assert home.find_session(one.id) == "one"
    assert home.find_session(one.id[:6].lower()) == "one"
    assert SessionStore.open(home, one.id).info == one
    with pytest.raises(NotFoundError):
        home.find_session(one.id[:3])


def test_nothing_is_named_like_an_id_or_by_what_finds_another(tmp_path: Path) -> None:
    one, home = new_session(tmp_path, "one").info, Home(tmp_path)
    for name in (one.id, one.id.lower(), "0" * 26, one.id[:4], one.id[:12].lower()):
        with pytest.raises(UsageError, match=r"id, and so cannot be|begins the id of one"):
            new_session(tmp_path, name)
    for name in (one.id, one.id.lower(), one.id[:4], one.id[:12].lower()):
        assert home.find_session(name) == "one"


def test_an_older_name_like_an_id_finds_nobody_elses_session(tmp_path: Path) -> None:
    one, other, home = new_session(tmp_path, "one").info, new_session(tmp_path, "two").info, Home(tmp_path)
    (tmp_path / "sessions" / "two").rename(tmp_path / "sessions" / one.id)
    assert home.find_session(one.id) == "one"
    assert home.find_session(other.id) == one.id
    (tmp_path / "sessions" / one.id).rename(tmp_path / "sessions" / one.id[:5])
    with pytest.raises(UsageError, match="is the name of one and begins the ULID"):
        home.find_session(one.id[:5])


def test_a_name_that_begins_its_own_id_is_found(tmp_path: Path) -> None:
    one, home = new_session(tmp_path, "one").info, Home(tmp_path)
    (tmp_path / "sessions" / "one").rename(tmp_path / "sessions" / one.id[:5])
    assert home.find_session(one.id[:5]) == one.id[:5]


def test_a_prefix_of_several_is_refused_with_their_names(tmp_path: Path) -> None:
    one = new_session(tmp_path, "one").info
    two = new_session(tmp_path, "two").info
    write_session(tmp_path / "sessions" / "two", replace(two, id=one.id[:20] + "ZZZZZZ"))
    with pytest.raises(UsageError, match="one, two"):
        Home(tmp_path).find_session(one.id[:4])


def test_what_is_not_there_is_answered_with_close_names(tmp_path: Path) -> None:
    new_session(tmp_path, "papers")
    with pytest.raises(NotFoundError, match=r"Did you mean papers\? See: workspace.sessions\(\)") as caught:
        Home(tmp_path).find_session("paper")
    assert caught.value.exit_code == 10
    for selector in ("../papers", "", "\0", ".new-x"):
        with pytest.raises(NotFoundError):
            Home(tmp_path).find_session(selector)


def test_the_current_session_is_remembered_until_it_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(NotFoundError, match="no current session"):
        home.find_session(None)
    store = new_session(tmp_path, "papers")
    home.set_current("papers")
    assert home.current() == home.find_session(None) == "papers"
    home.clear_current(only="another")
    assert home.current() == "papers"
    store.discard()
    assert home.current() is None
    assert not (tmp_path / "current").exists()


def test_a_torn_pointer_is_no_current_session(tmp_path: Path) -> None:
    new_session(tmp_path, "papers")
    for raw in (b"", b"\xff\xfe", b"../papers", b"papers\0", b"x" * 5000):
        (tmp_path / "current").write_bytes(raw)
        assert Home(tmp_path).current() is None


def test_a_home_that_does_not_exist_is_empty_and_stays_so(tmp_path: Path) -> None:
    home = Home(tmp_path / "none")
    assert SessionStore.list(home).sessions == ()
    assert home.entry_names() == []
    assert not (tmp_path / "none").exists()
