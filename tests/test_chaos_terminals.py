"""Every command among hostile names, as `benchmarks.chaos_terminals` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chaos_terminals import terminals


def test_every_command_on_a_terminal(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TITANS_SESSION", "TITANS_COLOR", "TITANS_PLAIN", "NO_COLOR", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TITANS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TITANS_MODEL", str(tiny_folder))
    monkeypatch.setenv("TITANS_THREADS", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    (tmp_path / "config.toml").touch()
    monkeypatch.setenv("TITANS_CONFIG", str(tmp_path / "config.toml"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    figures = terminals(tmp_path / "world", tiny_folder, [["--color", "always"]])
    assert (figures["raw"], figures["crashed"], figures["missing"]) == (0, 0, 0)
    assert figures["done"] > figures["commands"] / 2  # they show something
