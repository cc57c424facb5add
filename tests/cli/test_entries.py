"""`titans ltm verify` and `rm`, of sound entries and of damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Titans
from titans_cli.store import Home

pytestmark = pytest.mark.usefixtures("papers")


@pytest.fixture
def kept(titans: Titans, home: Home) -> Path:
    """The folder of an entry."""
    assert titans("session", "promote", "--as", "kept", "--yes").code == 0
    return home.ltm_dir / "kept"


def put(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def test_a_sound_entry_is_verified(titans: Titans, kept: Path) -> None:
    assert titans("ltm", "verify", "kept").code == 0
    assert titans("ltm", "verify", "kept", "--json").document["name"] == "kept"


@pytest.mark.parametrize("name", ["entry.json", "memory.safetensors", "episodes.sqlite"])
def test_one_wrong_bit_anywhere_is_found(titans: Titans, kept: Path, name: str) -> None:
    data = bytearray((kept / name).read_bytes())
    data[len(data) // 2] ^= 1
    put(kept / name, bytes(data))
    done = titans("ltm", "verify", "kept")
    assert done.code == 13
    assert name in done.err


@pytest.mark.parametrize("damage", [b"", b"{}", b"no json", b'{"schema": "titans.entry", "format": 99}'])
def test_an_entry_too_damaged_to_be_read_can_be_removed_as_its_error_says(
    titans: Titans, kept: Path, damage: bytes
) -> None:
    put(kept / "entry.json", damage)
    assert titans("ltm", "show", "kept").code in (12, 13)
    assert titans("ltm", "rm", "kept", "--dry-run").code == 0
    assert kept.is_dir()
    assert titans("ltm", "rm", "kept", "--yes").code == 0
    assert not kept.exists()
