"""The way in: dispatches a verb and turns what it raises into words and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..core.errors import ReconcileError
from .outcome import Exit, Failure, spoken, whose
from .quick import Options, read_status, read_version
from .terminal import Terminal


def main() -> NoReturn:
    """What `reconciler` and `python -m reconciler` run."""
    _fill_streams()
    sys.exit(run(sys.argv[1:]))


def _fill_streams() -> None:
    """Whoever closed stdout or stderr wants to hear nothing: to Python they are not there then."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays open
            setattr(sys, name, nowhere)


def run(arguments: Sequence[str], terminal: Terminal | None = None) -> int:
    """Do what one command line says; never raises, never shows a traceback."""
    talk = terminal or Terminal()
    try:
        return int(dispatch(arguments, talk))
    except Failure as failure:
        talk.error(str(failure), failure.hint)
        return failure.code
    except ReconcileError as error:
        talk.error(str(error))
        return Exit.FAILED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door; a person must never see a traceback
        return _unexpected(error, talk)


def dispatch(arguments: Sequence[str], terminal: Terminal) -> int:
    """Run the verb; those that are typed all day, and the operator, start without the parser."""
    match list(arguments):
        case ["status", *rest] if (said := read_status(rest)) is not None:
            return _status(said, terminal)
        case [("version" | "--version" | "-V"), *rest] if (said := read_version(rest)) is not None:
            from .version import version

            return version(terminal, output=said.get("output", "text"))
        case ["run"]:  # as supervisord starts it: what the parser takes, it would keep for ever
            from ..app import run as operate
            from .spoken import speak
            from .stack import find_settings

            return operate(find_settings(), speak)
    from .parser import parse_and_run

    return parse_and_run(arguments or ["--help"], terminal)


def _status(said: Options, terminal: Terminal) -> int:
    from .stack import find_settings
    from .status import status

    specs, state_dir = (
        Path(said[name]) if name in said else None for name in ("specs", "state_dir")
    )
    output, strict = said.get("output", "text"), "--exit-code" in said
    return status(find_settings(specs, state_dir), terminal, output=output, strict=strict)


def _unexpected(error: Exception, terminal: Terminal) -> int:
    if os.environ.get("RECONCILER_DEBUG"):
        import traceback

        terminal.error("".join(traceback.format_exception(error)))
    elif isinstance(error, OSError) and (said := spoken(error)):
        terminal.error(said, whose(error))
    else:
        # The text of a foreign exception may hold anything, a secret too; its type cannot.
        terminal.error(
            f"unexpected {type(error).__name__}",
            "this is a defect; RECONCILER_DEBUG=1 shows where it happened",
        )
    return Exit.FAILED
