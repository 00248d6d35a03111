"""The verbs about backups: their flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .options import AnOutput, Output, Specs, StateDir, Timeout, Verb, app
from .stack import find_settings

sync_app = typer.Typer(
    name="sync", help="Backups: what is kept where.", rich_markup_mode=None, no_args_is_help=True
)
app.add_typer(sync_app)

Targets: TypeAlias = Annotated[
    list[str] | None, typer.Argument(help="Sync targets; all where none are named.")
]
Stay: TypeAlias = Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until it is done.")]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="Why; kept with the events.")]


@sync_app.callback()
def about() -> None:
    """Backups: what is kept where."""


@sync_app.command()
def now(
    ctx: Verb,
    names: Targets = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Stay = True,
    timeout: Timeout = "30m",
) -> int:
    """Back up now. Exit code 1: a backup lacks a file. 2: one failed. 3: not done in time."""
    from .sync.now import now as back_up
    from .sync.ordering import Wish
    from .waiting import seconds

    wish = Wish(names or (), {}, reason, output.value, wait, seconds(timeout))
    return back_up(find_settings(specs, state_dir), ctx.obj, wish)


@sync_app.command()
def push(
    ctx: Verb,
    names: Targets = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Stay = True,
    timeout: Timeout = "30m",
) -> int:
    """Bring to the remote what was taken already. Exit code 2: one failed. 3: not done in time."""
    from .sync.ordering import Wish
    from .sync.push import push as send
    from .waiting import seconds

    wish = Wish(names or (), {}, reason, output.value, wait, seconds(timeout))
    return send(find_settings(specs, state_dir), ctx.obj, wish)


@sync_app.command()
def pull(
    ctx: Verb,
    names: Targets = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Stay = True,
    timeout: Timeout = "30m",
) -> int:
    """Bring here what others changed on the remote; what was changed here stays, and is pushed.

    Exit code 2: one failed. 3: not done in time.
    """
    from .sync.ordering import Wish
    from .sync.pull import pull as bring
    from .waiting import seconds

    wish = Wish(names or (), {}, reason, output.value, wait, seconds(timeout))
    return bring(find_settings(specs, state_dir), ctx.obj, wish)


@sync_app.command()
def restore(
    ctx: Verb,
    name: Annotated[str, typer.Argument(help="A sync target.")],
    paths: Annotated[
        list[str] | None, typer.Argument(help="Paths below the target; all where none are named.")
    ] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="REV", help='A commit, "2026-11-20", "2 days ago", safety/….'),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Write there; touch nothing live.")
    ] = None,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Stay = True,
    timeout: Timeout = "30m",
) -> int:
    """Restore a version, the remote's newest unless --at. Exit code 2: failed. 3: not in time.

    In place, what lies there is kept as a version of its own (safety/…), what uses it is stopped
    meanwhile, what is replaced is put aside, and the next backup makes the result the newest.
    """
    from .sync.ordering import Wish
    from .sync.restore import What
    from .sync.restore import restore as bring_back
    from .waiting import seconds

    wish = Wish([name], {}, reason, output.value, wait, seconds(timeout))
    settings = find_settings(specs, state_dir)
    return bring_back(settings, ctx.obj, What(at, to, paths or ()), wish)


@sync_app.command()
def verify(
    ctx: Verb,
    names: Targets = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    everything: Annotated[bool, typer.Option("--all", help="All files, not a sample.")] = False,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Stay = True,
    timeout: Timeout = "30m",
) -> int:
    """Restore what the remote holds into a scratch folder, and look at it.

    Exit code 2: something could not be restored. 3: not done in time.
    """
    from .sync.ordering import Wish
    from .sync.proving import verify as prove
    from .waiting import seconds

    wish = Wish(names or (), {}, reason, output.value, wait, seconds(timeout))
    settings = find_settings(specs, state_dir)
    return prove(settings, ctx.obj, wish, everything=everything)


@sync_app.command()
def accept(
    ctx: Verb,
    names: Annotated[list[str], typer.Argument(help="Sync targets.")],
    specs: Specs = None,
    state_dir: StateDir = None,
    reason: Reason = "",
    output: AnOutput = Output.TEXT,
    wait: Stay = True,
    timeout: Timeout = "30m",
) -> int:
    """Let what lies there be the truth, restored or not: it is backed up from now on."""
    from .sync.ordering import Wish
    from .sync.proving import accept as take
    from .waiting import seconds

    wish = Wish(names, {}, reason, output.value, wait, seconds(timeout))
    return take(find_settings(specs, state_dir), ctx.obj, wish)


@sync_app.command("adopt")
def take_over(
    ctx: Verb,
    history: Annotated[Path, typer.Argument(help="The original's HIST_DIR: .astrbot-backup.")],
    specs: Specs = None,
    state_dir: StateDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
) -> int:
    """Go on with the data and the repository of the original; its folder stays as it is.

    Links into it are replaced by the data. Stop the original first. Exit code 1: something is left.
    """
    from .sync.adopt import adopt

    return adopt(find_settings(specs, state_dir), ctx.obj, history.absolute(), dry_run=dry_run)


@sync_app.command()
def status(
    ctx: Verb,
    names: Targets = None,
    specs: Specs = None,
    state_dir: StateDir = None,
    output: AnOutput = Output.TEXT,
) -> int:
    """Say how each target is: its last backup, what is not pushed, what clashes.

    Exit code 3: one is not as it should be.
    """
    from .sync.status import status as tell

    return tell(find_settings(specs, state_dir), ctx.obj, names or (), output=output.value)


@sync_app.command("log")
def versions(
    ctx: Verb,
    name: Annotated[str, typer.Argument(help="A sync target.")],
    specs: Specs = None,
    state_dir: StateDir = None,
    output: AnOutput = Output.TEXT,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 20,
    fetch: Annotated[bool, typer.Option("--fetch", help="Ask the remote for older ones.")] = False,
) -> int:
    """List the versions of a target, newest first: what is known here, unless --fetch."""
    from .sync.log import log

    settings = find_settings(specs, state_dir)
    return log(settings, ctx.obj, name, output=output.value, limit=limit, fetch=fetch)
