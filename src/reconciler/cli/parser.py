"""Reads a command line; every verb keeps its own imports to itself, so that --help stays fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.main import get_command

from . import (
    acting,
    admitting,
    asking,
    momentary,
    moving,
    observing,
    returning,
    routing,
    syncing,
)
from .options import app
from .outcome import Failure
from .terminal import Terminal

__all__ = [
    "acting",
    "admitting",
    "asking",
    "momentary",
    "moving",
    "observing",
    "parse_and_run",
    "returning",
    "routing",
    "syncing",
]


def parse_and_run(arguments: Sequence[str], terminal: Terminal) -> int:
    """Parse a command line and run its verb; a usage error is a Failure."""
    command = get_command(app)
    try:
        code = command.main(
            list(arguments), prog_name="reconciler", standalone_mode=False, obj=terminal
        )
    except typer.TyperException as error:
        raise _usage(error) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    return int(code or 0)


def _usage(error: Any) -> Failure:
    text = error.format_message().rstrip(".")
    path = error.ctx.command_path if getattr(error, "ctx", None) else "reconciler"
    first, _, rest = text.partition(" ")
    plain = first.lower() if first[1:].islower() or len(first) == 1 else first
    return Failure(f"{plain} {rest}".strip(), hint=f"`{path} --help` says what it takes")
