"""What is known of models without loading them: the fingerprint that the same files had when they were loaded last.

A model's fingerprint depends on its files, on how it is loaded and on this code, all of which can be told without a
single weight in memory. So whoever names another model than a session's is refused at once, and nobody waits for the
one that is refused. Every entry is only remembered: what is not known is loaded, and whoever goes on to use a model
compares the fingerprint that loading gives.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from titans_cli.errors import TitansError
from titans_cli.model import hub, memo, named
from titans_cli.model.interface import EMBEDDED, EMBEDDED_PATH, RULES
from titans_cli.records import Loading
from titans_cli.version import __version__

MOST = 100  # models, of which each may be loaded in several ways
_HEX = re.compile(r"[0-9a-f]{64}")
SESSION_WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "smollm2" / "session.safetensors"
_CODE = ("model/spec.py", "memory/config.py")  # what a native model's fingerprint is made of beside its files


@dataclass(frozen=True, slots=True)
class Places:
    """`root`: a folder of the user's for what is made of models: adapters by backbone, digests of weights."""

    root: Path

    @property
    def digests(self) -> Path:
        return self.root / "digests.json"

    def adapters(self, backbone: str) -> list[Path]:
        """Of this backbone, the newest first."""
        adapters = (self.root / "adapters").glob(f"{backbone[:16]}-*.safetensors")
        return sorted(adapters, key=lambda p: (-p.stat().st_mtime_ns, p.name))

    def adapter(self, backbone: str, digest: str) -> Path:
        return self.root / "adapters" / f"{backbone[:16]}-{digest[:16]}.safetensors"


@dataclass(frozen=True, slots=True)
class Identity:
    """A model as it is loaded: `files`, a digest over its files; `key`, over all that its fingerprint depends on."""

    files: str
    key: str


def native(model: str | None, root: Path) -> Identity | None:
    """Of the embedded model, or of the folder of a native one. `root`: where what is known of models is kept.

    None where there is none: loading it says why."""
    folder = EMBEDDED_PATH if model in (None, "", EMBEDDED) else Path(model or "").expanduser()
    try:
        files = hub.fingerprint(hub.ModelFolder(folder, str(folder), None), root / "digests.json")
    except TitansError:
        return None
    package = Path(__file__).resolve().parent.parent
    code = [hashlib.sha256((package / name).read_bytes()).hexdigest() for name in _CODE]
    return Identity(files, _key([__version__, files, *code]))


def attached(model: str, loading: Loading, root: Path) -> Identity | None:
    """Of a model with a memory attached, loaded as a session keeps it: with the adapter's digest, a device and a dtype.

    None where something of that is open, or there is no such model."""
    adapter = loading.adapter or ""
    if not (adapter == "untrained" or _HEX.fullmatch(adapter)) or "auto" in (loading.device, loading.dtype):
        return None
    try:
        location = named.find(model, root, revision=loading.revision)
        files = hub.fingerprint(location, root / "digests.json")
    except TitansError:
        return None
    of: list[object] = [__version__, RULES, files, adapter, loading.device, loading.dtype]
    if loading.session_memory:
        of.append(hashlib.sha256(session_weights(location.folder).read_bytes()).hexdigest())
    return Identity(files, _key(of))


def session_weights(folder: Path) -> Path:
    """Of the memory of a whole session, for the model in a folder: what lies beside it, or else what is shipped."""
    return own if (own := folder / SESSION_WEIGHTS.name).is_file() else SESSION_WEIGHTS


def fingerprint(identity: Identity, root: Path) -> str | None:
    """What it was when this very model was loaded last; None if that is not known."""
    entry = _known(root).get(identity.key)
    return entry[0] if entry else None


def files(fingerprint: str, root: Path) -> str | None:
    """The digest over the files of a model that has this fingerprint; None if that is not known."""
    return next((entry[1] for entry in _known(root).values() if entry[0] == fingerprint), None)


def remember(identity: Identity, fingerprint: str, root: Path) -> None:
    known = _known(root)
    if known.get(identity.key) != (fingerprint, identity.files):
        newest = [*known.items(), (identity.key, (fingerprint, identity.files))][-MOST:]
        memo.remember(root / "fingerprints.json", dict(newest))


def _known(root: Path) -> dict[str, tuple[str, str]]:
    kept = memo.recalled(root / "fingerprints.json")
    sound = {k: v for k, v in kept.items() if isinstance(v, list) and len(v) == 2 and all(map(_is_digest, v))}
    return {key: (value[0], value[1]) for key, value in sound.items()}


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _key(of: list[object]) -> str:
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
