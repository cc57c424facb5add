"""The exit codes in words, for the help and docs/commands.md.

Which error has which, `titans_cli.errors` decides; that a command ends with it, `main`.
"""

from __future__ import annotations

# What a script can rely on. README and docs/scripting.md show the same table, and a test compares them.
EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "wrong usage, or a setting that makes no sense",
    3: "some inputs failed, the rest is committed",
    10: "no such session or LTM entry",
    11: "locked by another writer (`--retry-lock 5m` waits)",
    12: "made with another model or memory layout",
    13: "damaged on disk",
    20: "not promoted: below a bound of the gate (`--force` promotes all the same)",
    130: "interrupted (SIGINT; 143 for SIGTERM, 129 SIGHUP, 131 SIGQUIT); what was committed stays",
    141: "the reader of the output has gone, as in `titans ... | head`",
}
