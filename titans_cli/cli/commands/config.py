"""titans config: what is set, where, and setting it; the table itself is `settings.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from titans_cli import settings
from titans_cli.cli import completion, options
from titans_cli.cli.render import config as view
from titans_cli.cli.render.console import Output
from titans_cli.cli.terminal import in_json
from titans_cli.cli.tree import Grouped
from titans_cli.errors import UsageError
from titans_cli.store.files import atomic_write, private_mkdir

app = typer.Typer(cls=Grouped, help="Look at and change the settings.", rich_markup_mode=None)
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="A setting: titans config show.", autocompletion=completion.settings)
]
_BY_HAND = "Change it in an editor; it is TOML"


@app.command(epilog="Example: titans config show --json | jq '.settings[] | select(.origin != \"default\")'")
def show(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Show every setting, and where its value comes from: default, settings file, or environment variable.

    A flag beats the variable, which beats the file. With -q only those that are set, as KEY=VALUE.
    """
    view.listed(settings.load(), Output(json, quiet))


@app.command(epilog="Example: $EDITOR $(titans config path)")
def path(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Print the path of the settings file, whether it is there or not."""
    view.path(settings.config_file(), Output(json, quiet))


@app.command("set", epilog="Example: titans config set route deliberate")
def set_(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it shall be.")],
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Set a setting in the settings file; the rest of the file stays as it is."""
    if key not in settings.SETTINGS:
        raise settings.unknown(key)
    setting = settings.SETTINGS[key]
    try:
        parsed = setting.parse(value)
    except ValueError as error:
        problem = f"{key} cannot be {value!r}: it has to be {setting.wanted}"
        raise UsageError(problem, hint="See: titans config show") from error
    if setting.kind == "path":
        parsed = str(Path(str(parsed)).absolute())  # where it is now, whatever folder the next command runs in
    file = _change(key, f"{key} = {_toml(parsed)}")
    view.changed(key, parsed, file, Output(json, quiet))


@app.command(epilog="Example: titans config unset route")
def unset(key: Key, json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Take a setting out of the settings file; unknown ones too."""
    file = _change(key, None)
    view.changed(key, None, file, Output(json, quiet))


def _change(key: str, line: str | None) -> Path:
    """Replace, add or remove the line that sets `key`, provided that it changes nothing else. Raises UsageError."""
    import tomllib

    file = settings.config_file()
    if file.exists() and not file.is_file():  # /dev/null, say: it would be replaced
        raise UsageError("this is no file that could be changed", subject=str(file), hint="Set TITANS_CONFIG to one")
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        before = tomllib.loads(text)
        if setting_line := settings.line_of(key).search(text):
            rest = text[setting_line.end() :].removeprefix("\n") if line is None else text[setting_line.end() :]
            changed = text[: setting_line.start()] + (line or "") + rest
        else:
            top = text if not text or text.endswith("\n") else text + "\n"
            changed = top if line is None else f"{top}{line}\n"
        after = tomllib.loads(changed)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot be changed line by line ({error})", subject=str(file), hint=_BY_HAND) from error
    if {**before, key: None} != {**after, key: None}:
        raise UsageError(f"more than {key} would change", subject=str(file), hint=_BY_HAND)
    if line is not None:
        settings.parse_file(changed, file)
    if changed != text:
        private_mkdir(file.parent)
        atomic_write(file.resolve(), [changed.encode()])
    return file


def _toml(value: settings.Value) -> str:
    """A basic TOML string has the escapes of JSON, and may hold no DEL."""
    import json

    return in_json(json.dumps(value, ensure_ascii=False))
