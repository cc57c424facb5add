"""Answers on the sample corpus against the answers its README states: findings, sources, refusals, verbatim quotes.

findings.answered   the stated figure stands in the answer's text
findings.cited      the stated file and page are among the citations
refused             of the questions the corpus does not answer (and three from elsewhere), how many are refused
quotes.verbatim     quotes found character for character on the page they name
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

from benchmarks.common import ROOT, Report, parser
from titans_cli.answers.compose import answer
from titans_cli.sessions.engines import engine_of
from titans_cli.sessions.ingest import What, create_session, ingest
from titans_cli.store import Home, SessionStore

CORPUS = ROOT / "sample_corpora"
ELSEWHERE = ("Who is the president of France?", "What is the capital of Zarvex?", "Who won the world cup in 2022?")


def findings(readme: str) -> list[tuple[str, str, str, int]]:
    """(question, figure, file, page) of every row of the README's table."""
    rows = re.findall(r"^\| \d+ \| (.+?) \| (.+?) \| `(.+?)` \| (\d+) \|", readme, re.M)
    figure = re.compile(r"\d[\d.,:]*\d|\d+|forty")
    return [(q, found.group(), file, int(page)) for q, a, file, page in rows if (found := figure.search(a))]


def main() -> None:
    options = parser(__doc__).parse_args()
    readme = (CORPUS / "README.md").read_text(encoding="utf-8")
    absent = re.findall(r"^\d+\. (.+\?)$", readme.split("does not answer")[-1], re.M)
    report = Report("answers", {"corpus": "sample_corpora"})
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.ensure()
        create_session(home, "bench")
        for _ in ingest(home, "bench", What([str(CORPUS / "papers")])):
            pass
        store = SessionStore.open(home, "bench")
        engine = engine_of(store.info)
        snapshot, tensors, _ = store.load_latest()
        state = engine.from_tensors(tensors)
        with store.episodes() as episodes:
            given = [
                answer(q, episodes=episodes, engine=engine, state=state, session="bench", snapshot=snapshot.number)
                for q in [row[0] for row in findings(readme)]
            ]
            begun = time.perf_counter()
            refused = [
                answer(q, episodes=episodes, engine=engine, state=state, session="bench", snapshot=snapshot.number)
                for q in (*absent, *ELSEWHERE)
            ]
            taken = (time.perf_counter() - begun) / len(refused)
            sources = {s.uri: s.id for s in episodes.sources()}
            quotes = [
                episodes.page(sources[c.uri], c.page)[c.start : c.end] == c.quote for a in given for c in a.citations
            ]
    rows = list(zip(findings(readme), given, strict=True))
    report.add("findings", len(rows))
    report.add("findings.answered", sum(figure in a.text for (_, figure, _, _), a in rows) / len(rows))
    cited = [any(c.uri.endswith(file) and c.page == page for c in a.citations) for (_, _, file, page), a in rows]
    report.add("findings.cited", sum(cited) / len(rows))
    report.add("refused", sum(a.support == "none" for a in refused) / len(refused))
    report.add("quotes", len(quotes))
    report.add("quotes.verbatim", sum(quotes) / max(1, len(quotes)))
    report.add("seconds_per_question", taken)
    report.print(as_json=options.json)


if __name__ == "__main__":
    main()
