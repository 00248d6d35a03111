"""The verbs that ask something for the moment: their flags."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from .options import AnOutput, Output, Specs, StateDir, Timeout, Verb, app
from .stack import find_settings

Names: TypeAlias = Annotated[
    list[str], typer.Argument(help="What: web for all its instances, web-0 for one.")
]
For: TypeAlias = Annotated[
    str, typer.Option("--for", help="How long, such as 30m or 2h; then the specs count again.")
]
Reason: TypeAlias = Annotated[
    str, typer.Option("--reason", help="Why; shown in status, diff and events.")
]
Until: TypeAlias = Annotated[bool, typer.Option("--wait", help="Stay until it is so.")]


@app.command()
def stop(
    ctx: Verb,
    names: Names,
    specs: Specs = None,
    state_dir: StateDir = None,
    lasting: For = "1h",
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Until = False,
    timeout: Timeout = "1m",
) -> int:
    """Stop processes for a while, whatever the specs say. Exit code 3: not stopped in time."""
    return _ask(ctx, "stop", names, (specs, state_dir), (lasting, reason, output, wait, timeout))


@app.command()
def start(
    ctx: Verb,
    names: Names,
    specs: Specs = None,
    state_dir: StateDir = None,
    lasting: For = "1h",
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Until = False,
    timeout: Timeout = "1m",
) -> int:
    """End a stop, or run for a while what the specs switch off."""
    return _ask(ctx, "start", names, (specs, state_dir), (lasting, reason, output, wait, timeout))


@app.command()
def restart(
    ctx: Verb,
    names: Names,
    specs: Specs = None,
    state_dir: StateDir = None,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Until = False,
    timeout: Timeout = "1m",
) -> int:
    """Have processes begin anew, once. Exit code 3: not healthy again in time."""
    return _ask(ctx, "restart", names, (specs, state_dir), ("1h", reason, output, wait, timeout))


@app.command()
def reload(
    ctx: Verb,
    names: Names,
    specs: Specs = None,
    state_dir: StateDir = None,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Until = False,
    timeout: Timeout = "1m",
) -> int:
    """Send processes their reload signal."""
    return _ask(ctx, "reload", names, (specs, state_dir), ("1h", reason, output, wait, timeout))


def _ask(
    ctx: Verb,
    verb: str,
    names: list[str],
    where: tuple[Specs, StateDir],
    how: tuple[str, str, Output, bool, str],
) -> int:
    from .moment import Asking, ask
    from .waiting import lasts, seconds

    lasting, reason, output, wait, timeout = how
    lasts(lasting, "--for")
    asking = Asking(verb, names, lasting, reason, output.value, wait, seconds(timeout))
    return ask(find_settings(*where), ctx.obj, asking)
