"""What is shipped: a wheel that works alone, with the model in it, and a version that the changelog knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import titans_cli

FOLDER = Path(titans_cli.__file__).parent.parent
MOST_BYTES = 40_000_000


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, built by the backend that pyproject.toml names."""
    if not (FOLDER / "pyproject.toml").exists():
        pytest.skip("an installed package has nothing to build")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(build, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


def test_the_wheel_holds_the_model_the_types_and_nothing_foreign(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in ("py.typed", "weights/titans-mini/model.safetensors", "weights/titans-mini/tokenizer.json"):
        assert f"titans_cli/{name}" in names
    info = f"titans_cli-{titans_cli.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"titans_cli", info}
    assert f"{info}/licenses/LICENSE" in names
    assert not [name for name in names if "__pycache__" in name]
    assert wheel.stat().st_size < MOST_BYTES


def test_the_sdist_holds_what_the_suite_and_a_rebuild_need(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "Containerfile"}
    needed |= {"tests/test_packaging.py", "docs/scripting.md", "titans_cli/weights/titans-mini/model.safetensors"}
    assert not needed - names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".git/", "runs/", "dist/"))]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it. Its dependencies are lent by the one that runs the suite: no network."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    done = subprocess.run([sys.executable, *install], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return folder


def test_the_installed_command_reads_and_answers(installed: Path, tmp_path: Path) -> None:
    """Outside this checkout, with the weights that came in the wheel."""
    (tmp_path / "note.txt").write_text("The salinity of the north basin is 31 g/kg.\n", encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TITANS_", "PYTHON"))}
    environment |= {"TITANS_HOME": str(tmp_path / "home"), "TITANS_CONFIG": os.devnull, "TITANS_THREADS": "1"}

    def run(*argv: str) -> str:
        command = [str(installed / "bin" / argv[0]), *argv[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    place = run("python", "-c", "import titans_cli; print(titans_cli.__file__)")
    assert place.startswith(str(installed))
    assert run("titans", "--version") == f"titans {titans_cli.__version__}\n"
    run("titans", "ingest", "note.txt", "-q")
    assert "31 g/kg" in run("titans", "ask", "What is the salinity of the north basin?", "-q")


def test_the_changelog_begins_with_this_version() -> None:
    text = (FOLDER / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert re.fullmatch(rf"{re.escape(titans_cli.__version__)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", headings[0])
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \((unreleased|\d{4}-\d\d-\d\d)\)", heading) for heading in headings)
    assert not any("unreleased" in heading for heading in headings[1:])


def test_the_image_is_built_from_files_that_are_there() -> None:
    """What the Containerfile copies exists, is let through by .dockerignore, and is all the build needs."""
    steps = (FOLDER / "Containerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", steps, re.MULTILINE) for word in line.split()[:-1]]
    let_through = re.findall(r"^!(.+)$", (FOLDER / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(copied) == set(let_through)
    assert all((FOLDER / name).exists() for name in copied)
    assert {"pyproject.toml", "README.md", "LICENSE", "titans_cli"} <= set(copied)
