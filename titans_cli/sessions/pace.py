"""How long reading takes: by what this machine did last time, and by what this run has done. Imports no torch.

The home keeps two kinds of ratios in `pace.json`: tokens a second, by model and threads, and tokens a byte, by the
suffix of the files. Nothing else of what was read is in it. Half of each comes from the newest run, so one slow evening
is soon outlived.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath

from titans_cli.errors import StorageError
from titans_cli.records import Source
from titans_cli.store import Home
from titans_cli.store.files import atomic_write

FILE = "pace.json"
SCHEMA = "titans.pace/1"
LEAST_TOKENS, LEAST_SECONDS = 2_000, 5.0  # of a run whose speed is worth more than the last one's: a paper, and warm
_LARGEST = 1 << 20  # bytes of the file
_KEPT = 0.5  # of what was known, in a new mean


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of this machine. Empty at first, and when the file is not one of ours."""

    tokens_per_s: Mapping[str, float] = field(default_factory=dict)  # by `key`
    tokens_per_byte: Mapping[str, float] = field(default_factory=dict)  # by suffix: ".pdf"


def key(fingerprint: str, precision: str, threads: int) -> str:
    return f"{fingerprint[:12]} {precision} {threads}"


def load(home: Home) -> Pace:
    """What the home knows; a file that is missing, damaged or somebody else's says nothing."""
    try:
        with (home.root / FILE).open("rb") as file:
            data = json.loads(file.read(_LARGEST))
        if data["schema"] != SCHEMA:
            return Pace()
        return Pace(_ratios(data["tokens_per_s"]), _ratios(data["tokens_per_byte"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Pace()


def _ratios(stored: object) -> dict[str, float]:
    if not isinstance(stored, dict):
        return {}
    numbers = {str(k): float(v) for k, v in stored.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    return {k: v for k, v in numbers.items() if 0 < v < 1e12}


class Forecast:
    """How long the rest of a run takes. `machine`: the `key` of who reads; None when it is read elsewhere."""

    def __init__(self, pace: Pace, machine: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._machine, self._clock = pace, machine, clock
        self._sizes: dict[str, tuple[str, int]] = {}  # by address: suffix and bytes of what is to be looked at yet
        self._tokens: dict[str, float] = {}  # by suffix, of what this run has read whole
        self._bytes: dict[str, float] = {}
        self._here = 0  # tokens of the document being read that are left
        self._of: str | None = None
        self._read, self._busy, self._began = 0, 0.0, clock()

    def begin(self, sources: Sequence[Source], sizes: Mapping[str, int]) -> None:
        self._sizes = {s.uri: (suffix(s.display), sizes[s.uri]) for s in sources}
        self._began = self._clock()

    def started(self, uri: str, tokens: int, left: int) -> None:
        """A document was cut: how many tokens it has, and how many of them are not learned yet."""
        if left == tokens and uri in self._sizes:  # else a part of it was read by an earlier run
            kind, size = self._sizes[uri]
            self._tokens[kind] = self._tokens.get(kind, 0.0) + tokens
            self._bytes[kind] = self._bytes.get(kind, 0.0) + size
        self._sizes.pop(uri, None)
        self._of, self._here = uri, left

    def read(self, tokens: int) -> None:
        self._here = max(0, self._here - tokens)
        self._read += tokens

    def done(self, uri: str) -> None:
        """Read, skipped or failed."""
        self._sizes.pop(uri, None)
        if uri == self._of:
            self._here = 0

    def speed(self) -> float | None:
        """Tokens a second: this run's as soon as it says something, else the last one's."""
        took = self._clock() - self._began
        if self._read >= LEAST_TOKENS and took >= LEAST_SECONDS:
            return self._read / took
        return self._pace.tokens_per_s.get(self._machine or "")

    def tokens_of(self, kind: str, size: int) -> float | None:
        """Of a file that nobody has read yet; None when no file of its suffix was ever read."""
        if self._bytes.get(kind):
            return size * self._tokens[kind] / self._bytes[kind]
        ratio = self._pace.tokens_per_byte.get(kind)
        return None if ratio is None else size * ratio

    def left(self) -> float | None:
        """Seconds; None as long as nothing is known to tell it by."""
        speed = self.speed()
        ahead = [self.tokens_of(kind, size) for kind, size in self._sizes.values()]
        if not speed or any(tokens is None for tokens in ahead):
            return None
        return (self._here + sum(tokens or 0.0 for tokens in ahead)) / speed

    def keep(self, home: Home) -> None:
        """Have the home remember what this run has shown, if it was long enough to show anything. A disk that takes no
        more loses an estimate and nothing else."""
        took = self._clock() - self._began
        if self._machine is None or self._read < LEAST_TOKENS or took < LEAST_SECONDS:
            return
        speeds, ratios = dict(self._pace.tokens_per_s), dict(self._pace.tokens_per_byte)
        speeds[self._machine] = _mean(speeds.get(self._machine), self._read / took)
        for kind, size in self._bytes.items():
            if size and self._tokens[kind]:
                ratios[kind] = _mean(ratios.get(kind), self._tokens[kind] / size)
        data = {"schema": SCHEMA, "tokens_per_s": _rounded(speeds), "tokens_per_byte": _rounded(ratios)}
        with suppress(StorageError):
            atomic_write(home.root / FILE, [json.dumps(data, indent=1, sort_keys=True).encode() + b"\n"])


def suffix(name: str) -> str:
    return PurePath(name).suffix.lower()


def _mean(known: float | None, new: float) -> float:
    return new if known is None else _KEPT * known + (1 - _KEPT) * new


def _rounded(ratios: Mapping[str, float]) -> dict[str, float]:
    """Two digits are as much as such a figure says."""
    return {k: float(f"{v:.2g}") for k, v in ratios.items()}
