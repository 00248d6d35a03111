"""The verbs that bring here what others run: their flags."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .options import Specs, StateDir, Verb, Worktree, app
from .stack import find_settings


class Format(StrEnum):
    """What a file may be."""

    SUPERVISORD = "supervisord"
    PROCESSMAN = "processman"
    ADMIN_CONFIG = "admin_config"
    SYNC_CONFIG = "sync_config"


@app.command("import")
def import_(
    ctx: Verb,
    path: Annotated[
        Path,
        typer.Argument(
            help="A supervisord.conf, pb_processes.json, admin_config.json or sync-config.json."
        ),
    ],
    specs: Specs = None,
    state_dir: StateDir = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="What the file is, if it does not show.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="pb_processes.json: what each cwd is relative to."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write into this folder: a file per process, one for routes."
        ),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write them into the specs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    suspend: Annotated[
        bool, typer.Option("--suspend", help="Leave them alone for now: to adopt what runs.")
    ] = False,
) -> int:
    """Turn the files of other process managers into specs. Exit code 1: something was left out."""
    from .import_.importing import run_import

    # What is imported is written down, and not among what a program declares.
    return run_import(
        find_settings(specs or Path("specs"), state_dir),
        ctx.obj,
        path=path,
        form=form.value if form else None,
        data_dir=data_dir,
        output=output,
        write=write,
        force=force,
        suspend=suspend,
    )


@app.command()
def adopt(
    ctx: Verb,
    socket: Annotated[
        Path, typer.Option("--socket", help="The socket of the supervisord that runs them now.")
    ],
    specs: Specs = None,
    state_dir: StateDir = None,
    worktree: Worktree = False,
    conf: Annotated[
        Path | None, typer.Option("--conf", help="Its file, where that cannot be found.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
) -> int:
    """Take over what another supervisord runs, without a restart. Exit code 1: some differ."""
    from .adopt import adopt as take_over

    settings = find_settings(specs, state_dir, worktree=worktree)
    return take_over(settings, ctx.obj, socket=socket, conf=conf, dry_run=dry_run)
