"""What is found, in which order, and what is said about the rest."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
import warnings
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from tests.readers.makers import zipped
from titans_cli.errors import NoTextError, ReadError, UnsupportedFormatError, UsageError
from titans_cli.readers import discover, read
from titans_cli.records import Source
from titans_cli.steps import in_shell


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """papers/ with a bit of everything, in a current folder."""
    for name in (
        "papers/b.pdf",
        "papers/a.txt",
        "papers/B.md",
        "papers/sub/c.HTML",
        "papers/sub/deep/d.log",
        "papers/data.dat",
        "papers/README",
        "papers/.hidden.txt",
        "papers/.git/e.txt",
        "alone.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(*args: str, **kwargs: object) -> list[str]:
    found = discover(args, **kwargs)  # type: ignore[arg-type]
    assert not found.failures
    return [source.display for source in found.sources]


def test_folders_are_read_recursively_in_bytewise_order_without_hidden_and_unknown_files(tree: Path) -> None:
    assert shown("papers") == [
        "papers/B.md",
        "papers/a.txt",
        "papers/b.pdf",
        "papers/sub/c.HTML",
        "papers/sub/deep/d.log",
    ]


def test_a_source_has_an_absolute_identity_and_the_name_that_was_typed(tree: Path) -> None:
    assert discover(["alone.txt"]).sources == (Source(str(tree / "alone.txt"), "alone.txt"),)


def test_the_order_of_the_arguments_is_kept_and_a_file_is_read_once(tree: Path) -> None:
    (tree / "link.txt").symlink_to(tree / "alone.txt")
    assert shown("papers/sub", "alone.txt", "./alone.txt", "link.txt", "papers/sub/c.HTML") == [
        "papers/sub/c.HTML",
        "papers/sub/deep/d.log",
        "alone.txt",
    ]


def test_circles_of_symbolic_links_end(tree: Path) -> None:
    (tree / "papers/sub/back").symlink_to(tree / "papers", target_is_directory=True)
    (tree / "papers/self").symlink_to("self")
    assert len(shown("papers")) == 5


def test_include_narrows_folders_and_can_name_what_has_no_known_suffix(tree: Path) -> None:
    assert shown("papers", include=["*.dat", "sub/*.html", "sub/*.HTML"]) == ["papers/data.dat", "papers/sub/c.HTML"]


def test_exclude_leaves_out_files_and_whole_folders(tree: Path) -> None:
    assert shown("papers", exclude=["sub", "*.md"]) == ["papers/a.txt", "papers/b.pdf"]


def test_a_named_file_wins_over_include_but_not_over_exclude(tree: Path) -> None:
    assert shown("alone.txt", "papers", include=["*.pdf"]) == ["alone.txt", "papers/b.pdf"]
    assert shown("alone.txt", exclude=["alone*"]) == []


def test_a_list_of_files_may_be_separated_by_newlines_or_nuls(tree: Path) -> None:
    (tree / "lines").write_bytes(b"alone.txt\r\n\npapers/a.txt\n")
    (tree / "nuls").write_bytes(b"alone.txt\0papers/a.txt\0")
    assert shown(files_from="lines") == shown(files_from="nuls") == ["alone.txt", "papers/a.txt"]
    assert shown(files_from="lines", include=["papers/*"]) == ["papers/a.txt"]


def test_a_list_of_files_may_come_from_standard_input(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"alone.txt\n")))
    assert shown(files_from="-") == ["alone.txt"]


def test_a_dash_is_standard_input(tree: Path) -> None:
    assert discover(["-", "-"]).sources == (Source("-", "-"),)


def test_what_cannot_be_read_is_reported_beside_the_rest(tree: Path) -> None:
    (tree / "papers/gone.pdf").symlink_to("nowhere")
    found = discover(["missing.pdf", "papers/data.dat", "papers"])
    assert len(found.sources) == 5
    reasons = dict(found.failures)
    assert set(reasons) == {"missing.pdf", "papers/data.dat", "papers/gone.pdf"}
    assert isinstance(reasons["papers/data.dat"], UnsupportedFormatError)
    for display, error in reasons.items():
        assert isinstance(error, ReadError)
        assert error.subject == display
        assert error.hint
    assert "no such file" in str(reasons["missing.pdf"])
    assert "--include" in reasons["papers/data.dat"].said(in_shell)


def test_a_pipe_is_refused_with_the_way_to_read_it(tree: Path) -> None:
    os.mkfifo(tree / "pipe.txt")
    ((display, error),) = discover(["pipe.txt"]).failures
    assert display == "pipe.txt"
    assert "titans ingest -" in error.said(in_shell)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_folder_that_may_not_be_opened_is_reported(tree: Path) -> None:
    (tree / "papers/sub").chmod(0)
    found = discover(["papers"])
    (tree / "papers/sub").chmod(0o700)
    assert [display for display, _ in found.failures] == ["papers/sub"]
    assert len(found.sources) == 3


def test_a_name_that_is_no_unicode_is_reported_in_escapes(tree: Path) -> None:
    (tree / os.fsdecode(b"papers/\xff.txt")).write_text("x")
    ((display, error),) = discover(["papers"]).failures
    assert display == "papers/\\udcff.txt"
    assert "Rename" in str(error)


def test_a_nul_in_a_name_is_a_failure_not_a_crash(tree: Path) -> None:
    assert len(discover(["a\0b"]).failures) == 1


@pytest.mark.parametrize(
    ("paths", "files_from", "expected"),
    [((), None, "Name files or folders"), (("-",), "-", "--files-from"), ((), "no-such-list", "no-such-list")],
)
def test_usage_that_makes_no_sense_is_said_so(
    tree: Path, paths: tuple[str, ...], files_from: str | None, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected) as caught:
        discover(paths, files_from=files_from)
    assert caught.value.hint


def test_within_folders_means_that_no_link_and_no_dots_lead_out(tree: Path) -> None:
    (tree / "papers/out.txt").symlink_to(tree / "alone.txt")
    (tree / "papers/away").symlink_to(tree)
    (tree / "papers/inside.txt").symlink_to(tree / "papers/a.txt")
    found = discover(["papers"], within=[str(tree / "papers")])
    assert {Path(source.uri).name for source in found.sources} == {"a.txt", "b.pdf", "B.md", "c.HTML", "d.log"}
    assert sorted(display for display, _ in found.failures) == ["papers/away", "papers/out.txt"]
    for path in ("alone.txt", "papers/../alone.txt", "papers/out.txt", ".", "papers/away", "not-there", "-"):
        with pytest.raises(UsageError, match="outside the folders"):
            discover([path], within=["papers"])
    assert len(discover(["papers/sub"], within=["alone.txt", "papers"]).sources) == 2


def test_files_that_no_reader_knows_are_named(tree: Path) -> None:
    (tree / "papers/z.zip").write_bytes(zipped({"in.txt": "x", "in.xyz": "y", ".hidden": "z"}))
    found = discover(["papers"])
    assert found.left_out == ("papers/README", "papers/data.dat", "papers/z.zip/in.xyz")
    assert discover(["papers"], include=["*.dat"]).left_out == ()
    assert discover(["papers"], exclude=["*.dat", "z.zip"]).left_out == ("papers/README",)


def test_a_folder_or_archive_with_nothing_to_read_is_a_failure(tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "pictures").mkdir()
    (tree / "pictures/a.png").write_bytes(b"\x89PNG")
    (tree / "z.zip").write_bytes(zipped({"a.png": "x"}))
    found = discover(["empty", "pictures", "z.zip", "papers"])
    assert [display for display, _ in found.failures] == ["empty", "pictures", "z.zip"]
    assert all(isinstance(error, NoTextError) and error.hint for _, error in found.failures)
    assert len(found.sources) == 5
    assert "pictures/a.png" in found.left_out


def test_the_mark_of_a_document_that_somebody_has_open_is_passed_over(tree: Path) -> None:
    (tree / "papers/~$report.docx").write_bytes(b"\x05Ann")
    assert len(shown("papers")) == 5


def test_two_members_of_one_name_are_read_once_and_said(tree: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what it does here
        with zipfile.ZipFile("z.zip", "w") as archive:
            for words in ("first", "last"):
                archive.writestr("a.txt", words)
                archive.writestr("same.txt", "the same")
    found = discover(["z.zip"])
    assert [source.display for source in found.sources] == ["z.zip/a.txt", "z.zip/same.txt"]
    assert [display for display, _ in found.failures] == ["z.zip/a.txt"]
    assert read(found.sources[0]).pages[0].text == "last"


@pytest.mark.parametrize(("on_disk", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_name_typed_in_another_form_of_unicode_finds_its_file(
    tree: Path, on_disk: Literal["NFC", "NFD"], typed: Literal["NFC", "NFD"]
) -> None:
    folder = tree / unicodedata.normalize(on_disk, "Gesprä\u0308che é")
    folder.mkdir()
    (folder / unicodedata.normalize(on_disk, "café.txt")).write_text("Coffee.", encoding="utf-8")
    path = unicodedata.normalize(typed, "Gesprä\u0308che é/café.txt")
    (source,) = discover([path]).sources
    assert Path(source.uri).read_text(encoding="utf-8") == "Coffee."
    (globbed,) = discover([str(folder)], include=[unicodedata.normalize(typed, "*é.txt")]).sources
    assert globbed.uri == source.uri
    assert discover([unicodedata.normalize(typed, "Gesprä\u0308che é")]).sources == (source,)
    assert discover([path], within=[str(tree)]).sources == (source,)
    ((_, error),) = discover([path.replace("txt", "pdf")]).failures
    assert "no such file" in str(error)


def test_a_folder_that_another_form_of_its_name_leads_out_of_is_not_read(tree: Path, tmp_path: Path) -> None:
    (tree / unicodedata.normalize("NFD", "weg\u00e9.txt")).symlink_to(tmp_path.parent)
    with pytest.raises(UsageError, match="outside"):
        discover(["weg\u00e9.txt"], within=[str(tree / "papers")])
