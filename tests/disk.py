"""What lies in folders, and the most that lay there."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def used(*folders: Path) -> int:
    """Bytes of all files there now; one that goes meanwhile counts nothing."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
                except OSError:
                    continue
    return total


class Peak:
    """The most that lay in some folders while it watched."""

    def __init__(self, *folders: Path) -> None:
        self.folders, self.before = folders, used(*folders)
        self.most = self.before
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.most = max(self.most, used(*self.folders))

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, used(*self.folders))

    @property
    def taken(self) -> int:
        return self.most - self.before
