"""A session's memory within a bound: what gives way when there is too much of it, and what comes back.

A cell is kept verbatim, in outline (the tokens that say most, their coefficients fitted anew), or only as text: then
its file holds no token, and what the document says is found by its words alone. In which form each is kept follows from
what the session holds now: the cells of least use give way first, of these the ones that surprised least; all that must
go into outline before any goes for good. How the session came to be does not matter. So the same documents and
questions give the same bytes whatever was stopped, resumed or forgotten in between; and what there is room for again,
since something was forgotten or the bound was raised, is learned anew from its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from titans_cli import settings
from titans_cli.errors import UsageError
from titans_cli.records import (
    CLOSED,
    INHERITED,
    OUTLINE,
    SUPERSEDED,
    TEXT,
    VERBATIM,
    Remembered,
    SessionInfo,
    SnapshotInfo,
    SourceRecord,
)
from titans_cli.steps import Hint, NextStep
from titans_cli.store import Addition, Episodes, SessionStore, StoredCell, keep_copy
from titans_cli.store.manifest import FORMAT, write_session

if TYPE_CHECKING:
    from torch import Tensor

    from titans_cli.model.interface import SessionModel

BOUND = "bound"  # in a session's `memory`: bytes
# Of a cell's tokens that are kept. Two fifths, fitted anew, recall five sixths of what the cells kept whole do; a third
# of them two thirds; a half hardly more (docs/log.md, 2026-11-28).
SHARES = {OUTLINE: 2 / 5, TEXT: 0.0}
OVER = 1 / 8  # of the bound: while documents follow, it may be passed by so much before all is planned anew
BESIDE = 1_000  # bytes of a cell's file that are no rows, at most: its header

Place = tuple[int, int]  # a cell: its source and its number in it


@dataclass(frozen=True, slots=True)
class Held:
    """A cell, and what decides its form."""

    row: SnapshotInfo
    start: int  # its first segment
    form: str
    whole: int  # bytes of its file when it is verbatim
    tokens: int
    surprise: float
    uses: int  # answers that the session keeps which were made from its document; -1 of what was superseded
    stays: bool  # verbatim, come what may

    @property
    def place(self) -> Place:
        return self.row.source_id, self.row.cell

    def size(self, form: str) -> int:
        """Bytes of its file in a form, at most."""
        return self.whole if form == VERBATIM else min(self.whole, BESIDE + int(self.whole * SHARES[form]))


def wanted_bound(engine: SessionModel, bound: int | None) -> int | None:
    """Bytes for the memory of a session to be made: those that were said, or the setting's; None where cells are not
    closed, since only closed ones can give way. Raises UsageError when something was said there."""
    if engine.closed_token is None:
        _refuse(bound)
        return None
    return bound if bound is not None else settings.size(str(settings.value("memory")))


def _refuse(bound: int | None) -> None:
    if bound is not None:
        problem = "the memory of this model cannot be bounded: its cells are kept as they are"
        raise UsageError(problem, hint="Leave the bound out, or use the embedded model")


def bound_of(info: SessionInfo) -> int | None:
    """Bytes that the memory of a session may take; None: as much as it wants."""
    bound = info.memory.get(BOUND)
    return bound if isinstance(bound, int) and not isinstance(bound, bool) and bound > 0 else None


def set_bound(store: SessionStore, episodes: Episodes, bound: int) -> None:
    """Give a session another bound; what it asks for is `settle`'s part. Raises UsageError where there can be none."""
    if store.info.memory.get("attached") is not None:
        _refuse(bound)
    if store.info.format != FORMAT:
        compact = NextStep("session repair", session=store.info.name, compact=True)
        hint = Hint("Make it small first: ", compact)
        raise UsageError("an earlier release made this session, and its memory is not bounded", hint=hint)
    if bound_of(store.info) != bound:
        store.info = replace(store.info, memory={**store.info.memory, BOUND: bound})
        keep_copy(store.info, episodes)
        write_session(store.folder, store.info)


def held(info: SessionInfo, episodes: Episodes) -> list[Held]:
    """All cells, in the order of reading."""
    sources = {source.id: source for source in episodes.sources()}
    read = defaultdict[int, list[tuple[int, float]]](list)
    for source_id, _, tokens, surprise in episodes.surprises():
        read[source_id].append((tokens, surprise))
    forms, uses, gone = episodes.consolidated(), episodes.uses(), episodes.withheld(SUPERSEDED)
    cells, begun = list[Held](), dict[int, int]()
    for row in episodes.snapshots():
        source, start = sources[row.source_id], begun.get(row.source_id, 0)
        begun[row.source_id] = row.blocks_done
        form, whole = forms.get((row.source_id, row.cell), (VERBATIM, row.size))
        blocks = read[row.source_id][start : row.blocks_done]
        tokens = sum(n for n, _ in blocks)
        surprise = sum(n * s for n, s in blocks) / max(1, tokens)
        stays = (
            source.origin.startswith(INHERITED)  # the gate holds an heir to its bytes
            or not source.complete
        )
        used = -1 if source.id in gone else uses.get(source.id, 0)
        cells.append(Held(row, start, form, whole, tokens, surprise, used, stays))
    return cells


def planned(cells: Sequence[Held], bound: int, topics: float) -> dict[Place, str]:
    """The form of every cell that may give way. `topics`: what a byte of a cell's file takes once more in the file of
    topics."""
    forms = {cell.place: VERBATIM for cell in cells if not cell.stays}
    giving = sorted((c for c in cells if not c.stays), key=lambda c: (c.uses, c.surprise, c.place))
    left = int(bound / (1 + topics)) - sum(cell.row.size if cell.stays else cell.whole for cell in cells)
    for form, cell in chain(((OUTLINE, c) for c in giving), ((TEXT, c) for c in giving)):
        if left >= 0:
            break
        left += cell.size(forms[cell.place]) - cell.size(form)
        forms[cell.place] = form
    return forms


def settle(
    store: SessionStore, episodes: Episodes, load: Callable[[], SessionModel], *, more_follows: bool = False
) -> int:
    """Bring every cell into its form, a document a commit, and say how many changed. Only inside `store.writer()`.

    All cells are planned together, so where `more_follows` nothing is done before the bound is passed by `OVER` of it:
    the documents between two plans are as many, however many were read before. Stopped in between, the next writer
    goes on. `load`: gives the engine, and is called if there is something to do. Raises StorageError, DamagedError, and
    what `load` does.
    """
    bound = bound_of(store.info)
    if bound is None:
        return 0
    topics = _topics_share(store.info)
    size = episodes.memory_size() * (1 + topics)
    if (size <= bound and not episodes.consolidated()) or (more_follows and size <= bound * (1 + OVER)):
        return 0
    cells = held(store.info, episodes)
    forms = planned(cells, bound, topics)
    due = defaultdict[int, list[Held]](list)
    for cell in cells:
        if forms.get(cell.place, cell.form) != cell.form:
            due[cell.row.source_id].append(cell)
    sources, changed = {s.id: s for s in episodes.sources()} if due else {}, 0
    for source_id, some in due.items():
        source = sources[source_id]
        made = {c: _made(load(), store, episodes, source, c, forms[c.place]) for c in some}
        ready = {c: tensors for c, tensors in made.items() if tensors is not None}
        store.commit(
            source,
            Addition(forms={c.row.cell: (forms[c.place], c.whole) for c in ready}),
            cells=[StoredCell(c.row.cell, c.row.blocks_done, tensors) for c, tensors in ready.items()],
        )
        changed += len(ready)
    return changed


def _made(
    engine: SessionModel, store: SessionStore, episodes: Episodes, source: SourceRecord, cell: Held, form: str
) -> Mapping[str, Tensor] | None:
    """A cell in its new form: of what there is, or where that is too little, of its text; None if that is cut otherwise
    than it was read, and for a cell that could not be closed."""
    if cell.form == VERBATIM or form == TEXT:
        tensors = store.load(cell.row)
        return in_form(engine, tensors, form) if all(name.startswith(CLOSED) for name in tensors) else None
    from titans_cli.sessions.learning import learn, segments_as_read

    blocks = episodes.blocks_of(source.id)
    segments = segments_as_read(engine, episodes.pages(source.id), source, blocks)
    if [s.text for s in segments[: len(blocks)]] != [b.text for b in blocks]:
        return None
    *_, last = learn(engine, segments[cell.start : cell.row.blocks_done])
    return in_form(engine, last.cell.tensors, form)


def in_form(engine: SessionModel, tensors: Mapping[str, Tensor], form: str) -> Mapping[str, Tensor]:
    """A closed verbatim cell in another form."""
    return tensors if form == VERBATIM else engine.outlined(dict(tensors), SHARES[form])


def remembered(info: SessionInfo, episodes: Episodes) -> Remembered:
    """How much of what was read is still held verbatim, in outline, or only as text."""
    tokens, size = dict.fromkeys((VERBATIM, OUTLINE, TEXT), 0), 0
    for cell in held(info, episodes):
        tokens[cell.form] += cell.tokens
        size += cell.row.size
    return Remembered(bound_of(info), int(size * (1 + _topics_share(info))), **tokens)


def told_loss(remembered: Remembered) -> str | None:
    """What whoever asks the memory alone has to know; None when all is held verbatim."""
    if not remembered.outline and not remembered.text:
        return None
    verbatim, outline, text = remembered.verbatim, remembered.outline, remembered.text
    return (
        f"the memory has reached its bound: of {verbatim + outline + text:,} tokens it holds "
        f"{verbatim:,} verbatim, {outline:,} in outline and {text:,} only as text, so without the "
        "text it answers from what it still holds"
    )


def _topics_share(info: SessionInfo) -> float:
    """Bytes of the codes of a closed cell's topics, a byte of the cell: a bit for a number of a topic
    (`memory/codes.py`), where a number of its rows has four (`memory/closed.py`)."""
    widths = [info.memory.get(name) for name in ("d_key", "d_topic", "d_value")]
    known = [w for w in widths if isinstance(w, int) and not isinstance(w, bool) and w > 0]
    return -(-known[1] // 8) / (sum(known) / 2) if len(known) == len(widths) else 0.0
