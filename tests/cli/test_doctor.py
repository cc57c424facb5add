"""titans doctor says what is wrong and what to change, and changes nothing unless told to."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.cli.conftest import Titans
from titans_cli.sessions import doctor, machine
from titans_cli.store import Home


def examined(titans: Titans, *argv: str, code: int = 0) -> dict[str, dict[str, str]]:
    """Findings by name; of several of one name the worst."""
    done = titans("doctor", *argv, "--json")
    assert done.code == code, done.out
    document = done.document
    assert document["healthy"] is (code == 0)
    order = ["ok", "advice", "problem"]
    return {f["name"]: f for f in sorted(document["findings"], key=lambda f: order.index(f["level"]))}


def test_on_a_sound_machine_nothing_fails_and_nothing_is_left_behind(titans: Titans, home: Home) -> None:
    findings = examined(titans)
    looked_at = {"titans", "packages", "settings", "terminal", "cores", "threads", "home", "locks", "disk", "device"}
    assert looked_at | {"model", "speed"} <= set(findings)
    assert findings["model"]["level"] == findings["locks"]["level"] == findings["home"]["level"] == "ok"
    assert "tokens/s" in findings["speed"]["said"]
    assert all(f["todo"] for f in findings.values() if f["level"] != "ok")
    assert not home.root.exists()
    assert not list(home.root.parent.glob(".titans-doctor-*"))


def test_it_names_the_fingerprint_that_sessions_are_made_with(titans: Titans) -> None:
    fingerprint = titans("session", "new", "--json").document["fingerprint"]
    assert fingerprint[:12] in examined(titans)["model"]["said"]


def test_quiet_shows_only_what_is_not_in_order(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TITANS_SESION", "papers")
    done = titans("doctor", "-q")
    assert done.code == 0
    assert "TITANS_SESION" in done.out
    assert "\nok " not in f"\n{done.out}"


def test_a_model_that_does_not_load_is_a_problem(
    titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TITANS_MODEL", str(tmp_path / "nowhere"))
    findings = examined(titans, code=1)
    assert findings["model"]["level"] == "problem"
    assert "nowhere" in findings["model"]["said"]
    assert findings["model"]["todo"]


def test_settings_that_make_no_sense_are_a_problem_and_no_crash(
    titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("sesion = 'x'\n", encoding="utf-8")
    monkeypatch.setenv("TITANS_CONFIG", str(file))
    findings = examined(titans, code=1)
    assert findings["settings"]["level"] == "problem"
    assert f"{file}, line 1" in findings["settings"]["said"]


def test_a_home_that_others_can_read_is_told_and_with_fix_mended(titans: Titans, home: Home, papers: Any) -> None:
    (home.sessions_dir / "papers").chmod(0o755)
    (home.sessions_dir / "papers" / "session.json").chmod(0o644)
    permissions = examined(titans)["permissions"]
    assert (permissions["level"], permissions["todo"]) == ("advice", "Run: titans doctor --fix")
    assert permissions["said"].startswith("2 files and folders")
    assert (home.sessions_dir / "papers").stat().st_mode & 0o777 == 0o755
    assert examined(titans, "--fix")["permissions"]["level"] == "ok"
    assert (home.sessions_dir / "papers").stat().st_mode & 0o777 == 0o700
    assert (home.sessions_dir / "papers" / "session.json").stat().st_mode & 0o777 == 0o600
    assert examined(titans)["permissions"]["said"] == "readable by you alone"


def test_a_home_that_cannot_be_written_is_a_problem(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one without permission would be; but the suite may run as root, whom nothing is forbidden."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refused)
    finding = examined(titans, code=1)["home"]
    assert "cannot be written (Permission denied)" in finding["said"]
    assert "titans config set home" in finding["todo"]


def test_locks_that_do_not_lock_are_a_problem(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    monkeypatch.setattr(doctor, "exclusive", lambda path, timeout: nullcontext())
    assert examined(titans, code=1)["locks"]["said"] == "a lock does not keep a second writer out here"


@pytest.mark.parametrize(("free", "level"), [(10_000_000, "problem"), (500_000_000, "advice"), (9_000_000_000, "ok")])
def test_room_on_the_disk(titans: Titans, monkeypatch: pytest.MonkeyPatch, free: int, level: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert examined(titans, code=int(level == "problem"))["disk"]["level"] == level


def test_more_threads_than_cores_are_told(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "cores", lambda: machine.Cores(8, 8, 0.5))
    monkeypatch.setenv("TITANS_THREADS", "2")
    findings = examined(titans)
    assert findings["cores"]["said"] == "8 in the machine, 8 allowed, 0.5 by the control group"
    assert findings["threads"]["todo"].startswith("Set TITANS_THREADS=1")


def test_a_package_that_is_missing_or_too_old_is_a_problem(titans: Titans, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["typer>=99", "no-such-package>=1", "numpy; extra == 'dev'", "torch>=2"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: needs)
    packages = examined(titans, code=1)["packages"]["said"]
    assert "no-such-package is missing" in packages
    assert "is not >=99" in packages
    assert "torch" not in packages


def diagnosis(name: str, **how: Any) -> doctor.Diagnosis:
    """The first of that name; what comes after it is not examined."""
    return next(each for each in doctor.examine(**how) if each.name == name)


@pytest.mark.usefixtures("home")
def test_a_terminal_without_utf_8_is_told() -> None:
    assert diagnosis("terminal", encoding="ascii").todo
    assert diagnosis("terminal", encoding="UTF-8").level == "ok"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("cuda", "available", "level"), [("12.8", False, "advice"), (None, False, "ok"), ("12.8", True, "ok")]
)
def test_a_cuda_build_without_a_gpu_is_told(
    monkeypatch: pytest.MonkeyPatch, cuda: str | None, available: bool, level: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    device = diagnosis("device")
    assert device.level == level
    assert ("CUDA 12.8" in device.said) == (level == "advice")


# ---------------------------------------------------------------- what a control group grants


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("membership", "folder", "files", "quota"),
    [
        ("0::/box\n", "box", {"cpu_max": "150000 100000\n"}, 1.5),
        ("0::/box\n", "box", {"cpu_max": "max 100000\n"}, None),
        ("0::/box/inner\n", "box", {"cpu_max": "200000 100000\n"}, 2.0),
        ("4:cpu,cpuacct:/box\n", "cpu,cpuacct/box", {"cpu_cfs_quota_us": "50000", "cpu_cfs_period_us": "100000"}, 0.5),
        ("4:cpu:/box\n", "cpu/box", {"cpu_cfs_quota_us": "-1", "cpu_cfs_period_us": "100000"}, None),
        ("4:memory:/box\n", "memory/box", {"cpu_max": "50000 100000"}, None),
        ("nonsense\n", "box", {"cpu_max": "50000 100000"}, None),
    ],
)
def test_the_quota_of_a_control_group_bounds_the_threads(
    tmp_path: Path, membership: str, folder: str, files: dict[str, str], quota: float | None
) -> None:
    (tmp_path / "membership").write_text(membership, encoding="utf-8")
    group(tmp_path / "cgroup" / folder, **files)
    here = machine.cores(tmp_path / "cgroup", tmp_path / "membership")
    assert here.quota == quota
    assert 1 <= here.usable <= here.allowed
    assert quota is None or here.usable <= max(1, round(quota + 0.49))


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert machine.cores(tmp_path, tmp_path / "none").quota is None


def test_threads_are_those_set_or_the_usable_cores_at_most_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: machine.Cores(64, 64, None))
    monkeypatch.delenv("TITANS_THREADS", raising=False)
    assert machine.default_threads() == 4
    monkeypatch.setattr(machine, "cores", lambda: machine.Cores(64, 64, 1.5))
    assert machine.default_threads() == 2
    monkeypatch.setenv("TITANS_THREADS", "7")
    assert machine.default_threads() == 7


def test_a_version_newer_than_what_was_tested_is_named_by_the_doctor_and_by_nobody_else(
    titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = doctor.TESTED.read_text(encoding="utf-8").splitlines()
    older = tmp_path / "tested.txt"
    older.write_text("\n".join("rich==1.2" if x.startswith("rich==") else x for x in lines), encoding="utf-8")
    monkeypatch.setattr(doctor, "TESTED", older)
    monkeypatch.setattr(doctor, "NEWEST_PYTHON", "3.10")
    finding = examined(titans)["tested"]
    assert finding["level"] == "advice"
    assert f"rich {importlib.metadata.version('rich')} (1.2)" in finding["said"]
    assert f"python {platform.python_version()} (3.10)" in finding["said"]
    assert "torch" not in finding["said"]
    assert finding["todo"]
    assert titans("session", "new", "papers").err.count("rich") == 0


@pytest.mark.parametrize(
    ("installed", "newer"), [("5.24.0", False), ("5.24.0+local", False), ("5.20.1", False), ("5.24.1", True)]
)
def test_newer_is_newer_than_the_newest_release_that_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str, newer: bool
) -> None:
    pins = tmp_path / "tested.txt"
    pins.write_text('# made by\ntransformers==5.24.0\nnumpy==1.0 ; python_version < "3"\n', encoding="utf-8")
    monkeypatch.setattr(doctor, "TESTED", pins)
    versions = {"transformers": installed, "numpy": "2.4", "unknown": "9"}
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: list(versions))
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    before_the_settings = takewhile(lambda finding: finding.name != "settings", doctor.examine())
    lines = [finding.said for finding in before_the_settings if finding.name == "tested"]
    assert any(f"transformers {installed}" in line for line in lines) == newer
    assert not any("numpy" in line or "unknown" in line for line in lines)


def test_what_a_killed_run_of_the_first_release_left_is_named_and_removed_when_asked(
    titans: Titans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = tmp_path / "titans-run-old", tmp_path / "titans-run-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "episodes.sqlite").write_text("all of the text")
    for path in (old / "episodes.sqlite", old):
        os.utime(path, (1, 1))
    assert str(old) in examined(titans)["leftovers"]["said"]
    assert old.is_dir()
    assert "gone now" in titans("doctor", "--fix").out
    assert (old.exists(), new.exists()) == (False, True)  # one that was touched today may be at work
