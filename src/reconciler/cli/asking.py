"""The verbs that only tell: their flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from .options import (
    AListing,
    AnOutput,
    Limit,
    Listing,
    LogOutput,
    Output,
    Specs,
    StateDir,
    Stream,
    Verb,
    app,
)
from .stack import find_settings

A_REF: Final = "A kind, a name or both: process, web, Process/web."


@app.command()
def status(
    ctx: Verb,
    specs: Specs = None,
    state_dir: StateDir = None,
    output: AnOutput = Output.TEXT,
    strict: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 when not in sync, 3 when not healthy.")
    ] = False,
) -> int:
    """Say how everything is."""
    from .status import status as tell

    return tell(find_settings(specs, state_dir), ctx.obj, output=output.value, strict=strict)


@app.command()
def get(
    ctx: Verb,
    what: Annotated[str | None, typer.Argument(help=A_REF)] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    output: AListing = Listing.TEXT,
) -> int:
    """List resources."""
    from .get import get as fetch

    return fetch(find_settings(specs, state_dir), ctx.obj, what=what, output=output.value)


@app.command()
def describe(
    ctx: Verb,
    what: Annotated[str, typer.Argument(help=A_REF)],
    specs: Specs = None,
    state_dir: StateDir = None,
    output: AnOutput = Output.TEXT,
) -> int:
    """Say all about a resource, down to its last events and log lines."""
    from .describe import describe as tell

    return tell(find_settings(specs, state_dir), ctx.obj, what=what, output=output.value)


@app.command()
def explain(
    ctx: Verb,
    what: Annotated[
        str | None, typer.Argument(help="A kind or one of its fields: process.restart.policy.")
    ] = None,
    output: AnOutput = Output.TEXT,
) -> int:
    """Say what a field of the specs means. Needs no running stack."""
    from .explain import explain as teach

    return teach(ctx.obj, what=what, output=output.value)


@app.command()
def events(
    ctx: Verb,
    what: Annotated[str | None, typer.Argument(help=A_REF)] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    limit: Limit = 50,
    output: AnOutput = Output.TEXT,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay and print on.")] = False,
    reason: Annotated[
        list[str] | None, typer.Option("--reason", help="Only of this reason; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only from then on: 10m, 05:30, 2026-11-22T05:30.")
    ] = None,
) -> int:
    """Say what happened, the newest last. With --watch, -o json prints one line for each."""
    from .happened import events as tell

    return tell(
        find_settings(specs, state_dir),
        ctx.obj,
        what=what,
        limit=limit,
        output=output.value,
        reasons=reason or (),
        since=since,
        watch=watch,
    )


@app.command()
def logs(
    ctx: Verb,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Processes; also reconciler, gateway, supervisord, or all of these."),
    ] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and print on.")] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", min=0, help="How many lines of each; 100 without --since."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only from then on: 10m, 05:30, 2026-11-22T05:30.")
    ] = None,
    stream: Annotated[Stream | None, typer.Option("--stream", help="Only this one.")] = None,
    timestamps: Annotated[
        bool, typer.Option("--timestamps", "-t", help="Say when each line was printed.")
    ] = False,
    output: Annotated[
        LogOutput, typer.Option("--output", "-o", help="json: for collectors; raw: the text alone.")
    ] = LogOutput.TEXT,
) -> int:
    """Print what processes print, by time. Needs no running stack."""
    from .logs import logs as tell

    return tell(
        find_settings(specs, state_dir),
        ctx.obj,
        names=names or (),
        follow=follow,
        tail=tail,
        since=since,
        stream=stream.value if stream else None,
        output=output.value,
        timestamps=timestamps,
    )


@app.command()
def schema(
    ctx: Verb,
    folder: Annotated[Path, typer.Argument(help="Where the schemas are.")] = Path(
        "crds-like-schema"
    ),
    write: Annotated[bool, typer.Option("--write", help="Write the files.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 when they are old.")] = False,
) -> int:
    """Print the JSON schema of the specs, for editors."""
    from .schema import schema as draw

    return draw(ctx.obj, folder=folder, write=write, check=check)


@app.command()
def doctor(
    ctx: Verb,
    specs: Specs = None,
    state_dir: StateDir = None,
    output: AnOutput = Output.TEXT,
) -> int:
    """Look for what is missing here, and say how to mend it. Exit code 1: something is."""
    from .doctor import doctor as examine

    return examine(find_settings(specs, state_dir), ctx.obj, output=output.value)


@app.command()
def version(ctx: Verb, output: AnOutput = Output.TEXT) -> int:
    """Print which reconciler this is."""
    from .version import version as tell

    return tell(ctx.obj, output=output.value)
