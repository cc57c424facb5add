"""Sessions to ask: ten planted documents read by the tiny model, and the sample corpus read by the embedded one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sessions.samples import read_into, start
from titans_cli.model.engine import Engine
from titans_cli.records import Answer
from titans_cli.sessions.ask import AskOptions, AskRequest, ask
from titans_cli.store import Episodes, Home, SessionStore

PAPERS = Path(__file__).resolve().parents[2] / "sample_corpora" / "papers"

# A sentence for every year, so that no two documents are alike and no word of them comes again and again.
_FILLER = (
    "Gulls nested upon the northern roof while masons rested.",
    "Ripe cherries filled nine baskets near the mill gate.",
    "Violins sounded across frozen meadows after midnight bells.",
    "Painters mixed ochre with linseed inside a draughty attic.",
    "Two ferrymen argued loudly over missing copper coins.",
    "Shepherds counted their flock beside the crooked willow.",
    "Bakers burned seven loaves because nobody watched the oven.",
    "Lanterns swayed gently below the vaulted cellar ceiling.",
    "Young sailors carved whales from driftwood every evening.",
    "Rain soaked the orchard until ladders sank into mud.",
)


def planted(folder: Path) -> list[Path]:
    """2011 to 2020: glimmer pumps come up from 2016, ember wheels go after 2014, harbour chains are always there."""
    folder.mkdir(parents=True)
    paths = []
    for number, filler in enumerate(_FILLER):
        year = 2011 + number
        said = [f"Notes of the year {year}.", filler, "Harbour chains were inspected again by the crew that spring."]
        if number >= 5:
            said.append("Glimmer pumps lifted the water without any smoke or noise.")
        if number <= 3:
            said.append("Ember wheels turned slowly and burned a great deal of peat.")
        if number == 6:
            said.append("The quibbleworth anchor weighs 412 kilograms and is iron.")
        paths.append(folder / f"{year}-notes.txt")
        paths[-1].write_text(" ".join(said) + "\n", encoding="utf-8")
    return paths


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Home:
    """Session `planted`. Tests only ask it, without a trace."""
    root = tmp_path_factory.mktemp("planted")
    home = Home(root / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TITANS_THREADS", "1")
        start(home, "planted", tiny_folder)
    read_into(home, "planted", planted(root / "documents"))
    return home


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Session `papers`: sample_corpora/papers, read by the embedded model."""
    from titans_cli.sessions.ingest import create_session

    home = Home(tmp_path_factory.mktemp("papers") / "home")
    home.ensure()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TITANS_THREADS", "1")
        create_session(home, "papers")
    read_into(home, "papers", [PAPERS])
    return home


@pytest.fixture
def asked(home: Home) -> Callable[..., Answer]:
    def answer(question: str, sentences: int = 3) -> Answer:
        return ask(home, "planted", AskRequest(question, log=False), AskOptions(sentences))

    return answer


@pytest.fixture
def sample_asked(sample_home: Home) -> Callable[..., Answer]:
    def answer(question: str, sentences: int = 3) -> Answer:
        return ask(sample_home, "papers", AskRequest(question, log=False), AskOptions(sentences))

    return answer


@pytest.fixture
def episodes(home: Home) -> Iterator[Episodes]:
    with SessionStore.open(home, "planted").episodes() as opened:
        yield opened


@pytest.fixture
def engine(tiny_engine: Engine) -> Engine:
    return tiny_engine
