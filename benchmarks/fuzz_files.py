"""The files that `benchmarks.fuzz` feeds to ingest: made whole and then spoilt, or made to hurt from the start.

`make(rng)` is (how it was made, file name, bytes), the same for the same state of `rng`.
"""

from __future__ import annotations

import io
import random
import re
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from benchmarks.common import ROOT
from tests import pdfmaker
from tests.tiny import make_sentences

Made = tuple[str, str, bytes]  # how, file name, content
HUGE = (b"2147483648", b"-1", b"4294967295", b"9223372036854775808", b"9" * 30, b"0", b"1e309", b"99999999")
ENCODINGS: tuple[str, ...] = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "latin-1",
    "cp1252",
    "koi8-r",
)
ENCODINGS += ("shift_jis", "gb18030", "big5", "utf-7", "cp037", "iso2022_jp", "hz")
SUFFIXES = (".pdf", ".html", ".md", ".txt", ".htm", ".log", ".PDF", ".text")
CHARSETS: tuple[str, ...] = (
    "punycode",
    "idna",
    "unicode_escape",
    "raw_unicode_escape",
    "utf-7",
    "undefined",
    "rot13",
    "hex",
    "zlib",
)
CHARSETS += ("utf_8_sig", "utf-16", "mbcs", "cp437", "base64", "hz", "x" * 39, "../../etc/passwd")
BIG, FULL = 100_000_000, 9_900_000  # bytes: more than the limits allow, and just as much


@cache
def samples() -> dict[str, list[bytes]]:
    """Sound files of every kind."""
    folder = ROOT / "sample_corpora" / "papers"
    found: dict[str, list[bytes]] = {"pdf": [], "html": [], "md": [], "txt": []}
    for path in sorted(folder.iterdir()):
        found[path.suffix[1:]].append(path.read_bytes())
    text = [" ".join(make_sentences(20, seed)) for seed in range(3)]
    pages = [pdfmaker.text_page(text[0]), pdfmaker.gaps_page(text[1].split()[:40], 200), pdfmaker.scanned_page()]
    found["pdf"] += [pdfmaker.make_pdf(text, title="A title"), pdfmaker.build_pdf(pages), packed_pdf(text)]
    found["pdf"] += [pdfmaker.encrypted_pdf(text, password=""), pdfmaker.encrypted_pdf(text)]
    words = "Ça coûte où? Żółw jeżyk łąka. Привет мир, это текст. 記憶は忘れる。 𝔘𝔫𝔦 😀 e\u0301\u200d. "
    found["txt"] += [(words * 30).encode(), ("\r\n".join(text)).encode("utf-16")]
    return found


def packed_pdf(texts: list[str]) -> bytes:
    """With compressed content and metadata, as programs write them."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdfmaker.make_pdf(texts))))
    for page in writer.pages:
        page.compress_content_streams()
    writer.add_metadata({"/Title": "A packed title"})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


# ---------------------------------------------------------------- spoiling what is sound


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def behead(data: bytes, rng: random.Random) -> bytes:
    return data[rng.randrange(len(data) + 1) :]


def flip(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 4, 30, 300))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def blank(data: bytes, rng: random.Random) -> bytes:
    begin, size = rng.randrange(len(data)), rng.choice((1, 64, 512, 4096))
    return data[:begin] + bytes(size) + data[begin + size :]


def drop(data: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(data))
    return data[:begin] + data[begin + rng.randrange(1, 400) :]


def repeat(data: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(data))
    piece = data[begin : begin + rng.choice((1, 3, 20, 200))]
    return data[:begin] + piece * (rng.choice((2, 100, 200_000)) // len(piece) + 2) + data[begin:]


def noise(data: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(data))
    return data[:begin] + rng.randbytes(rng.choice((1, 16, 700))) + data[begin:]


def swap(data: bytes, rng: random.Random) -> bytes:
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[b:] + data[a:b] + data[:a]


def enlarge(data: bytes, rng: random.Random) -> bytes:
    """Numbers that are not what they should be: lengths, offsets, counts, references."""
    numbers = list(re.finditer(rb"\d+", data))
    out = data
    for found in sorted(rng.sample(numbers, min(len(numbers), rng.choice((1, 1, 3, 20)))), key=lambda m: -m.start()):
        new = rng.choice((*HUGE, b"%d" % (int(found[0][:18]) + rng.choice((-1, 1))), rng.choice(numbers)[0]))
        out = out[: found.start()] + new + out[found.end() :]
    return out


def splice(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(samples()[rng.choice(list(samples()))])
    return cut(data, rng) + behead(other, rng)


SPOILING: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(cut, behead, flip, flip, flip, blank, drop, repeat, noise, swap, enlarge, enlarge, splice),
)


def spoilt(rng: random.Random) -> Made:
    kind = rng.choice(("pdf", "pdf", "pdf", "html", "md", "txt"))
    data, how = rng.choice(samples()[kind]), []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        spoil = rng.choice(SPOILING)
        data = spoil(data, rng) or data[:1]
        how.append(spoil.__name__)
    return f"{kind}: {', '.join(how)}", f"a.{kind}", data


def recoded(rng: random.Random) -> Made:
    """Text in an encoding, whole or spoilt, with or without a word on which it is."""
    kind, name = rng.choice(("html", "md", "txt")), rng.choice(ENCODINGS)
    text = rng.choice(samples()[kind]).decode("utf-8", "replace")
    data = text.encode(name, "replace")
    if kind == "html" and rng.random() < 0.7:
        declared = rng.choice((*CHARSETS, name))
        data = f'<html><meta charset="{declared}">'.encode() + data * rng.choice((1, 1, 40))
    if rng.random() < 0.5:
        data = rng.choice((cut, flip, behead, drop, noise))(data, rng)
    return f"{kind} in {name}", f"a.{kind}", data


def renamed(rng: random.Random) -> Made:
    kind = rng.choice(list(samples()))
    suffix = rng.choice(SUFFIXES)
    stem = rng.choice(("a", "é😀", "a b;c'd\"e", "new\nline", "\x1b[31mred", "-q", "x" * 240, "\udcff\udcfe", "%s{}"))
    return f"{kind} called {suffix}", stem + suffix, rng.choice(samples()[kind])


# ---------------------------------------------------------------- made to hurt


def nothing(rng: random.Random) -> Made:
    size = rng.choice((0, 1, 2, 100_000))
    what = rng.choice((b"\0", b" ", b"\n", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x0c", b".", b"\xe2\x80\x8b"))
    return f"{what!r} x {size}", "a" + rng.choice(SUFFIXES), what * size


def archive(rng: random.Random) -> Made:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archived:
        for i in range(rng.randrange(1, 4)):
            archived.writestr(f"word/{i}.xml", bytes(rng.choice((100, 10 << 20))))
    data = out.getvalue()
    if rng.random() < 0.3:
        data = zlib.compress(bytes(20 << 20), 9, 31)  # gzip
    if rng.random() < 0.3:
        data = rng.choice((b"\n", b"<html>", b"%PDF-1.4\n", b"# title\n")) + data
    return "archive", "a" + rng.choice(SUFFIXES), data


def html_trouble(rng: random.Random) -> Made:
    n = rng.choice((1000, 30_000, 200_000))
    tag = rng.choice(("div", "b", "table", "td", "li", "p", "a", "pre", "x" * 1000, "svg", "form", "select"))
    parts = {
        "deep": f"<{tag}>" * n + "the end",
        "deep and closed": f"<{tag}>" * n + "the middle" + f"</{tag}>" * n,
        "closed only": f"</{tag}>" * n + "the end",
        "wide": f"<{tag}>word</{tag}> " * n,
        "cells": "<table><tr>" + "<td>1" * n,
        "attributes": "<p " + "a=1 " * n + ">word",
        "long attribute": f'<p a="{"x" * n}">word',
        "open": "<p>word" + rng.choice(("<", "<!--", "<![CDATA[", "<?php", '<a href="', "<script>", "&#")) * n,
        "entities": rng.choice(("&amp", "&#x110000;", "&#0;", "&nosuch;", "&#99999999999999;", "&lt;b&gt;")) * n,
        "entity bomb": '<!DOCTYPE h [<!ENTITY a "ha">' + '<!ENTITY b "&a;&a;&a;">' * 9 + "]><html>&b; word",
        "declared": f'<html><meta charset="{rng.choice(CHARSETS)}"><p>' + "word - and é more, " * n,
        "comments": "<!-- a -->" * n + "word",
        "spaces": "<p>" + rng.choice((" ", "\n", "\t \n", "\u00a0")) * 20 * n + "word",
    }
    how = rng.choice(list(parts))
    return f"html: {how} x {n}", "a.html", parts[how].encode("utf-8")


def text_trouble(rng: random.Random) -> Made:
    n = rng.choice((1000, 30_000, 300_000))
    piece = rng.choice(
        (
            *(
                "*",
                "_",
                "**a",
                "[",
                "[a](",
                "![",
                "`",
                "``a",
                "> ",
                "# ",
                "- ",
                "|a",
                "~~",
                "<a ",
                "\\",
                "[^1]: ",
                "---\n",
            ),
            *("1. ", "    ", "\n", "\n ", ". ", "...", "?!", "a.b.", "J. ", "A-\n", "a ", "1", "é", "´e", "\u0301"),
            *(
                "A B C D E F ",
                "\u200d",
                "\ufdfa",
                "\u202e",
                "😀",
                "<!--",
                "a\n\n",
                "- \n",
                "|-|-\n",
                "=\n",
                "Fig. ",
                "''",
            ),
        )
    )
    data = (piece * n)[:3_000_000].encode()
    wrapped = rng.choice((data, b"A line of words.\n\n" + data + b"\n\nThe end of it.", data + b"\n" + data))
    return f"{piece!r} x {n}", rng.choice(("a.md", "a.txt")), wrapped


def pdf_of(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """Numbered from 1, with a table of where they are."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % p for p in places)
    return bytes(out + b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table))


def packed(data: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        data = zlib.compress(data, 9)
    filters = b"[" + b"/FlateDecode " * times + b"]"
    return b"<< /Length %d /Filter %s >>\nstream\n" % (len(data), filters) + data + b"\nendstream"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n" % (len(data), entries) + data + b"\nendstream"


CATALOG, TREE = b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 842] /Resources << /Font << /F1 5 0 R >> %s >> /Contents 4 0 R >>"
)
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica %s >>"
SHOWN = b"BT /F1 11 Tf 72 700 Td (A word and another.) Tj ET "


def pdf_trouble(rng: random.Random) -> Made:
    """Loops of references, sizes that are not so, and little that unpacks to much."""
    huge, n = rng.choice(HUGE), rng.choice((100, 5000, 100_000))
    plain = stream(SHOWN)
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R /Y 7 0 R >> >>"
    ranges = b"1 beginbfrange\n<0000> <%s> <0000>\nendbfrange\n" % rng.choice((b"FFFF", b"FFFFFFFF", b"FFFFFF"))
    cid = b"/Encoding /Identity-H /ToUnicode 6 0 R"
    cid += b" /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /W [0 %s 500] >>]"
    made: dict[str, Callable[[], bytes]] = {
        "kids loop": lambda: pdf_of(CATALOG, b"<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R 2 0 R] >>"),
        "kids ladder": lambda: pdf_of(
            CATALOG,
            *(b"<< /Type /Pages /Count 2 /Kids [%d 0 R %d 0 R] >>" % (i + 3, i + 3) for i in range(40)),
            PAGE % b"",
        ),
        "parent loop": lambda: pdf_of(
            CATALOG, b"<< /Type /Pages /Parent 2 0 R /Count 1 /Kids [3 0 R] >>", PAGE % b"", plain
        ),
        "contents loop": lambda: pdf_of(CATALOG, TREE, PAGE % b"", b"[4 0 R 4 0 R]", FONT % b""),
        "object is itself": lambda: pdf_of(b"1 0 R", TREE, PAGE % b"", b"4 0 R", b"5 0 R"),
        "count": lambda: pdf_of(
            CATALOG, b"<< /Type /Pages /Count %s /Kids [3 0 R] >>" % huge, PAGE % b"", plain, FONT % b""
        ),
        "length": lambda: pdf_of(
            CATALOG, TREE, PAGE % b"", b"<< /Length %s >>\nstream\n%s\nendstream" % (huge, SHOWN), FONT % b""
        ),
        "many kids": lambda: pdf_of(
            CATALOG, b"<< /Type /Pages /Count %d /Kids [%s] >>" % (n, b"3 0 R " * n), PAGE % b"", plain, FONT % b""
        ),
        "size": lambda: pdf_of(CATALOG, TREE, PAGE % b"", plain, FONT % b"", trailer=b"/Root 1 0 R /Size " + huge),
        "prev": lambda: pdf_of(
            CATALOG, TREE, PAGE % b"", plain, FONT % b"", trailer=b"/Root 1 0 R /Prev 9 /Prev " + huge
        ),
        "bomb": lambda: pdf_of(CATALOG, TREE, PAGE % b"", packed(b" " * (90 << 20), rng.choice((1, 2, 3))), FONT % b""),
        "bomb of words": lambda: pdf_of(CATALOG, TREE, PAGE % b"", packed(SHOWN * n, 2), FONT % b""),
        "run lengths": lambda: pdf_of(
            CATALOG, TREE, PAGE % b"", stream(b"\x81 " * n, b"/Filter [/RunLengthDecode]"), FONT % b""
        ),
        "lzw": lambda: pdf_of(CATALOG, TREE, PAGE % b"", stream(rng.randbytes(n), b"/Filter /LZWDecode"), FONT % b""),
        "filters": lambda: pdf_of(
            CATALOG, TREE, PAGE % b"", stream(SHOWN, b"/Filter [" + b"/ASCIIHexDecode " * n + b"]"), FONT % b""
        ),
        "predictor": lambda: pdf_of(
            *(CATALOG, TREE, PAGE % b""),
            stream(zlib.compress(SHOWN), b"/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns %s >>" % huge),
            FONT % b"",
        ),
        "forms": lambda: pdf_of(
            *(CATALOG, TREE, PAGE % b"/XObject << /X 6 0 R >>", stream(b"/X Do " + SHOWN), FONT % b""),
            *(stream(b"/Y Do " * 9 + SHOWN, form), stream(b"/X Do " * 9 + SHOWN, form)),
        ),
        "states": lambda: pdf_of(CATALOG, TREE, PAGE % b"", stream(b"q " * n + SHOWN + b"Q " * 2 * n), FONT % b""),
        "deep": lambda: pdf_of(
            CATALOG, TREE, PAGE % b"", stream(rng.choice((b"[", b"<<", b"(", b"<</A")) * n + SHOWN), FONT % b""
        ),
        "deep objects": lambda: pdf_of(CATALOG, TREE, PAGE % b"", plain, FONT % b"", b"[" * n, b"<</A " * n),
        "numbers": lambda: pdf_of(
            CATALOG,
            TREE,
            PAGE % b"",
            stream(b"BT /F1 %s Tf %s %s Td [(a) %s (b)] TJ ET" % (huge, huge, huge, huge)),
            FONT % b"",
        ),
        "widths": lambda: pdf_of(
            *(CATALOG, TREE, PAGE % b"", plain, FONT % (b"/FirstChar 0 /LastChar %s /Widths [%s]" % (huge, b"1 " * n))),
        ),
        "cmap": lambda: pdf_of(
            *(CATALOG, TREE, PAGE % b"", stream(b"BT /F1 9 Tf <00010002> Tj ET")),
            *(FONT.replace(b"Type1", b"Type0") % (cid % huge), stream(ranges * rng.choice((1, 30)))),
        ),
        "differences": lambda: pdf_of(
            *(
                CATALOG,
                TREE,
                PAGE % b"",
                plain,
                FONT % (b"/Encoding << /Differences [%s %s] >>" % (huge, b"/uni0041 " * n)),
            ),
        ),
        "image": lambda: pdf_of(
            CATALOG,
            TREE,
            PAGE % b"",
            stream(b"BI /W %s /H %s /BPC 8 ID %s" % (huge, huge, b"x" * n) + SHOWN),
            FONT % b"",
        ),
        "texts": lambda: pdf_of(CATALOG, TREE, PAGE % b"", stream(SHOWN * n), FONT % b""),
        "boxes": lambda: pdf_of(CATALOG, TREE, (PAGE % b"").replace(b"612", huge), plain, FONT % b""),
        "encrypted": lambda: pdf_of(
            *(CATALOG, TREE, PAGE % b"", plain, FONT % b""),
            trailer=b"/Root 1 0 R /ID [(a) (b)]"
            b" /Encrypt << /Filter /Standard /V %s /R 3 /O (a) /U (b) /P -4 /Length %s >>"
            % (rng.choice((b"1", b"2", b"4", b"5", huge)), huge),
        ),
    }
    how = rng.choice(list(made))
    data = made[how]()
    if rng.random() < 0.2:
        data = rng.choice((cut, flip, enlarge))(data, rng)
    return f"pdf: {how}", "a.pdf", data


def vast(rng: random.Random) -> Made:
    """A hundred megabytes in one line, or as much as a document may hold."""
    suffix = rng.choice((".txt", ".txt", ".md", ".html"))
    piece, size = rng.choice(
        (
            *(
                (b"a", BIG),
                (b"word ", BIG),
                ("é".encode("latin-1"), BIG),
                ("wörter ".encode("utf-16-le"), BIG),
                (b"\0", BIG),
            ),
            *((b"a", FULL), (b"word ", FULL), (b"Some words. ", FULL), ("記憶".encode(), BIG)),
            *((b"[a](b) ", FULL), (b"*a* ", FULL), (b"<b>a", FULL), (b"1", FULL), (b"a\n", FULL)),
        )
    )
    begin = b"\xff\xfe" if b"\0" in piece and len(piece) > 1 else b""
    return f"{piece!r} for {size:,} bytes{suffix}", f"a{suffix}", begin + piece * (size // len(piece))


KINDS: tuple[tuple[Callable[[random.Random], Made], int], ...] = (
    *((spoilt, 950), (pdf_trouble, 350), (recoded, 250), (html_trouble, 130), (text_trouble, 180), (renamed, 80)),
    *((archive, 40), (nothing, 20), (vast, 14)),
)


def make(rng: random.Random) -> Made:
    kinds, weights = zip(*KINDS, strict=True)
    chosen: Callable[[random.Random], Made] = rng.choices(kinds, weights)[0]
    how, name, data = chosen(rng)
    return f"{chosen.__name__} {how}", name, data


def write(folder: Path, rng: random.Random) -> tuple[str, Path]:
    how, name, data = make(rng)
    path = folder / name
    path.write_bytes(data)
    return f"{how} ({len(data):,} bytes)", path
