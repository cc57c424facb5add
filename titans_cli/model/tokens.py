"""Documents to segments: whole sentences, packed up to the model's segment length, never across a page.

Attention never crosses a segment and a token is only bound to its successor in the same segment, so a sentence cut in
two would be half forgotten. Packing whole sentences costs some padding and buys that every sentence is read in one
piece, that a segment's place in its page is exact, and that the stream can stop and go on at any segment with the
memory alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from titans_cli.model.interface import Encoder
from titans_cli.records import Page, Segment
from titans_cli.sentences import VERSIONS, sentence_spans

LONGEST_PIECE = 1200  # characters; bounds what one call to the tokenizer sees, whatever the document
AT_ONCE = 512  # pieces in one call: an encoding takes a hundred times the room of its ids


def segment_pages(
    pages: Sequence[Page],
    tokenizer: Encoder,
    length: int,
    pause: Callable[[], None] = lambda: None,
    version: int = VERSIONS[0],
) -> list[Segment]:
    """Segments of at most `length` tokens, in reading order. `pause` is called for every piece: it may raise.

    `version`: of the rules by which sentences are told (`sentences.VERSIONS`).
    """
    segments: list[Segment] = []
    for page in pages:
        start, end, ids = 0, 0, list[int]()
        for (a, b), piece in _pieces(page.text, tokenizer, length, version):
            pause()
            if ids and len(ids) + len(piece) > length:
                segments.append(_segment(len(segments), page, start, end, ids))
                ids = []
            if not ids:
                start = a
            ids, end = ids + piece, b
        if ids:
            segments.append(_segment(len(segments), page, start, end, ids))
    return segments


def _segment(index: int, page: Page, start: int, end: int, ids: list[int]) -> Segment:
    return Segment(index, page.number, start, end, page.text[start:end], tuple(ids))


def _pieces(text: str, tokenizer: Encoder, length: int, version: int) -> Iterator[tuple[tuple[int, int], list[int]]]:
    spans = [piece for span in sentence_spans(text, version) for piece in _cut(text, span)]
    for start in range(0, len(spans), AT_ONCE):
        some = spans[start : start + AT_ONCE]
        encoded = tokenizer.encode_many([_sentence_text(text, span) for span in some])
        for span, ids in zip(some, encoded, strict=True):
            yield from _fit(text, span, ids, tokenizer, length)


def _sentence_text(text: str, span: tuple[int, int]) -> str:
    return text[slice(*span)].replace("\n", " ")


def _cut(text: str, span: tuple[int, int]) -> Iterator[tuple[int, int]]:
    start, end = span
    while end - start > LONGEST_PIECE:
        space = text.rfind(" ", start + LONGEST_PIECE // 2, start + LONGEST_PIECE)
        middle = space if space > 0 else start + LONGEST_PIECE
        yield start, middle
        start = middle + (space > 0)
    if end > start:
        yield start, end


def _fit(
    text: str, span: tuple[int, int], ids: list[int], tokenizer: Encoder, length: int
) -> Iterator[tuple[tuple[int, int], list[int]]]:
    """Halve what is longer than a segment, at a space where there is one."""
    if len(ids) <= length:
        yield span, ids
        return
    start, end = span
    middle = (start + end) // 2
    space = text.find(" ", middle, end - 1)
    left, right = ((start, space), (space + 1, end)) if space > 0 else ((start, middle), (middle, end))
    for half in (left, right):
        yield from _fit(text, half, tokenizer.encode(_sentence_text(text, half)), tokenizer, length)
