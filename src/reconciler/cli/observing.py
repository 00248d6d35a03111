"""The verbs for who watches a stack from outside: health checks, metrics, dashboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Specs, StateDir, Verb, app
from .stack import find_settings

dashboards = typer.Typer(help="Dashboards for Grafana, rules for Prometheus.", no_args_is_help=True)
app.add_typer(dashboards, name="dashboards")


@dashboards.command()
def export(
    ctx: Verb,
    folder: Annotated[Path, typer.Option("--to", help="Where to write them.")] = Path("grafana"),
    runbooks: Annotated[
        str | None,
        typer.Option("--runbooks", help="Where alerts find their pages, a URL or a folder."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 when they are old.")] = False,
) -> int:
    """Write dashboards, alerts and what provisions them. Needs no running stack."""
    from .dashboards import export as write

    return write(ctx.obj, folder=folder, runbooks=runbooks, check=check)


@app.command()
def healthcheck(
    _: Verb,
    what: Annotated[
        str | None, typer.Argument(help="One resource: web, process/web, synctarget/data.")
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Ask through the gateway at this port.")
    ] = 0,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait.")] = 4.0,
    specs: Specs = None,
    state_dir: StateDir = None,
) -> int:
    """Ask whether all is well, or one resource; exit code 1 when not, or when nobody answers."""
    from .healthcheck import check, page_of
    from .names import demand_word

    if what is not None:
        demand_word(what)
    socket = find_settings(specs, state_dir).operator_socket
    return check(page_of(what or ""), ("127.0.0.1", port) if port else str(socket), timeout)


@app.command()
def metrics(
    ctx: Verb,
    docs: Annotated[Path, typer.Argument(help="Where the guide lies.")] = Path("docs"),
    write: Annotated[bool, typer.Option("--write", help="Write the tables of the guide.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 when they are old.")] = False,
) -> int:
    """Print every metric there is. Needs no running stack."""
    from .metrics import metrics as tell

    return tell(ctx.obj, docs=docs, write=write, check=check)
