"""Zip and gzip files as folders, and every way in which one can be a trap."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from tests.readers.makers import docx, epub, paragraph, zipped
from titans_cli.errors import CorruptError, EncryptedError, LimitError, ReadError, UnsupportedFormatError
from titans_cli.readers import Limits, discover, read
from titans_cli.readers.package import MOST_MEMBERS
from titans_cli.records import Document, Source

WORDS = "The lighthouse of Skerry has a lamp of 900 candles."


def member(folder: Path, name: str, data: bytes | str, limits: Limits | None = None) -> Document:
    """Read the only member, called `name`, of the archive z.zip."""
    (folder / "z.zip").write_bytes(zipped({name: data}))
    return read(Source(str(folder / "z.zip" / name), f"z.zip/{name}"), limits or Limits())


def encrypted(data: bytes) -> bytes:
    """The same archive with the mark of encryption on its first member."""
    at = data.index(b"PK\x01\x02") + 8
    return data[:at] + bytes([data[at] | 1]) + data[at + 1 :]


# ---------------------------------------------------------------- what is found


def test_an_archive_is_a_folder_of_its_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["sub/b.txt", "a.md", "x.bin", ".hidden.txt", "__MACOSX/a.md", "c.TXT.gz"]
    Path("z.zip").write_bytes(zipped(dict.fromkeys(names, WORDS)))
    found = discover(["."])
    assert not found.failures
    assert [s.display for s in found.sources] == ["./z.zip/a.md", "./z.zip/c.TXT.gz", "./z.zip/sub/b.txt"]
    assert found.sources[0].uri == str(tmp_path / "z.zip" / "a.md")
    assert [s.display for s in discover(["z.zip"], include=["*.bin"]).sources] == ["z.zip/x.bin"]
    assert [s.display for s in discover(["z.zip"], exclude=["sub/*", "*/sub/*"]).sources] == [
        "z.zip/a.md",
        "z.zip/c.TXT.gz",
    ]
    assert [s.display for s in discover(["z.zip/sub/b.txt"]).sources] == ["z.zip/sub/b.txt"]
    ((display, error),) = discover(["z.zip/no.txt"]).failures
    assert display == "z.zip/no.txt"
    assert "no such member" in str(error)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [("a.docx", docx(paragraph(WORDS)), "docx"), ("a.epub", epub([WORDS]), "epub"), ("a.txt", WORDS, "txt")],
)  # fmt: skip
def test_members_are_read_by_what_they_are(tmp_path: Path, name: str, data: bytes | str, kind: str) -> None:
    document = member(tmp_path, name, data)
    assert (document.kind, document.pages[0].text) == (kind, WORDS)


def test_a_document_that_is_called_zip_is_still_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(docx(paragraph(WORDS)))
    (source,) = discover([str(tmp_path / "a.zip")]).sources
    assert read(source).kind == "docx"


@pytest.mark.parametrize("name", ["a.txt.gz", "a.TXT.GZ", "a.gz"])
def test_a_gzip_file_is_what_it_holds(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(WORDS[:20].encode()) + gzip.compress(WORDS[20:].encode()) + b"\0" * 9)
    document = read(Source(str(tmp_path / name), name))
    assert (document.kind, document.pages[0].text) == ("txt", WORDS)


# ---------------------------------------------------------------- traps


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../b.txt", "a//b.txt", "./a.txt", "a\x1b.txt"])
def test_a_member_whose_name_is_a_trick_is_named_and_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({name: "x", "good.txt": WORDS}))
    found = discover([str(tmp_path / "z.zip")])
    assert [s.display.rpartition("/")[2] for s in found.sources] == ["good.txt"]
    ((display, error),) = found.failures
    assert "no plain path" in str(error)
    assert display.isprintable()


@pytest.mark.parametrize("data", [zipped({"a.txt": WORDS}), gzip.compress(WORDS.encode())], ids=["zip", "gz"])
def test_an_archive_in_an_archive_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"z\.zip/in\.zip: this is an archive in an archive"):
        member(tmp_path, "in.zip", data)
    (tmp_path / "in.gz").write_bytes(gzip.compress(data))
    with pytest.raises(UnsupportedFormatError, match=r"in\.gz: this is an archive in an archive"):
        read(Source(str(tmp_path / "in.gz"), "in.gz"))


def test_a_member_with_a_password_is_encrypted_by_name(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(encrypted(zipped({"a.txt": WORDS})))
    (source,) = discover([str(tmp_path / "z.zip")]).sources
    with pytest.raises(EncryptedError, match=r"z\.zip/a\.txt: it is encrypted") as caught:
        read(source)
    assert "password" in str(caught.value.hint)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({"a.txt": b" " * (100 << 20)}))
    ((_, error),) = discover([str(tmp_path / "z.zip")]).failures
    assert isinstance(error, LimitError)
    assert "times its size" in str(error)
    with pytest.raises(LimitError, match=r"z\.zip/a\.txt: it unpacks to several hundred times"):
        read(Source(str(tmp_path / "z.zip" / "a.txt"), "z.zip/a.txt"))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b" " * (100 << 20)))
    with pytest.raises(LimitError, match="it unpacks to more than 64 MiB"):
        read(Source(str(tmp_path / "b.txt.gz"), "b.txt.gz"))


def test_a_member_larger_than_its_claim_is_damaged(tmp_path: Path) -> None:
    data = zipped({"a.txt": WORDS * 9})
    size = (len(WORDS) * 9).to_bytes(4, "little")
    (tmp_path / "z.zip").write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(CorruptError, match=r"z\.zip/a\.txt: the archive is damaged"):
        read(Source(str(tmp_path / "z.zip" / "a.txt"), "z.zip/a.txt"))


def test_an_archive_of_too_many_members_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for i in range(MOST_MEMBERS + 1):
            archive.writestr(f"{i}.txt", b"")
    ((_, error),) = discover([str(tmp_path / "z.zip")]).failures
    assert "more than 5,000 members" in str(error)


@pytest.mark.parametrize("cut", [30, 50, -30])
def test_damage_is_said_and_never_crashes(tmp_path: Path, cut: int) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({"a.txt": WORDS})[:cut])
    ((display, error),) = discover([str(tmp_path / "z.zip")]).failures
    assert isinstance(error, CorruptError)
    assert error.subject == display
    (tmp_path / "a.gz").write_bytes(gzip.compress(WORDS.encode())[:cut])
    with pytest.raises(CorruptError, match="gzip data is cut off"):
        read(Source(str(tmp_path / "a.gz"), "a.gz"))


@pytest.mark.parametrize("at", range(0, 159, 6))
def test_a_flipped_byte_is_an_error_or_the_same_words(tmp_path: Path, at: int) -> None:
    data = bytearray(zipped({"a.txt": WORDS}))
    data[at] ^= 0x55
    (tmp_path / "z.zip").write_bytes(data)
    for source in discover([str(tmp_path / "z.zip")]).sources:
        try:
            document = read(source)
        except ReadError as error:
            assert error.hint  # noqa: PT017
        else:
            assert document.pages[0].text == WORDS
