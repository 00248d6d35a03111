"""The verbs that change something or say what would: their flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    AnOutput,
    Findings,
    Output,
    PlanOutput,
    Specs,
    StateDir,
    Timeout,
    Verb,
    Wait,
    Worktree,
    app,
)
from .stack import find_settings


@app.command()
def up(
    ctx: Verb,
    specs: Specs = None,
    state_dir: StateDir = None,
    worktree: Worktree = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it runs.")] = False,
    dev: Annotated[
        bool, typer.Option("--dev", help="Restart processes when files beside them change.")
    ] = False,
    source: Annotated[
        str, typer.Option("--source", help="Follow the specs of this repository.")
    ] = "",
) -> int:
    """Start the stack and keep it running; Ctrl-C stops all of it."""
    import os

    from .up import up as start

    if dev:  # handed over to the operator with the rest of the environment
        os.environ["RECONCILER_DEV"] = "1"
    if source:
        os.environ["RECONCILER_SOURCE_URL"] = source
    return start(find_settings(specs, state_dir, worktree=worktree), ctx.obj, detach=detach)


@app.command()
def down(
    ctx: Verb,
    specs: Specs = None,
    state_dir: StateDir = None,
    timeout: Timeout = "2m",
) -> int:
    """Stop a stack that was started elsewhere, in order, and wait until nothing of it runs.

    What a stack that was killed has left running is given 5 s to end, whatever --timeout says.
    """
    from .down import down as stop
    from .waiting import seconds

    return stop(find_settings(specs, state_dir), ctx.obj, timeout=seconds(timeout))


@app.command()
def run(
    specs: Specs = None,
    state_dir: StateDir = None,
    worktree: Worktree = False,
    listen: Annotated[
        str | None,
        typer.Option(envvar="RECONCILER_LISTEN", help="Answer on this address too: HOST:PORT."),
    ] = None,
) -> int:
    """Run the operator alone; `up` starts it together with the rest."""
    from ..app import run as operate
    from .spoken import speak

    return operate(find_settings(specs, state_dir, worktree=worktree, listen=listen), speak)


@app.command()
def diff(
    ctx: Verb,
    before: Annotated[str | None, typer.Argument(help="Compare from this revision.")] = None,
    after: Annotated[str | None, typer.Argument(help="To this one; HEAD unless said.")] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    worktree: Worktree = False,
    output: Annotated[
        PlanOutput, typer.Option("--output", "-o", help="How to print it; md: for a pull request.")
    ] = PlanOutput.TEXT,
    full: Annotated[bool, typer.Option("--full", help="Every field, every value whole.")] = False,
    ref: Annotated[
        str, typer.Option("--ref", help="What this branch or commit would change.")
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Save the plan for `apply`.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Changes nothing: diff is always read-only.")
    ] = False,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Which of the last requests would go elsewhere.")
    ] = False,
    requests: Annotated[
        Path | None, typer.Option(help="With --simulate: the requests of this file, JSON lines.")
    ] = None,
) -> int:
    """Say what would change, and why; or what differs between two revisions. Changes nothing.

    Exit code 0: in sync. 1: something differs. 2: something could not be seen.
    """
    from .diff import Question
    from .diff import diff as compare

    settings = find_settings(specs, state_dir, worktree=worktree)
    if simulate or requests:
        from .simulate import simulate as replay

        return replay(settings, ctx.obj, output=output.value, requests=requests)
    between = (before or "", after or "HEAD") if before else ("", ref) if ref else None
    asked = Question(output.value, full=full, dry_run=dry_run, between=between, out=out)
    return compare(settings, ctx.obj, asked)


@app.command()
def apply(
    ctx: Verb,
    plan: Annotated[Path | None, typer.Argument(help="A plan that `diff --out` saved.")] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    output: AnOutput = Output.TEXT,
    confirm: Annotated[
        str, typer.Option(metavar="REVISION", help="Allow the many deletions of this revision.")
    ] = "",
    wait: Wait = False,
    timeout: Timeout = "5m",
) -> int:
    """Make it so, now.

    Exit code 1: something is left that needs a person. 2: something failed. 3: not healthy in time.
    """
    from .apply import Order
    from .apply import apply as make
    from .waiting import seconds

    settings, patience = find_settings(specs, state_dir), seconds(timeout)
    order = Order(output.value, confirm, wait, patience, plan)
    return make(settings, ctx.obj, order)


@app.command()
def validate(
    ctx: Verb,
    path: Annotated[Path | None, typer.Argument(help="A folder of specs or one file.")] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    output_format: Annotated[
        Findings, typer.Option("--output-format", "--output", "-o", help="How to print problems.")
    ] = Findings.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 for warnings too.")] = False,
) -> int:
    """Check the spec files as they are, committed or not. Exit code 1: there are problems."""
    from .validate import validate as check

    settings = find_settings(specs, state_dir)
    return check(settings, ctx.obj, path=path, output_format=output_format.value, strict=strict)
