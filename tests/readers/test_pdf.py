"""PDF: what is read, what is refused, and that a hostile page costs only itself."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pdfmaker import (
    PageSpec,
    bomb_page,
    build_pdf,
    empty_page,
    encrypted_pdf,
    gaps_page,
    garbled_page,
    lines_page,
    make_pdf,
    nested_page,
    scanned_page,
    slow_page,
    text_page,
)
from titans_cli.errors import CorruptError, EncryptedError, LimitError, NoTextError
from titans_cli.readers import Limits, read
from titans_cli.records import Document, Source

PROSE = "The memory learns while it reads, and what it learned lives in its parameters."
IMPATIENT = Limits(seconds_per_page=1.5, seconds=60.0)


def read_bytes(folder: Path, data: bytes, limits: Limits | None = None) -> Document:
    path = folder / "paper.pdf"
    path.write_bytes(data)
    return read(Source(str(path), "paper.pdf"), limits or Limits())


def test_every_page_is_read_with_its_number_and_the_file_is_described(tmp_path: Path) -> None:
    data = make_pdf([PROSE, "Second page, " + PROSE], title="A Study of Memory")
    document = read_bytes(tmp_path, data)
    assert [(page.number, page.text) for page in document.pages] == [(1, PROSE), (2, "Second page, " + PROSE)]
    assert (document.kind, document.title, document.warnings) == ("pdf", "A Study of Memory", ())
    assert (document.sha256, document.size) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.parametrize("title", [None, "Microsoft Word - draft7.doc", "untitled", "main.tex", "12-34"])
def test_without_a_sensible_title_in_the_metadata_the_first_heading_is_the_title(
    tmp_path: Path, title: str | None
) -> None:
    document = read_bytes(
        tmp_path, make_pdf(["On Reading Slowly and\nfor a long time\nJane Doe\n" + PROSE], title=title)
    )
    assert document.title == "On Reading Slowly and for a long time"


def test_sentences_are_whole_across_line_breaks_and_hyphens(tmp_path: Path) -> None:
    lines = [
        "The attention mechanism of a trans-",
        "former compares every token with every",
        "other token of its context.",
    ]
    document = read_bytes(tmp_path, build_pdf([lines_page(lines)]))
    expected = "The attention mechanism of a transformer compares every token with every other token of its context."
    assert document.pages[0].text == expected


def test_running_headers_footers_and_page_numbers_stand_once(tmp_path: Path) -> None:
    bodies = [f"{PROSE} This is said on {name}." for name in ("Monday", "Tuesday", "Friday", "Sunday")]
    pages = [f"Journal of Tests, page {n}\n\n{body}\n\n{n}" for n, body in enumerate(bodies, 1)]
    texts = [page.text for page in read_bytes(tmp_path, make_pdf(pages)).pages]
    assert texts == [f"Journal of Tests, page 1\n\n{bodies[0]}", *bodies[1:]]


@pytest.mark.parametrize("gap", [150, 180, 240, 400])
def test_a_gap_without_a_space_character_is_a_space(tmp_path: Path, gap: int) -> None:
    words = ["results", "are", "sound", "and", "reliable"]
    assert read_bytes(tmp_path, build_pdf([gaps_page(words, gap)])).pages[0].text == " ".join(words)


def test_kerning_is_not_a_space(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, build_pdf([gaps_page(["A", "V", "ery"], 80)])).pages[0].text == "AVery"


def test_a_pdf_is_known_by_its_content_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "paper.txt"
    path.write_bytes(make_pdf([PROSE]))
    assert read(Source(str(path), "paper.txt")).kind == "pdf"


def test_encrypted_is_refused_and_the_hint_says_how_to_decrypt(tmp_path: Path) -> None:
    with pytest.raises(EncryptedError) as caught:
        read_bytes(tmp_path, encrypted_pdf([PROSE]))
    assert caught.value.subject == "paper.pdf"
    assert "qpdf --decrypt" in str(caught.value)


def test_encrypted_with_an_empty_password_is_open_to_anyone(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, encrypted_pdf([PROSE], password="")).pages[0].text == PROSE


def test_a_scan_is_refused_and_the_hint_says_how_to_get_text(tmp_path: Path) -> None:
    with pytest.raises(NoTextError, match="ocrmypdf") as caught:
        read_bytes(tmp_path, build_pdf([scanned_page(), scanned_page()]))
    assert "scanned" in caught.value.what


def test_blank_pages_are_no_scan(tmp_path: Path) -> None:
    with pytest.raises(NoTextError, match="no text in it"):
        read_bytes(tmp_path, build_pdf([empty_page()]))


@pytest.mark.parametrize("keep", [0.02, 0.3])
def test_a_truncated_file_is_corrupt_and_the_hint_says_how_to_mend_it(tmp_path: Path, keep: float) -> None:
    data = make_pdf([PROSE] * 5)
    with pytest.raises((CorruptError, NoTextError)) as caught:
        read_bytes(tmp_path, data[: int(keep * len(data))])
    assert caught.value.hint


def test_a_file_with_a_broken_table_of_contents_is_still_read(tmp_path: Path) -> None:
    data = make_pdf([PROSE]).replace(b"startxref\n", b"startxref\n9")
    assert read_bytes(tmp_path, data).pages[0].text == PROSE


@pytest.mark.parametrize("page", [garbled_page(), nested_page()], ids=["garbled", "nested"])
def test_a_page_that_cannot_be_parsed_loses_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: PageSpec
) -> None:
    monkeypatch.setenv("TITANS_PDF", "pypdf")  # PDFium makes out what was packed in the unknown way
    document = read_bytes(tmp_path, build_pdf([text_page("First. " + PROSE), page, text_page("Third. " + PROSE)]))
    assert [page.number for page in document.pages if page.text] == [1, 3]


def test_a_page_that_takes_too_long_loses_only_itself(tmp_path: Path) -> None:
    pages = [text_page("First. " + PROSE), slow_page(), text_page("Third. " + PROSE)]
    document = read_bytes(tmp_path, build_pdf(pages), IMPATIENT)
    assert [page.number for page in document.pages] == [1, 3]
    assert document.warnings == ("page 2: skipped, it took more than 1.5 s",)


def test_a_page_that_takes_too_much_memory_loses_only_itself(tmp_path: Path) -> None:
    pages = [text_page("First. " + PROSE), bomb_page(), text_page("Third. " + PROSE)]
    document = read_bytes(tmp_path, build_pdf(pages), Limits(memory_bytes=48 << 20))
    assert [page.number for page in document.pages] == [1, 3]
    assert document.warnings == ("page 2: skipped, it takes too much memory",)


def test_when_every_page_is_over_the_limit_the_file_is(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match=r"1 s.*Split"):
        read_bytes(tmp_path, build_pdf([slow_page()]), Limits(seconds_per_page=1.0))


def test_when_the_files_time_is_up_what_was_read_stays(tmp_path: Path) -> None:
    pages = [text_page("First. " + PROSE), slow_page(), text_page("Third. " + PROSE)]
    document = read_bytes(tmp_path, build_pdf(pages), Limits(seconds=2.5))
    assert [page.number for page in document.pages] == [1]
    assert document.warnings == ("pages 2 to 3: skipped, the file took more than 2.5 s",)


def test_more_text_than_allowed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="1,000 characters"):
        read_bytes(tmp_path, make_pdf([PROSE * 10, PROSE * 10]), Limits(max_text_chars=1000))


def test_a_module_lying_in_the_current_folder_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "pypdf", "titans_cli", "threading"):
        (tmp_path / f"{name}.py").write_text("import os; os._exit(9)")
    monkeypatch.chdir(tmp_path)
    assert read_bytes(tmp_path, make_pdf([PROSE])).pages[0].text == PROSE


def test_the_worker_ends_when_its_parent_does(tmp_path: Path) -> None:
    data = build_pdf([slow_page()])
    job = {
        "kind": "pdf",
        "first": 1,
        "size": len(data),
        "memory_bytes": 1 << 30,
        "seconds": 60,
        "max_text_chars": 10**6,
    }
    command = [sys.executable, "-m", "titans_cli.readers.worker"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(job).encode() + b"\n" + data)
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline())["started"] is True
        time.sleep(0.2)
        assert worker.poll() is None
        worker.stdin.close()  # what the operating system does when the parent dies
        assert worker.wait(timeout=10) == 1


def test_neither_the_worker_nor_the_package_imports_torch_and_the_package_imports_no_parser() -> None:
    program = (
        "import sys, titans_cli.readers; parsers = {'pypdf', 'selectolax', 'charset_normalizer'} & set(sys.modules);"
        "import titans_cli.readers.worker, titans_cli.readers.pdf, titans_cli.readers.html;"
        "print(sorted(parsers), 'torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.split() == ["[]", "False"]
