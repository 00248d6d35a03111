"""The verbs about routes: their flags."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import AnOutput, Output, Specs, StateDir, Verb, Worktree, app
from .stack import find_settings

route_app = typer.Typer(
    name="route", help="Where requests go.", rich_markup_mode=None, no_args_is_help=True
)
app.add_typer(route_app)


@route_app.callback()
def about() -> None:
    """Where requests go."""


@route_app.command("test")
def decide_one(
    ctx: Verb,
    url: Annotated[str, typer.Argument(help="An address, or a path alone.")],
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header, as 'Name: value'.")
    ] = None,
    method: Annotated[str, typer.Option("--method", "-X", help="Instead of GET.")] = "GET",
    specs: Specs = None,
    state_dir: StateDir = None,
    worktree: Worktree = False,
    output: AnOutput = Output.TEXT,
) -> int:
    """Say which route serves a request, step by step. Exit code 1: the gateway decides otherwise.

    Nothing is sent: the specs decide, and a running gateway is asked what it would do.
    """
    from .asked_request import read_request
    from .route import decide

    asked = read_request(url, method, header or ())
    settings = find_settings(specs, state_dir, worktree=worktree)
    return decide(settings, ctx.obj, asked, output=output.value)
