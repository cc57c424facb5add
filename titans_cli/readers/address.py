"""What is an address on the network and not the name of a file. Apart from `fetch`, which pulls in all of http."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"https?://", re.I)


def is_address(uri: str) -> bool:
    return _ADDRESS.match(uri) is not None
