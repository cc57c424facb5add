"""Every command on a terminal, with names and text that want to command it.

    python -m benchmarks.chaos_terminals [--json]

A home is filled with hostile file names, labels, tags, questions and notes, an endpoint answers with hostile text and
reasons, and one session's database is altered by hand. Then every command there is runs on a pseudo terminal, in colour
and as JSON. `raw`: characters that a terminal would obey, or that would turn text round, and that are not this
program's own (colours, and the few moves of its progress bar). `missing`: commands that no line here runs. `done`:
lines that ended with exit code 0.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.common import Report, parser
from tests.terminals import EVIL, on_a_terminal, raw_in


class _Handler(BaseHTTPRequestHandler):
    """`/broken` refuses with a hostile reason; anything else answers hostilely."""

    def do_GET(self) -> None:
        self._send(json.dumps({"data": [{"id": f"m{EVIL}"}]}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        piece = json.dumps({"choices": [{"delta": {"content": f"Gulls nested {EVIL} [1]."}}]})
        self._send(f"data: {piece}\n\ndata: [DONE]\n\n")

    def _send(self, body: str) -> None:
        if "broken" in self.path:
            self.send_response(503, f"no{EVIL}".replace("\r", "").encode("latin-1", "ignore").decode("latin-1"))
        else:
            self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def altered(home: Path) -> None:
    """A session as an attacker would hand it on: whatever is text in its database is hostile."""
    for path in (home / "sessions").glob("*/episodes.sqlite"):
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE events SET text = text || ?", (EVIL,))
            db.execute("UPDATE sources SET display = display || ?, uri = uri || ?", (EVIL, EVIL))
            db.execute("UPDATE items SET key = key || ? WHERE key IS NOT NULL", (EVIL,))
            db.execute("UPDATE cards SET value = value || ?, origin = origin || ? WHERE field != 'date'", (EVIL, EVIL))


def command_lines(root: Path, model: Path, url: str) -> list[list[str]]:
    """Every command, with hostile arguments and on hostile contents; in an order in which each finds something."""
    documents, missing, out = root / "docs", str(root / f"none{EVIL}.txt"), str(root / f"out{EVIL}")
    two = root / "two"
    return [
        ["session", "new", "papers", "--model", str(model)],
        ["ingest", str(documents), missing],
        ["ingest", f"http://127.0.0.1:9/{EVIL}"],
        ["ingest", f"{url}/broken", "--allow-network"],
        ["note", f"The weir {EVIL} failed in 2019.", "--tag", f"t{EVIL}"],
        ["note", f"The weir {EVIL} failed in 2019.", "--tag", "t"],
        ["memory", "add", f"Gulls {EVIL} nested upon the roof.", "--source", f"call{EVIL}"],
        ["memory", "add", f"Gulls {EVIL} nested upon the roof.", "--source", "call", "--key", "k"],
        ["memory", "add", "Another text.", "--key", f"k{EVIL}"],
        ["memory", "update", "k", f"Gulls {EVIL} nested under the roof.", "--fast"],
        ["memory", "retrieve", f"Where did gulls {EVIL} nest?"],
        ["memory", "summary", f"What of gulls {EVIL}?"],
        ["memory", "filter"],
        ["memory", "filter", "--tag", f"t{EVIL}"],
        ["recall", f"weir {EVIL}"],
        ["ask", f"Where did gulls {EVIL} nest?", "-v"],
        ["ask", "Where did gulls nest?", "--answer-model", f"{url}/v1"],
        ["ask", "Where did gulls nest?", "--answer-model", f"{url}/broken/v1#{EVIL}"],
        ["ask", "Why do gulls nest, and when?", "--reasoner", f"{url}/v1", "--route", "deliberate", "-v"],
        ["ask", "Where?", "--answer-model", str(root / f"m{EVIL}")],
        ["run", str(documents), "--ask", f"Where did gulls {EVIL} nest?", "--model", str(model)],
        ["session", "promote", "papers", "--as", "kept", "--note", f"note{EVIL}", "--yes", "--force"],
        ["ltm", "list"],
        ["ltm", "show", "kept"],
        ["ltm", "diff", "kept", "kept"],
        ["ltm", "verify", "kept"],
        ["ltm", "show", f"no{EVIL}"],
        ["session", "new", "second", "--from", "kept"],
        ["ingest", str(documents)],
        ["memory", "add", f"The mill {EVIL} burned.", "--key", "m"],
        ["ltm", "rm", "kept", "--dry-run"],
        ["session", "list"],
        ["session", "use", "second"],
        ["session", "use", f"no{EVIL}"],
        ["session", "fork", "third", "--no-use"],
        ["session", "export", out],
        ["session", "import", out, "--name", "fourth"],
        ["session", "import", missing],
        ["ltm", "export", f"no{EVIL}", out],
        ["ltm", "import", missing],
        ["report", "-o", str(root / f"r{EVIL}.html")],
        *(["search", words] for words in ("gulls", f'"{EVIL}"', "of")),
        ["sources"],
        *(["show", "1", *how] for how in ((), ("--page", "1"), ("--all",))),
        ["show", f"no{EVIL}"],
        ["open", "1"],
        ["chat"],
        ["themes"],
        ["trends", "--long"],
        *(["cite", *how] for how in ((), ("-v",), ("--bibtex",), ("--csl",))),
        ["ask", f"Who wrote Gulls {EVIL}?"],
        ["session", "forget", f"d{EVIL}", "--yes"],
        ["session", "forget", "1", "--dry-run"],
        ["session", "rewind", "--to", "1", "--dry-run"],
        ["memory", "delete", "m", "--dry-run"],
        ["memory", "gc"],
        ["config", "show"],
        ["config", "path"],
        ["config", "set", "model", f"m{EVIL}"],
        ["config", "show"],
        ["config", "unset", "model"],
        ["model", "list"],
        ["model", "info", str(model)],
        ["model", "info", str(root / f"m{EVIL}")],
        ["model", "pull", f"m{EVIL}", "--offline"],
        ["model", "verify", str(model)],
        ["model", "adapt", str(root / f"m{EVIL}"), "--corpus", missing, "--steps", "1"],
        ["mcp", "--root", missing],
        ["mcp", "--http", f"no{EVIL}:1"],
        ["help", f"no{EVIL}"],
        ["help"],
        [f"no{EVIL}"],
        ["ALTERED", str(two)],
        ["doctor"],
        ["session", "list"],
        ["session", "show"],
        ["session", "log"],
        ["memory", "filter"],
        ["memory", "retrieve", "gulls"],
        ["recall", "gulls mill asked"],
        ["ask", "Where did gulls nest?", "--no-log"],
        ["ask", "Who wrote Gulls?", "--no-log"],
        *(["cite", *how] for how in ((), ("-v",), ("--bibtex",), ("--csl",))),
        ["check"],
        ["check", "--read-data"],
        ["report", "-o", "-"],
        ["session", "repair", "--dry-run"],
        ["session", "gc", "--older-than", "0s", "--dry-run"],
        ["session", "discard", "second", "--yes"],
    ]


def terminals(root: Path, model: Path, ways: Sequence[Sequence[str]]) -> Counter[str]:
    """The figures, with every command line run in all `ways`, which are added to it; says on stderr what is wrong."""
    from titans_cli.cli import tree
    from titans_cli.cli.app import command_tree

    figures: Counter[str] = Counter()
    documents = root / "docs"
    documents.mkdir(parents=True)
    (documents / f"d{EVIL}.txt").write_text(
        f"Gulls nested upon the roof. {EVIL} Masons rested in 2019.\n", encoding="utf-8"
    )
    head = f'<title>Gulls{EVIL}</title><meta name="author" content="Ann{EVIL} Moss"><meta name="date" content="2019">'
    (documents / f"p{EVIL}.html").write_text(f"<html><head>{head}</head><body><p>Gulls nested.</p></body></html>")
    (documents / f"e{EVIL}.pdf").write_bytes(b"%PDF-1.4\nno")
    (documents / "b\udc9b\udcff.txt").write_text("Bells rang across the frozen meadow.\n", encoding="utf-8")
    ran = set[str]()
    with endpoint() as url:
        for argv in command_lines(root, model, url):
            if argv[0] == "ALTERED":
                altered(Path(os.environ["TITANS_HOME"]))
                continue
            for extra in ways:
                if "--json" in extra and (argv[0] in ("report", "mcp") or argv[:2] == ["session", "new"]):
                    continue
                code, text = on_a_terminal([*argv, *extra])
                figures["commands"] += 1
                ran |= {" ".join(["titans", *argv[:n]]) for n in (1, 2)}
                found = raw_in(text)
                figures["raw"] += len(found)
                figures["done"] += code == 0
                figures["crashed"] += isinstance(code, str)
                if found or isinstance(code, str):
                    print(f"{argv}: {Counter(found)} {code}\n{text!r:.2000}", file=sys.stderr)
    every = {d.path for d in tree.describe(command_tree()).walk() if not d.commands}
    figures["missing"] = len(every - ran)
    return figures


def scenario(root: Path, model: Path, report: Report) -> None:
    """All of it, with an environment of its own for the rest of this process."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy", "NO_COLOR"):
        os.environ.pop(name, None)
    home = {"TITANS_HOME": root / "home", "TITANS_CONFIG": root / "config.toml", "HF_HOME": root / "hub"}
    os.environ.update({k: str(v) for k, v in home.items()} | {"TERM": "xterm", "TITANS_THREADS": "1"})
    (root / "config.toml").touch()
    figures = terminals(root, model, (["--color", "always"], ["--json"]))
    for name in ("commands", "done", "raw", "crashed", "missing"):
        report.add(f"terminals.{name}", figures[name])


def main() -> None:
    args = parser(__doc__).parse_args()
    report = Report("chaos_terminals", {})
    with tempfile.TemporaryDirectory(prefix="titans-terminals-") as folder:
        from tests.tiny import SPEC, make_sentences, write_folder
        from titans_cli.model.tokenizer import TitansTokenizer

        tokenizer = TitansTokenizer.train(make_sentences(400), SPEC.vocab_size)
        scenario(Path(folder) / "world", write_folder(Path(folder) / "model", tokenizer), report)
    report.print(as_json=args.json)


if __name__ == "__main__":
    main()
