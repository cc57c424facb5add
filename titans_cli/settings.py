"""The settings: what may be set once instead of said every time, each declared here and nowhere else.

A flag beats the environment variable TITANS_<NAME>, which beats the key of the same name in the settings file, which
beats the default. The file is TOML: the one that TITANS_CONFIG names, or config.toml in the platform's user config
folder. An unknown key, a wrong type and a value out of bounds are a UsageError that names the file and the key.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titans_cli.errors import UsageError
from titans_cli.steps import Hint, NextStep

Value = str | int | bool | None
CONFIG = "TITANS_CONFIG"
# Read from the environment only: where the file is, and what is too secret to stand in one.
ENVIRONMENT_ONLY = frozenset({CONFIG, "TITANS_API_KEY", "TITANS_MCP_TOKEN"})
_SIZE = re.compile(r"(\d{1,12}(?:\.\d+)?)\s*([kMGT]?)(i?)B?", re.I)
_TIME = re.compile(r"(\d{1,12}(?:\.\d+)?)\s*([smhd]?)")
LONGEST = 100 * 365 * 86400.0  # seconds: whoever says more has to mean forever
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """`kind` is "text", "path", "time", "size", "whole" (a number from `least`), "yes/no", or "a|b|c": a choice."""

    name: str
    kind: str
    default: Value
    help: str
    option: bool = False  # of the commands it concerns
    least: int = 1
    most: int | None = None

    @property
    def variable(self) -> str:
        return f"TITANS_{self.name.upper()}"

    @property
    def flag(self) -> str | None:
        """The option's name on the command line."""
        return "--" + self.name.replace("_", "-") if self.option else None

    @property
    def wanted(self) -> str:
        """What a value has to be, in words."""
        if self.kind == "whole":
            return f"a whole number from {self.least} to {self.most}" if self.most else "a whole number of at least 1"
        if "|" in self.kind:
            *others, last = self.kind.split("|")
            return f"{', '.join(others)} or {last}"
        kinds = {
            "time": "a time like 30s, 5m, 1h or 30d",
            "size": "a size like 500MB or 4GB",
            "yes/no": "true or false",
        }
        return kinds.get(self.kind, "a text")

    def parse(self, raw: object) -> Value:
        """A value from TOML, or the text of a variable. Raises ValueError when it is none."""
        if self.kind == "yes/no":
            return _yes(raw)
        if self.kind == "whole":
            number = int(raw) if isinstance(raw, str) and re.fullmatch(r"\d{1,9}", raw) else raw
            if isinstance(number, bool) or not isinstance(number, int):
                raise ValueError(raw)
            if not self.least <= number <= (self.most or number):
                raise ValueError(raw)
            return number
        if self.kind in ("time", "size") and isinstance(raw, int | float) and not isinstance(raw, bool):
            raw = str(raw)
        if not isinstance(raw, str) or not raw:
            raise ValueError(raw)
        if self.kind == "time":
            seconds(raw)
        elif self.kind == "size":
            size(raw)
        elif "|" in self.kind and raw not in self.kind.split("|"):
            raise ValueError(raw)
        elif self.kind == "path":
            return str(Path(raw).expanduser())
        return raw


def _yes(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in (*_YES, *_NO):
        return raw.lower() in _YES
    raise ValueError(raw)


SETTINGS = {
    s.name: s
    for s in (
        Setting("home", "path", None, "Where sessions and long-term memory live. Default: the user's state folder."),
        Setting("session", "text", None, "The session that commands use. Default: the current one.", option=True),
        Setting("model", "text", None, "A model folder, or an id of the hub. Default: titans-mini.", option=True),
        Setting("device", "auto|cpu|cuda|mps", "auto", "Where somebody else's model runs.", option=True),
        Setting("answer_model", "text", None, "Who writes answers: a model or a URL. Default: nobody.", option=True),
        Setting("precision", "fp32|bf16|auto", "fp32", "Of the trunk's products, in sessions to be made.", option=True),
        Setting(
            "session_memory",
            "yes/no",
            False,
            "Sessions to be made keep a memory of all they read too. Made for smollm2; reading takes longer.",
        ),
        Setting(
            "threads", "whole", None, "Of sessions to be made. Default: the cores it may use, at most 4.", most=1024
        ),
        Setting(
            "max_room",
            "size",
            None,
            "Disk that one document, item or copy may take. Default: a tenth of what is free, a half for a copy.",
            option=True,
        ),
        Setting("memory", "size", "1GB", "What the memory of a session to be made may take before it gives way."),
        Setting("retry_lock", "time", "0s", "How long to wait for another writer.", option=True),
        Setting("sentences", "whole", 3, "At most so many sentences in an answer.", option=True, most=20),
        Setting("top_k", "whole", 16, "How many passages an answer is looked for in.", option=True, most=200),
        Setting("route", "auto|fast|deliberate", "auto", "How a question is answered.", option=True),
        Setting("landmark_model", "text", None, "A sentence encoder to find passages by.", option=True),
        Setting("reasoner", "text", None, "Who drafts deliberate answers: a model or a URL.", option=True),
        Setting(
            "reader", "text", None, "Who finds short answers: a model. Default: the session's, if it can.", option=True
        ),
        Setting("reader_passages", "whole", 3, "How many passages a reader reads for an answer.", most=16),
        Setting("budget", "time", None, "Time for a deliberate answer. Default: no limit.", option=True),
        Setting("pdf", "auto|pypdf", "auto", "What reads PDF; auto: pypdfium2, and pypdf what that refuses."),
        Setting("color", "auto|always|never", "auto", "Colour; auto: on a terminal, without NO_COLOR.", option=True),
        Setting("plain", "yes/no", False, "No colour, no bars, nothing that moves.", option=True),
        Setting("offline", "yes/no", False, "Never use the network. HF_HUB_OFFLINE=1 does the same.", option=True),
    )
}


@dataclass(frozen=True, slots=True)
class SettingValue:
    setting: Setting
    value: Value
    origin: str  # "default", "file" or "environment"
    where: str = ""  # the file, or the variable


def require_choice(name: str, chosen: str | None) -> None:
    """Raises UsageError for what is none of a setting's choices; None is fine."""
    choices = SETTINGS[name].kind.split("|")
    if chosen is not None and chosen not in choices:
        hint = f"Choose {', '.join(choices[:-1])} or {choices[-1]}"
        raise UsageError(f"no such {name}: {chosen[:40]}", hint=hint)


def seconds(text: str) -> float:
    """ "30", "30s", "5m", "1h", "30d" in seconds. Raises ValueError."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    amount = float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match.group(2)]
    return min(amount, LONGEST)


def size(text: str) -> int:
    """ "800", "500MB", "4G", "1.5GiB" in bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    power = "kmgt".index(match.group(2).lower()) + 1 if match.group(2) else 0
    return int(float(match.group(1)) * (1024 if match.group(3) else 1000) ** power)


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The settings file; it need not exist, unless TITANS_CONFIG names it."""
    if named := environ.get(CONFIG):
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_config_dir("titans", appauthor=False)) / "config.toml"


def read_file(environ: Mapping[str, str] = os.environ) -> dict[str, Value]:
    """What the settings file says, checked. Raises UsageError naming file, line and key."""
    path = config_file(environ)
    try:
        if path.is_fifo():
            raise OSError(errno.EINVAL, "a pipe can be read only once")
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as error:
        if environ.get(CONFIG):
            hint = f"Make it, or unset {CONFIG}"
            raise UsageError(f"{CONFIG} names this file, and it is not there", subject=str(path), hint=hint) from error
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        hint = f"Mend it, or name another file in {CONFIG}"
        raise UsageError(f"the settings file cannot be read ({why})", subject=str(path), hint=hint) from error
    return parse_file(text, path) if text.strip() else {}


def parse_file(text: str, path: Path) -> dict[str, Value]:
    """The settings in the text of a file. Raises UsageError."""
    import tomllib

    try:
        entries: dict[str, Any] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        hint = 'Mend it; a line looks like: route = "deliberate"'
        why = "it is nested too deeply" if isinstance(error, RecursionError) else f"not TOML: {error}"
        raise UsageError(why, subject=str(path), hint=hint) from error
    values: dict[str, Value] = {}
    for key, raw in entries.items():
        where = f"{path}{_line(text, key)}"
        if key not in SETTINGS:
            raise unknown(key, where)
        try:
            values[key] = SETTINGS[key].parse(raw)
        except ValueError as error:
            problem = f"{key} is {raw!r}, and has to be {SETTINGS[key].wanted}"
            raise UsageError(
                problem, subject=where, hint=Hint("Correct it, or take it out: ", NextStep("config unset", key=key))
            ) from error
    return values


def unknown(key: str, where: str | None = None) -> UsageError:
    close = difflib.get_close_matches(key, SETTINGS, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    return UsageError(f"there is no setting {key!r}", subject=where, hint=f"{meant}There are: {', '.join(SETTINGS)}")


def line_of(key: str) -> re.Pattern[str]:
    """Matches the line of the file that sets `key`; group 1 is all of it."""
    return re.compile(
        rf"^([ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=.*|[ \t]*\[+[ \t]*{re.escape(key)}\b.*)$", re.MULTILINE
    )


def _line(text: str, key: str) -> str:
    match = line_of(key).search(text)
    return f", line {text.count(chr(10), 0, match.start()) + 1}" if match else ""


def load(environ: Mapping[str, str] = os.environ) -> dict[str, SettingValue]:
    """Every setting's value and where it comes from. Raises UsageError for the first that makes no sense."""
    in_file, path = read_file(environ), str(config_file(environ))
    values = {}
    for setting in SETTINGS.values():
        if environ.get(setting.variable):
            values[setting.name] = _from_environment(setting, environ)
        elif setting.name in in_file:
            values[setting.name] = SettingValue(setting, in_file[setting.name], "file", path)
        else:
            values[setting.name] = SettingValue(setting, setting.default, "default")
    return values


def value(name: str, environ: Mapping[str, str] = os.environ) -> Value:
    """One setting's value, for those who are not given it as an option. Raises UsageError."""
    setting = SETTINGS[name]
    if environ.get(setting.variable):
        return _from_environment(setting, environ).value
    return read_file(environ).get(name, setting.default)


def _from_environment(setting: Setting, environ: Mapping[str, str]) -> SettingValue:
    variable = setting.variable
    try:
        return SettingValue(setting, setting.parse(environ[variable]), "environment", variable)
    except ValueError as error:
        problem = f"is {environ[variable]!r}, and has to be {setting.wanted}"
        raise UsageError(problem, subject=variable, hint=f"Correct it, or unset {variable}") from error


def strangers(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables that look like ours and are not: probably misspelt."""
    known = {s.variable for s in SETTINGS.values()} | ENVIRONMENT_ONLY
    return sorted(name for name in environ if name.startswith("TITANS_") and name not in known)
