"""Settings: each with its value and where that was set, and what a change of the file did.

Which settings there are, and which place beats which, is `titans_cli.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from titans_cli import settings
from titans_cli.cli.render.console import Output, document, line, table


def listed(values: Mapping[str, settings.SettingValue], output: Output) -> None:
    """All of them; with --quiet those that are set, as KEY=VALUE."""
    if output.json:
        listed = [
            {"name": name, "value": v.value, "origin": v.origin, "where": v.where, "variable": v.setting.variable}
            | {"type": v.setting.kind, "default": v.setting.default, "flag": v.setting.flag, "help": v.setting.help}
            for name, v in values.items()
        ]
        document("config", {"file": str(settings.config_file()), "settings": listed})
    elif output.quiet:
        for name, v in values.items():
            if v.origin != "default":
                line(f"{name}={v.value}")
    else:
        rows = [["SETTING", "VALUE", "FROM", "WHAT IT IS"]]
        rows += [[name, _cell(v.value), v.where or v.origin, v.setting.help] for name, v in values.items()]
        table(rows)


def path(file: Path, output: Output) -> None:
    if output.json:
        document("config-path", {"file": str(file), "exists": file.exists()})
    else:
        line(str(file))


def changed(key: str, value: settings.Value, file: Path, output: Output) -> None:
    """`value`: what it is now; None: it is not set any more."""
    if output.json:
        document("config-changed", {"name": key, "value": value, "file": str(file)})
    elif not output.quiet:
        line(f"{key} is not set in {file}" if value is None else f"{key} = {value} in {file}")


def _cell(value: settings.Value) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
