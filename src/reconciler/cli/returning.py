"""The verbs about revisions: their flags."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import AnOutput, Limit, Output, Specs, StateDir, Timeout, Verb, Wait, app
from .outcome import Failure
from .stack import find_settings


@app.command()
def history(
    ctx: Verb,
    revision: Annotated[
        str | None, typer.Argument(help="Say all about this one: the start of its id.")
    ] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    limit: Limit = 20,
    passes: Annotated[
        bool, typer.Option("--passes", help="Say what each pass applied, the newest last.")
    ] = False,
    output: AnOutput = Output.TEXT,
) -> int:
    """Say what became of each revision, the newest first."""
    settings = find_settings(specs, state_dir)
    if passes:
        from .happened import passes as tell

        return tell(settings, ctx.obj, limit=limit, output=output.value)
    from .history import history as recall
    from .history import revision as describe

    if revision is not None:
        return describe(settings, ctx.obj, start=revision, output=output.value)
    return recall(settings, ctx.obj, limit=limit, output=output.value)


@app.command()
def rollback(
    ctx: Verb,
    revision: Annotated[
        str | None, typer.Argument(help="A commit, a part of its id, a branch or a tag.")
    ] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the others.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Let HEAD count again.")] = False,
) -> int:
    """Go back to the specs of another revision until there is a new commit. Data stays."""
    from .history import rollback as go_back
    from .names import demand_word

    if revision is not None:
        demand_word(revision)
    if undo is (revision is not None):
        raise Failure("say where to, or --undo", hint="`reconciler history` names the revisions")
    return go_back(find_settings(specs, state_dir), ctx.obj, to=revision or "", reason=reason)


@app.command()
def reconcile(
    ctx: Verb,
    specs: Specs = None,
    state_dir: StateDir = None,
    accept: Annotated[
        str, typer.Option("--accept", help="Let this commit take over a rewritten history.")
    ] = "",
    wait: Wait = False,
    timeout: Timeout = "5m",
) -> int:
    """Ask the source for something new now, and apply it."""
    from .sourced import reconcile as ask
    from .waiting import seconds

    settings = find_settings(specs, state_dir)
    return ask(settings, ctx.obj, accept=accept, wait=wait, timeout=seconds(timeout))
