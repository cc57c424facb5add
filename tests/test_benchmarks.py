"""Each program of `benchmarks/` runs to its end on very little, and prints figures. What they come to is not looked at.

One whose function has moved, or whose data is read in another way than before, would otherwise be found out by whoever
wants its figure months later. `test_chaos.py` and `test_fuzz.py` run theirs in processes of their own, and look closer.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import figures
from benchmarks.answers_data import records
from benchmarks.answers_premise import QUESTIONS as PREMISES
from benchmarks.common import per_s
from benchmarks.recording import Scene
from benchmarks.researcher import QUESTIONS
from tests.pdfmaker import make_pdf
from tests.tiny import make_sentences
from titans_cli.model.interface import ReaderAnswer
from titans_cli.train.streams import Recipe

ROOT = Path(__file__).parent.parent
# The scenarios of chaos that are programs of their own: tests/sessions/test_room.py, tests/cli/test_terminals.py.
ELSEWHERE = {"chaos", "fuzz", "chaos_room", "chaos_terminals"}


@dataclass(frozen=True)
class Smallest:
    """How a program is run: its arguments, with {data}, {work} and {model} filled in, and constants that are lowered.

    `needs`: modules without which it cannot run. `prints`: what it prints when that is no report.
    """

    arguments: str = ""
    lowered: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    prints: str = ""


class Spoken:
    """A reader that says the first word of the first passage."""

    def read(self, question: str, passages: Sequence[str], titles: Sequence[str] = ()) -> ReaderAnswer:
        word = passages[0].split()[0] if passages else ""
        return ReaderAnswer(word, 0, 0, len(word), 0.5, 0.5) if word else ReaderAnswer(None, None, 0, 0, 0.0, 1.0)


class Forgetful:
    """A language model that takes every token for one of ten, and whose memory holds nothing."""

    fingerprint = "forgetful"

    def encode(self, text: str) -> list[int]:
        return [len(word) for word in text.split()]

    def look(self, tokens: Sequence[int], window: int, stride: int) -> dict[str, torch.Tensor]:
        return {"nats": self.plain(tokens, window, stride)}

    def plain(self, tokens: Sequence[int], window: int, stride: int) -> torch.Tensor:
        return torch.full((len(tokens) - 1,), math.log(10))

    def initial_state(self) -> None: ...

    def read_on(self, state: None, seen: dict[str, torch.Tensor], *, write: bool = True) -> tuple[None, torch.Tensor]:
        return state, seen["nats"]


PROGRAMS = {
    "ablation": Smallest(
        "--json --steps 1 --work {work} --only shipped",
        {"ablation.PAPERS": 1, "ablation.TOKENS": 300, "ablation.FACTS": 1, "ablation.STREAMS": 1}
        | {"ablation.SEGMENTS": 2, "ablation.BATCH": 1, "titans_cli.train.loop.LANDMARK_PAIRS": 4}
        | {"titans_cli.train.loop.EVALUATED": Recipe(segments=2, facts=2, asking=1, clozes=0, spans=0, unknown=0.0)},
    ),
    "answers": Smallest("--quick --json --data {data} --model {model}", {"planted.PAPERS": 16}),
    "answers_premise": Smallest(
        "--quick --data {data}",
        {"answers_conversations.MEETINGS": {"fit": {}, "held": {}}}
        | {"answers_conversations.SINGLE": {"fit": ("4-0",), "held": ("4-12",)}},
        prints="refused",
    ),
    "answers_refusal": Smallest(
        "--data {data} --reader {model} --questions 2 --others 1",
        {"answers_refusal.reader_of": lambda _: Spoken(), "answers_refusal.is_kept_aside": lambda _: True},
        prints="REFUSAL",
    ),
    "answers_tune": Smallest("--quick --data {data} --model {model}", prints="extract.SUPPORT"),
    "attach": Smallest(
        "--quick --json --data {data} --work {work}/attach --steps 1 --adapt-steps 1 --papers 1 --tokens 200",
        {"attach.LONG": 2000},
    ),
    "attach_backbone": Smallest(
        "--data {data} --work {work}/text --out {work}/standin --steps 2", {"attach_backbone.BATCH": 1}, prints="loss"
    ),
    "capacity": Smallest("--json --papers 2 --tokens 200"),
    "claims": Smallest("--quick --json --data {data}", {"claims.KINDS": ("prose",)}),
    "core": Smallest(
        "--quick --json",
        {"core.WIDTH": 32, "core.PIECE": 128, "core.CHUNKS": (64,), "core.LENGTHS": {"10k": 256}, "core.TURNS": (1, 1)}
        | {"core.PRODUCTS": ((64, 64, 64),)},  # without bf16 in the processor a large one takes a minute
    ),
    "extraction": Smallest("--quick --json --no-other --data {data}"),
    "figures": Smallest("check", prints="README"),
    "ingest": Smallest(
        "--quick --json --runs 1",
        {"ingest.LENGTHS": {"10k": 600}, "ingest.COMMANDS": {"list": ["session", "list"]}}
        | {"ingest.WARMING": 0, "ingest.TICK": 0.0},
    ),
    "locomo": Smallest("--json --data {data}/locomo/made.json --model {model}"),
    "niah": Smallest("--json --samples 1 --lengths 2k", {"niah.LENGTHS": {"2k": 300}}),
    "perplexity": Smallest("--json --documents 1 --tokens 512", {"perplexity.WINDOW": 256}),
    "recall": Smallest("--json --papers 2 --tokens 200"),
    "recording": Smallest("-o {work}/demo.svg", {"recording.SCENES": (Scene(("session", "list")),)}, prints="bytes"),
    "report_check": Smallest("--json", needs=("playwright", "axe_playwright_python", "PIL")),
    "researcher": Smallest("--quick --json --data {data} --model {model}"),
    "scale": Smallest("--json --documents 4 --distinct 2 --tokens 200"),
    "scaling": Smallest("--json --papers 2 --tokens 200", {"scaling.MEASURED": (1,)}, needs=("ray",)),
    "serving": Smallest("--json --papers 3 --tokens 200 --questions 3"),
    "session_ppl": Smallest(
        "--quick --json --data {data} --features {work}/features",
        {"session_ppl.reader_of": lambda *_: Forgetful(), "session_ppl.LEAST": 8},
    ),
    "synthesis": Smallest(
        "--quick --json --data {data} --part topics --part disagreements",
        {"synthesis_topics.BOOKS": 2, "synthesis_topics.SECTIONS": 4},
    ),
    "worth": Smallest(
        "--quick --json --data {data} --model {model} --also locomo",
        {"worth.SETS": {"qed_dev": (2, 4)}, "worth.DRAWS": 20},
    ),
    "updates": Smallest("--quick --json", {"updates.QUICK": (3, 1, 1, 1)}),
}


def programs() -> set[str]:
    return {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }


def test_every_program_is_run_here() -> None:
    assert programs() == PROGRAMS.keys() | ELSEWHERE, "say above how it is run on the least that it can do"


def _lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(record) + "\n" for record in records).encode()
    if path.suffix == ".zst":
        import zstandard

        text = zstandard.ZstdCompressor().compress(text)
    path.write_bytes(text)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder laid out as docs/training.md says, with nothing much in it."""
    folder = tmp_path_factory.mktemp("data")
    running = [{"text": " ".join(make_sentences(50, seed))} for seed in range(100, 124)]
    _lines(folder / "text" / "made.jsonl.zst", running)
    _lines(folder / "text" / "heldout" / "made.jsonl.zst", running)
    parts = {
        "train": ("nq_open_oracle", "timeqa", "squality_train", "qmsum_train"),
        "dev": ("qed_dev", "timeqa", "squality_dev", "qmsum_val", "scitldr_dev"),
    }
    for seed, (part, name) in enumerate(((part, name) for part, names in parts.items() for name in names), start=1):
        sentences = make_sentences(48, seed)  # each document another one: the same text twice is read once
        documents = {f"{seed}-{n}": " ".join(sentences[n : n + 12]) for n in range(0, 48, 12)}
        asked = [
            {
                "doc_id": i,
                "context": text,
                "question": f"What about {text.split()[1]}?",
                "answers": [text.split(". ")[2]],
            }
            for i, text in documents.items()
        ]
        _lines(folder / "qa" / part / f"{name}.jsonl", asked)
        _lines(
            folder / "qa" / part / f"{name}_docs.jsonl",
            [{"doc_id": i, "title": i, "text": t} for i, t in documents.items()],
        )
    _lines(folder / "text" / "heldout" / "prose.jsonl.zst", [{"text": _prose(n)} for n in range(64)])
    _papers(folder / "pdfs")
    chapters = [
        {"id": str(n), "title": f"Book {n % 2}: chapter {n}", "text": " ".join(make_sentences(40, 300 + n))}
        for n in range(20)
    ]
    _lines(folder / "text" / "openstax.jsonl.zst", chapters)
    _lines(folder / "text" / "peps.jsonl.zst", [{"id": f"peps/pep-{n}"} | record for n, record in enumerate(running)])
    book = [{"id": f"standard_ebooks/bram-stoker_dracula/chapter-{n}"} | record for n, record in enumerate(running)]
    _lines(folder / "text" / "standard_ebooks.jsonl.zst", book)
    for kind in ("acl_abstracts", "medquad_docs", "openstax", "standard_ebooks", "wikipedia"):
        _lines(folder / "text" / "heldout" / f"{kind}.jsonl.zst", running[:2])
    _lines(folder / "text" / "factbook.jsonl.zst", [])
    written = [
        {"title": q["title"], "text": f"{q['title']}\n\n{' '.join(make_sentences(20, 7))}"} for q in records(PREMISES)
    ]
    _lines(folder / "text" / "scipy_proceedings.jsonl.zst", written[:1])
    _lines(folder / "text" / "plos_articles.jsonl.zst", [])
    for name in ("factbook", "openstax_glossary", "openstax_exercises"):
        _lines(folder / "qa" / "train" / f"{name}.jsonl", [])
    (folder / "locomo").mkdir()
    (folder / "locomo" / "made.json").write_text(
        json.dumps([_conversation() | {"sample_id": f"made-{n}"} for n in range(2)]), encoding="utf-8"
    )
    return folder


def _prose(number: int) -> str:
    """Sentences with a name, a date and a denial each, a name of its own for every document."""
    name = f"Kess{'abcdefghijklmnopqrstuvwxyz'[number % 26]}{'aeiou'[number % 5]}r"
    told = "the mill was not sold, and old {0} of the valley kept all of it for {1} years."
    return "\n\n".join(f"In the year {1700 + number + n} {told.format(name, n)}" for n in range(2, 62))


def _papers(folder: Path) -> None:
    """As many as the questions about authors name, since the manifest has to have these."""
    folder.mkdir()
    names = [row["files"][0] for row in records(QUESTIONS) if row["part"] == "authors"] + ["another"]
    manifest = []
    for n, name in enumerate(names):
        title = f"A paper of number {n}"
        page = f"{title}. Ann Author. {' '.join(make_sentences(6, n))}"
        (folder / f"{name}.pdf").write_bytes(make_pdf([page], title=title))
        (folder / f"{name}.gold.txt").write_text(page, encoding="utf-8")
        manifest.append(
            {"file": f"{name}.pdf", "title": title, "authors": ["Ann Author"], "year": 2020, "doi": f"10.1/{n}"}
        )
    _lines(folder / "manifest.jsonl", manifest)


def _conversation() -> dict[str, Any]:
    turns = [{"speaker": "Ann", "text": sentence, "dia_id": f"D1:{n}"} for n, sentence in enumerate(make_sentences(9))]
    asked = [
        {"question": "What did Ann say?", "answer": "something", "evidence": ["D1:1"], "category": category}
        for category in (1, 2, 3, 4)
    ]
    asked.append({"question": "Who is Bo?", "adversarial_answer": "Bo", "evidence": ["D1:1"], "category": 5})
    sessions = {"session_1": turns, "session_1_date_time": "1:56 pm on 8 May, 2023"}
    return {"sample_id": "made", "conversation": sessions, "qa": asked}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Prepared for training with the embedded model's tokenizer, as `python -m titans_cli.train prepare` does."""
    from benchmarks.attach_backbone import prepared

    return prepared(data, tmp_path_factory.mktemp("work"))


@pytest.fixture
def settled(tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programs are processes of their own as a rule: they change folders, environments, threads and seeds."""
    threads, here = torch.get_num_threads(), Path.cwd()
    monkeypatch.setenv("TITANS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TITANS_MODEL", str(tiny_folder))
    monkeypatch.setenv("TITANS_THREADS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)
    os.chdir(here)


@pytest.fixture
def printed(
    settled: None,
    data: Path,
    work: Path,
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[[str], list[str]]:
    """Runs a program to its end; the lines that it printed."""

    def run(name: str) -> list[str]:
        how = PROGRAMS[name]
        for module in how.needs:
            pytest.importorskip(module)
        for where, value in how.lowered.items():
            monkeypatch.setattr(where if where.startswith("titans_cli.") else f"benchmarks.{where}", value)
        arguments = how.arguments.format(data=data, work=work, model=tiny_folder).split()
        monkeypatch.setattr(sys, "argv", [f"benchmarks.{name}", *arguments])
        importlib.import_module(f"benchmarks.{name}").main()
        return capfd.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize("name", sorted(name for name, how in PROGRAMS.items() if how.prints))
def test_a_program_runs_to_its_end_and_prints(name: str, printed: Callable[[str], list[str]]) -> None:
    assert any(PROGRAMS[name].prints in line for line in printed(name))


@pytest.mark.parametrize("name", sorted(name for name, how in PROGRAMS.items() if not how.prints))
def test_a_program_runs_to_its_end_and_reports(name: str, printed: Callable[[str], list[str]]) -> None:
    report = json.loads(printed(name)[-1])
    assert report.keys() == {"benchmark", "commit", "machine", "settings", "figures"}
    assert report["benchmark"] == name
    assert report["figures"]
    assert all(math.isfinite(value) for value in report["figures"].values())


# ---- the README's table


def test_a_clock_in_coarse_steps_is_waited_for() -> None:
    times, done = iter([1.0, 1.0, 1.0, 1.0, 1.5]), []
    assert per_s(lambda: done.append(1), lambda: next(times)) == 3 / 0.5
    assert len(done) == 3


def test_every_figure_is_what_its_program_printed_last() -> None:
    for page, text in figures.pages().items():
        assert text == page.read_text(encoding="utf-8"), "run: python -m benchmarks.figures table"
    assert 3 <= sum(row.brief for row in figures.rows()) <= 6  # in the README
    assert {row.program for row in figures.rows()} == figures.runs().keys()


def test_a_figure_that_changed_changes_the_table_and_one_that_was_not_printed_is_an_error() -> None:
    row = figures.Row("speed / share", "{tokens_per_s.10k:,.0f} / {share:.1%}, {share}", "python -m benchmarks.it")
    run = {"figures": {"tokens_per_s.10k": 12345.6, "share": 0.5}, "date": "2026-01-02", "commit": "abc"}
    line = "| speed / share | 12,346 / 50.0%, 0.5 | `python -m benchmarks.it` | 2026-01-02, abc |"
    assert figures.table([row], {row.program: run}).splitlines()[2] == line
    with pytest.raises(KeyError, match="recall"):
        figures.filled(row._replace(figure="{recall:.0%}"), run)


def test_what_a_program_prints_is_kept_with_the_day_and_put_into_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program is run as the table says, with the folder in place of DATA; or what it printed is read."""
    code = (
        "import json, os, sys; "
        "print(json.dumps(dict(commit='c', figures=dict(a=len(sys.argv), b=int(os.environ['TITANS_THREADS'])))))"
    )
    program = f'TITANS_THREADS=1 python -c "{code}" DATA'
    rows, kept, readme = tmp_path / "rows.toml", tmp_path / "runs.json", tmp_path / "README.md"
    page = tmp_path / "figures.md"
    page.write_text(f"{figures.BEGIN}{figures.END}")
    rows.write_text(f"[[row]]\nbrief = true\nwhat = 'it'\nfigure = '{{a}}, {{b}}'\nprogram = {json.dumps(program)}\n")
    kept.write_text("{}")
    readme.write_text(f"above\n{figures.BEGIN}{figures.END}\nbelow\n")
    for name, value in {"ROWS": rows, "RUNS": kept, "README": readme, "PAGE": page, "ROOT": tmp_path}.items():
        monkeypatch.setattr(figures, name, value)
    monkeypatch.setattr(sys, "argv", ["figures", "record", program, "--data", str(tmp_path)])
    figures.main()
    assert json.loads(kept.read_text())[program]["figures"] == {"a": 3, "b": 1}
    assert "| it | 3, 1 |" in readme.read_text()
    (tmp_path / "printed").write_text('step 1\n{"commit": "d", "figures": {"a": 7, "b": 8}}\n')
    monkeypatch.setattr(sys, "argv", ["figures", "record", program, "--from", str(tmp_path / "printed")])
    figures.main()
    assert "| it | 7, 8 |" in readme.read_text()
    assert "| it | 7, 8 |" in page.read_text()
    assert readme.read_text().startswith("above\n")
    assert readme.read_text().endswith("\nbelow\n")
