"""How much of a document's text our readers keep, how well, and in which order.

    python -m benchmarks.extraction --data DATA [--cases CASES] [--quick] [--json]

Words are `\\w+`, case folded. Three kinds of files:

- *Papers* (`DATA/pdfs/*.pdf` with a `.gold.txt`): the publisher's text of the body, without authors, references,
  captions and tables, which a PDF shows and a reader has to keep. So besides the F1 of all words (`pdf.all`) there is
  `pdf.f1`: of the words read from where the publisher's text begins to where it ends, found by its first and its last
  eight words in a row that were read. What is mixed into the body (running heads, margins, captions, tables) counts
  against it. `pdf.kept`: share of the publisher's words that were read at all. `pdf.order`: the longest common
  subsequence, as a share of the words in common. Means over papers; with either library, and another tool.
- *Round trips*: texts nobody wrote for this, held out of training, as every format that `extraction_files` writes,
  read back. `roundtrip.FORMAT` is the word F1 of what the format can carry, `order.FORMAT` the order.
- *Cases* (`CASES`, by default `DATA/../cases`): small files of kinds on which text has been lost; what each must
  yield, must not yield and must be told of it is listed below. `cases.retained`: share of files of which all holds.

The other tool is markitdown (pip install 'titans-cli[bench]'), on the same files in the same run: `other.FORMAT` is its
score, `vs_other.FORMAT` ours less its. Without it these figures are left out, and that is said.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.common import Report, held_out_texts, parser
from benchmarks.extraction_files import BESIDE, FORMATS, carried
from titans_cli.errors import ReadError
from titans_cli.readers import read
from titans_cli.records import Source

_WORD = re.compile(r"\w+")
_LENGTH = 4000  # characters of a text
_RUN = 8  # words in a row that place a text for certain
_LIBRARIES = {"pypdf": "pypdf", "pdfium": "auto"}  # and the setting `pdf` that takes it
Words = list[str]
Reader = Callable[[Path], str]


# ---------------------------------------------------------------- scores


@dataclass(frozen=True, slots=True)
class Score:
    f1: float
    kept: float
    order: float


def words_of(text: str) -> Words:
    return _WORD.findall(text.casefold())


def score(wanted: Words, found: Words, beside: Words | None = None) -> Score:
    """`beside`: words that may be among those found, each as often as it likes."""
    want, have, common = Counter(wanted), Counter(found), Counter(wanted) & Counter(found)
    for word in beside or ():
        have[word] = min(have[word], want[word])
    hits = sum(common.values())
    if not hits:
        return Score(0.0, 0.0, 0.0)
    f1 = 2 * hits / (sum(want.values()) + sum(have.values()))
    return Score(f1, hits / sum(want.values()), longest_common(wanted, found) / hits)


def longest_common(a: Words, b: Words) -> int:
    """Length of their longest common subsequence, by one row of bits (Crochemore and others 2001)."""
    places: Counter[str] = Counter()
    for i, word in enumerate(a):
        places[word] |= 1 << i
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        matched = row & places[word]
        row = (row + matched) | (row - matched)
    return len(a) - (row & full).bit_count()


def within(wanted: Words, found: Words) -> Words:
    """Those found from where the wanted begin to where they end; all of them if neither place is found."""
    runs: dict[tuple[str, ...], list[int]] = {}
    for i in range(len(found) - _RUN + 1):
        runs.setdefault(tuple(found[i : i + _RUN]), []).append(i)
    asked = [tuple(wanted[i : i + _RUN]) for i in range(len(wanted) - _RUN + 1)]
    first = next((runs[run][0] - i for i, run in enumerate(asked) if run in runs), 0)
    last = next((runs[run][-1] + _RUN + i for i, run in enumerate(reversed(asked)) if run in runs), len(found))
    return found[max(first, 0) : last]


# ---------------------------------------------------------------- readers


def ours(path: Path) -> str:
    """All pages; nothing for a file that is refused."""
    try:
        document = read(Source(str(path), path.name))
    except ReadError:
        return ""
    return "\n\n".join(page.text for page in document.pages)


@contextmanager
def library(name: str) -> Iterator[None]:
    """Read PDF with this one."""
    before = os.environ.get("TITANS_PDF")
    os.environ["TITANS_PDF"] = _LIBRARIES[name]
    try:
        yield
    finally:
        os.environ.pop("TITANS_PDF")
        if before is not None:
            os.environ["TITANS_PDF"] = before


def other_tool() -> Reader | None:
    """markitdown, if it is installed."""
    if importlib.util.find_spec("markitdown") is None:
        return None
    from markitdown import MarkItDown

    tool = MarkItDown(enable_plugins=False)

    def convert(path: Path) -> str:
        try:
            return str(tool.convert(str(path)).text_content)
        except Exception as error:  # noqa: BLE001 - whatever it raises, it read nothing
            print(f"  other tool, {path.name}: {type(error).__name__}", file=sys.stderr)
            return ""

    return convert


# ---------------------------------------------------------------- papers


def papers(report: Report, folder: Path, other: Reader | None, most: int) -> None:
    gold = sorted(folder.glob("*.gold.txt"))[:most]
    wanted = [words_of(path.read_text(encoding="utf-8")) for path in gold]
    files = [path.with_name(path.name.replace(".gold.txt", ".pdf")) for path in gold]
    for name in _LIBRARIES:
        with library(name):
            _paper_scores(report, name, wanted, files, ours)
    if other is not None:
        _paper_scores(report, "other", wanted, files, other)
        for figure in ("f1", "kept", "order"):
            best = max(report.figures[f"pdf.{figure}.{name}"] for name in _LIBRARIES)
            report.add(f"vs_other.papers.{figure}", best - report.figures[f"pdf.{figure}.other"])


def _paper_scores(report: Report, name: str, wanted: Sequence[Words], files: Sequence[Path], reader: Reader) -> None:
    start = time.perf_counter()
    found = [words_of(reader(path)) for path in files]
    report.add(f"pdf.seconds.{name}", time.perf_counter() - start)
    inside = [score(w, within(w, f)) for w, f in zip(wanted, found, strict=True)]
    report.add(f"pdf.f1.{name}", mean(s.f1 for s in inside))
    report.add(f"pdf.order.{name}", mean(s.order for s in inside))
    every = [score(w, f) for w, f in zip(wanted, found, strict=True)]
    report.add(f"pdf.kept.{name}", mean(s.kept for s in every))
    report.add(f"pdf.all.{name}", mean(s.f1 for s in every))


# ---------------------------------------------------------------- round trips


def texts(data: Path | None, count: int) -> list[list[str]]:
    """Paragraphs of `count` documents from all over the held-out text, about 4,000 characters of each."""
    long = [text for text in held_out_texts(data) if len(text) > _LENGTH]
    return [_beginning(text) for text in long[:: max(1, len(long) // count)][:count]]


def _beginning(text: str) -> list[str]:
    kept, size = [], 0
    for paragraph in text.split("\n\n"):
        kept += [" ".join(paragraph.split())] if paragraph.strip() else []
        size += len(paragraph)
        if size > _LENGTH:
            break
    return kept


def round_trips(report: Report, documents: Sequence[Sequence[str]], other: Reader | None) -> None:
    beside = words_of(BESIDE)
    with tempfile.TemporaryDirectory() as folder:
        for name, (file, write) in FORMATS.items():
            files = [Path(folder) / f"{i}-{file}" for i in range(len(documents))]
            wanted = [words_of(carried(name, paragraphs)) for paragraphs in documents]
            for path, paragraphs in zip(files, documents, strict=True):
                path.write_bytes(write(paragraphs))

            def mean_scores(reader: Reader, files: list[Path] = files, wanted: list[Words] = wanted) -> Score:
                scores = [score(w, words_of(reader(path)), beside) for w, path in zip(wanted, files, strict=True)]
                return Score(*(mean(getattr(s, field) for s in scores) for field in ("f1", "kept", "order")))

            mine = mean_scores(ours)
            report.add(f"roundtrip.{name}", mine.f1)
            report.add(f"order.{name}", mine.order)
            if name.startswith("pdf"):
                with library("pypdf"):
                    with_pypdf = mean_scores(ours)
                report.add(f"roundtrip.{name}.pypdf", with_pypdf.f1)
                report.add(f"order.{name}.pypdf", with_pypdf.order)
            if other is not None:
                its = mean_scores(other)
                report.add(f"other.{name}", its.f1)
                report.add(f"vs_other.{name}", mine.f1 - its.f1)


# ---------------------------------------------------------------- cases


@dataclass(frozen=True, slots=True)
class Case:
    """Regular expressions, looked for in the text with its white space made single."""

    file: str
    held: tuple[str, ...]
    lost: tuple[str, ...] = ()  # what must not stand there
    said: str = ""  # in a warning, or in the error that refuses the file
    pages: tuple[tuple[int, str], ...] = ()  # what a page, by its number, must hold


_BAD_BYTE = r"(?i)byte|utf-8"
CASES = (
    Case(
        "greater.md",
        (
            "pressure >= 7 bar",
            "flow > 300 litres a minute, and the heat <= 40 degrees",
            "File -> Print, then a => b, and 3 > 2 > 1",
            "width > 5 mm",
            r"p > 0\.05",
            "step x->y",
            "line with a > b",
            r"lab@orvane\.example",
            r"https://orvane\.example/x",
            "Type `?a > b`? and `?cmd > file",
            "code > indented",
        ),
        (r"\b108\b",),
    ),
    Case("greater.ipynb", (r"p > 0\.05 and n >= 30",)),
    Case("comment.md", ("<!--`? opens a remark for the translator", "412 litres a minute", "in 1998 by Tilda Rook")),
    Case("rule_first.md", ("Pump manual", "412 litres a minute", "in 1998 by Tilda Rook")),
    Case("mail.md", (r"Tilda Rook at <?lab@orvane\.example>? before noon",)),
    Case(
        "invoice.pdf",
        ("Orvane Works",),
        pages=(
            (1, "Invoice for Harbour office Pump service in March Total due: 412 crowns"),
            (2, "Invoice for Boathouse Pump service in April Total due: 214 crowns"),
            (3, "Invoice for Lighthouse Pump service in May Total due: 77 crowns"),
        ),
    ),
    Case(
        "weekly.pdf",
        (),
        pages=tuple(
            (i, f"^Week {i}: river at {100 + 7 * i} cm The {crew} crew .* reported nothing. Gauge reader: {name}$")
            for i, (crew, name) in enumerate(
                (("red", "Tilda"), ("blue", "Bram"), ("green", "Ines"), ("white", "Otto")), 1
            )
        ),
    ),
    Case(
        "form.pdf",
        ("Pump inspection form", "Orvane", r"\b412\b", "seal leaks 9 litres an hour", "note: replace by March"),
    ),
    Case("type3.pdf", (), ("/c0", "c0c1"), r"(?i)page 1\b.*(decod|unicode|glyph)"),
    Case("sup2.pdf", (r"3 x 10\^8 litres of brine",)),
    Case("sup.html", (r"3 × 10\^8 litres", r"2\^10 cells", "CO_?2 is vented")),
    Case(
        "cols_inter.pdf",
        (
            r"The Orvane pump moves 412 litres a minute when new and it was built in Norhavn\."
            r" Seals cost 214 crowns each and are kept in shed nine behind the old boathouse\.",
        ),
    ),
    Case("nohead.html", ("412 litres a minute", "in 1998 by Tilda Rook")),
    Case("unnav.html", ("pump moves 412 litres", "More text")),
    Case(
        "accordion.html",
        ("How much water", "It moves 412 litres a minute", "Who installed it", "Tilda Rook did, in 1998"),
    ),
    Case("footer.eml", ("pump moves 412 litres a minute",)),
    Case("stub.eml", ("pump moves 412 litres a minute",)),
    Case(
        "mbox1.mbox",
        (),
        pages=(
            (1, r"First body\. From here on the pump moves 412 litres\. More text after that\."),
            (2, r"Second body\."),
        ),
    ),
    Case("cp1252.eml", ("40 € and the “gate” weighs 9 t – at most 12",)),
    Case("one_bad_byte.txt", ("fördert täglich große Mengen. Über 412", "Zitat: \ufffdgut\ufffd"), ("√",), _BAD_BYTE),
    Case("cut.log", ("“pump at 412 litres” every day", "ends with a cut"), ("â€",), _BAD_BYTE),
    Case("meta_lies.html", ("fördert täglich große Mengen",), ("Ã",)),
    Case("badbyte.epub", ("one – the “Orvane” pump moves 412. ?litres", "Chapter two"), ("â€",), _BAD_BYTE),
    Case("wide.csv", ("the pump moves 412", r"\bc599\W{1,3}599\b")),
    Case("field.docx", ("Total 214 crowns, made by Norhavn",)),
    Case("header.docx", ("Contract number ORV-2291", "Body text of the order", "Valid until 3 May 2031")),
    Case("xml.epub", (), pages=((1, "Chapter one: the Orvane pump moves 412"), (2, "Chapter two"))),
    Case(
        "url.tex",
        (
            "pump that holds 40 litres",
            "seal is `?50%`? worn and must be replaced in March",
            "Schrodinger",
            "costs 214 crowns",
            r"10\^\{?8",
            r"42 ?\\?(m\b|metre)",
            r"1\.5(e|E| ?× ?10\^| ?\\times)",
            r"\b7 ?\\?bar",
            "Orvane.{1,3}412",
            "A note",
            "bold nested text",
        ),
        ("hidden text",),
    ),
)


def failures(case: Case, folder: Path) -> list[str]:
    """What of the case does not hold."""
    said, pages = "", {}
    try:
        document = read(Source(str(folder / case.file), case.file))
    except ReadError as error:
        said = str(error)
    else:
        said = "\n".join(document.warnings)
        pages = {page.number: " ".join(page.text.split()) for page in document.pages}
    text = " ".join(pages.values())
    return [
        *(f"not held: {wanted}" for wanted in case.held if not re.search(wanted, text)),
        *(f"held: {bad}" for bad in case.lost if re.search(bad, text)),
        *(f"not on page {n}: {wanted}" for n, wanted in case.pages if not re.search(wanted, pages.get(n, ""))),
        *([f"not said: {case.said}"] if not re.search(case.said, said) else []),
    ]


def cases(report: Report, folder: Path, *, tell: bool) -> None:
    whole = 0
    for case in CASES:
        wrong = failures(case, folder)
        whole += not wrong
        report.add(f"cases.{case.file}", float(not wrong))
        if tell and wrong:
            print(f"  {case.file}: {'; '.join(wrong)}")
    report.add("cases.retained", whole / len(CASES))


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--data", type=Path, help="folder with pdfs/ and text/heldout/")
    arguments.add_argument("--cases", type=Path, help="folder with the small files; default: cases beside DATA")
    arguments.add_argument("--no-other", action="store_true", help="without the other tool")
    args = arguments.parse_args(argv)
    other = None if args.no_other else other_tool()
    if other is None:
        print("compared with no other tool: markitdown is not installed, or not wanted", file=sys.stderr)
    count = 2 if args.quick else 6
    report = Report("extraction", {"texts": count, "other": other is not None})
    if args.data is not None:
        papers(report, args.data / "pdfs", other, 3 if args.quick else 10**6)
        folder = args.cases or args.data.resolve().parent / "cases"
    else:
        folder = args.cases
    if folder is not None and folder.is_dir():
        cases(report, folder, tell=not args.json)
    round_trips(report, texts(args.data, count), other)
    report.print(as_json=args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
