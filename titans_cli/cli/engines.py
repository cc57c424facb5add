"""Which use-case `titans ingest` runs: here or on Ray, into one session or into one a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from titans_cli.errors import UsageError
from titans_cli.progress import IngestEvent, Waiting
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, ingest
from titans_cli.store import Home

TOGETHER = 8  # sessions at a time, on a cluster
Ingesting = Callable[[Home, str | None, IngestRequest, IngestOptions], Iterator[IngestEvent | Waiting]]


def use_case(
    engine: str, address: str | None, session_per: str | None, session: str | None, *, watch: bool = False
) -> Ingesting:
    """Raises UsageError when the options do not go together."""
    if engine not in ("local", "ray"):
        raise UsageError(f"no such engine: {engine}", hint="Choose local or ray")
    if address is not None and engine != "ray":
        raise UsageError("--address is for --engine ray", hint="Add --engine ray, or leave --address out")
    if watch:
        if engine == "ray" or session_per is not None:
            option = "--engine ray" if engine == "ray" else "--session-per"
            raise UsageError(f"--watch and {option} exclude each other", hint="Leave one of them out")
        from titans_cli.sessions.watch import watch as follow

        return follow
    one: Callable[[Home, str | None, IngestRequest, IngestOptions], Iterator[IngestEvent]] = ingest
    if engine == "ray":
        from titans_cli.sessions.cluster import Cluster, ingest_on_ray

        def one(home: Home, session: str | None, what: IngestRequest, how: IngestOptions) -> Iterator[IngestEvent]:
            return ingest_on_ray(home, session, what, how, Cluster(address))

    if session_per is None:
        return one
    if session_per != "folder":
        raise UsageError(f"no such unit: {session_per}", hint="Write --session-per folder")
    if session is not None:
        raise UsageError("--session-per folder names the sessions itself", hint="Leave --session out")

    def each(home: Home, _: str | None, what: IngestRequest, how: IngestOptions) -> Iterator[IngestEvent | Waiting]:
        from titans_cli.sessions.several import ingest_each

        return ingest_each(home, what, how, one, together=TOGETHER if engine == "ray" else 1, model=how.model)

    return each
