"""Answer a question from a session.

The memory's bytes stay as they are; the question and the answer become episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from titans_cli import settings
from titans_cli.answers.compose import Answerer, AskOptions, Means
from titans_cli.answers.landmarks import Marks, own_vectors
from titans_cli.answers.written import written
from titans_cli.errors import TitansError
from titans_cli.model.encoder import SentenceEncoder, load_encoder
from titans_cli.model.interface import PassageReader, Recollection, SessionModel
from titans_cli.model.writer import Writer
from titans_cli.records import Answer, Episode, Loading, SourceRecord, Step
from titans_cli.sessions.consolidate import remembered, told_loss
from titans_cli.sessions.engines import engine_of, own_reader, reader_of, writer_of
from titans_cli.sessions.ready import require_question
from titans_cli.sessions.selection import Filter, allowed
from titans_cli.sessions.shelf import Shelf
from titans_cli.store import Episodes, Home, Landmarks, SessionStore, utc_now
from titans_cli.store.landmarks import landmarks

__all__ = ["AskModels", "AskOptions", "AskRequest", "Writing", "ask"]


@dataclass(frozen=True, slots=True)
class Writing:
    """Who writes the answer: a model folder, an id of the hub, the URL of an endpoint, or a writer that is loaded.
    `tell`: gets the pieces."""

    model: str | Writer
    loading: Loading = field(default_factory=Loading)
    max_tokens: int = 512
    tell: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A question, and of what it is asked.

    `within`: what takes part; what is excluded or superseded never does. `after`: the answer that this question
    follows; "it" and "that paper" mean the document which that was about. `follows`: it follows the last answer that
    the session keeps. `asked`: somebody put the question in these words; otherwise the answer alone is logged. `log`:
    question and answer become episodes.
    """

    question: str
    within: Filter = field(default_factory=Filter)
    after: Answer | None = None
    follows: bool = False
    asked: bool = True
    log: bool = True


@dataclass(frozen=True, slots=True)
class AskModels:
    """The models beside the session's own, each by name, folder, id of the hub or URL, or loaded; None: none.

    `writing`: writes the text from the evidence; what it cites is checked. `landmark_model`: a sentence encoder whose
    vectors take the place of the model's own landmarks; they are made when first asked for, and kept with the session.
    `reasoner`: a causal model that drafts deliberate answers, loaded as `loading` says. `reader`: finds the short
    answer in the best passages, or that nothing answers; a session whose own model can, does so by itself.
    """

    writing: Writing | None = None
    landmark_model: str | SentenceEncoder | None = None
    reasoner: str | Writer | None = None
    reader: str | PassageReader | None = None
    loading: Loading = field(default_factory=Loading)


def ask(
    home: Home,
    session: str | None,
    request: AskRequest | str,
    how: AskOptions | None = None,
    *,
    models: AskModels | None = None,
    engine: SessionModel | None = None,
    shelf: Shelf | None = None,
    tell: Callable[[Step], None] | None = None,
) -> Answer:
    """`request`: a text is a question of all that the session holds. `engine`, `shelf`: the session's, if the caller
    keeps them. `tell` is called with each step of a deliberate answer as it is done.

    Raises UsageError for an empty question or globs that match nothing, NotFoundError, IncompatibleError,
    DamagedError, StorageError, ModelError (the writer).
    """
    request = AskRequest(request) if isinstance(request, str) else request
    models, how = models or AskModels(), how or AskOptions()
    question = plain(request.question)
    require_question(question)
    settings.require_choice("route", how.route)
    store = SessionStore.open(home, session)
    store.require_open()
    engine = engine or engine_of(store.info)
    shelf = shelf or Shelf()
    encoder = models.landmark_model
    encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder
    reader = models.reader
    reader = reader_of(reader) if isinstance(reader, str) else reader or own_reader(store.info)
    if reader is not None:
        how = replace(how, passages=int(str(settings.value("reader_passages"))))
    drafter, drafts = models.reasoner, models.reasoner and how.route != "fast" and not how.closed_book
    if drafts and isinstance(drafter, str):
        drafter = writer_of(drafter, models.loading)
    heard, remembers = set[int](), how.memory

    def recall(asked: str) -> Recollection:
        if not remembers:
            return engine.recall([], asked)
        cells = shelf.cells(store, engine, only)
        recollection = engine.recall(cells, asked)
        heard.update(cells.heard)
        return recollection

    with store.episodes() as episodes, episodes.frozen():
        forgettings = episodes.forgettings()
        loss = told_loss(remembered(store.info, episodes)) if how.closed_book else None
        how = replace(how, only=(only := allowed(episodes, request.within)))
        after, last = request.after, request.follows and request.after is None
        how = replace(how, about=_last(episodes) if last else _meant(after, episodes))
        means = Means(
            episodes,
            engine,
            recall,
            marks=marks_of(episodes, engine, encoder),
            writer=drafter if drafts and not isinstance(drafter, str) else None,
            reader=None if how.closed_book else reader,
            tell=tell,
        )
        result = Answerer(means, store.info.name, episodes.newest_snapshot(), how).answer(question)
        shown = episodes.sources()
        writing = models.writing
        if writing is not None and not how.closed_book and result.kind not in ("card", "pile"):
            writer = writing.model
            if isinstance(writer, str):
                writer = writer_of(writer, writing.loading, how.sentences)
            result = written(result, episodes, writer, writing.max_tokens, writing.tell)
    if result.support == "memory":
        result = replace(result, made_from=tuple(sorted(heard.union(result.made_from))))
    result = replace(result, caution=engine.caution or loss)
    return _logged(store, result, shown, forgettings, request.asked) if request.log else result


def _logged(
    store: SessionStore, result: Answer, shown: Sequence[SourceRecord], forgettings: int, asked: bool
) -> Answer:
    """Keep question and answer in the session they are of, as it was when it was read; or say why that cannot be.

    What was forgotten meanwhile may be in them, and a session that is gone, or another of its name, has no part in
    them. Whoever asked is answered all the same.
    """
    cited = [
        {"number": c.number, "source": c.source, "uri": c.uri, "page": c.page, "start": c.start, "end": c.end}
        for c in result.citations
    ]
    of = next((s for s in shown if s.id == result.about), None)
    about = {"about": of.uri} if of else {}
    if result.short and result.support != "none":
        about["short"] = result.short
    opening = "I answered" if asked else f"I was to sum up ({result.kind})"
    exchange = [Episode(0, utc_now(), "asked", f"I was asked: {result.question}")] if asked else []
    exchange.append(Episode(0, utc_now(), "answered", f"{opening}: {result.text}", {"citations": cited, **about}))
    try:
        store.log(exchange, sources=result.made_from, forgettings=forgettings)
    except TitansError as error:
        store.finish_erasing()  # our reading may have been what it had to wait for
        return replace(result, unlogged=error.what)
    return result


def _meant(before: Answer | None, episodes: Episodes) -> int | None:
    """The document that an answer was about: its own, or that of what it cites first."""
    if before is None or before.about is not None or not before.citations:
        return before.about if before else None
    source = episodes.source_by_uri(before.citations[0].uri)
    return source.id if source else None


def _last(episodes: Episodes) -> int | None:
    """The document that the last answer was about which the session keeps."""
    answered = episodes.events(kind="answered", limit=1)
    if not answered:
        return None
    data = answered[0].data
    cited = data.get("citations")
    first = cited[0].get("uri") if isinstance(cited, list) and cited and isinstance(cited[0], dict) else None
    source = episodes.source_by_uri(str(data.get("about") or first or ""))
    return source.id if source else None


def marks_of(episodes: Episodes, engine: SessionModel, encoder: SentenceEncoder | None) -> Marks:
    """The landmarks to find blocks by, mapped from the session's folder; made first if it has none of these."""
    if encoder is None:
        made = landmarks(episodes, engine.fingerprint, lambda: Landmarks(*own_vectors(episodes, engine)))
        return Marks(*made, engine.landmark)

    def encoded() -> Landmarks:
        blocks = list(episodes.every_block())
        ids = torch.tensor([b.id for b in blocks], dtype=torch.long)
        return Landmarks(ids, encoder.passages([b.text for b in blocks]))

    return Marks(*landmarks(episodes, encoder.fingerprint, encoded), encoder.question, own=False)


def plain(text: str) -> str:
    """On one line, and text that can be written: a shell may pass any bytes."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
