"""`reconciler up`: the whole stack, and a word once it has converged."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ..core.lines import Span, Style, line
from ..settings import ROOT_NOTE, Settings
from ..stack import up as parent
from ..stack.kernel import Kernel
from ..stack.place import Place, holder, is_ending, prepare
from .outcome import Exit, Failure, spoken, whose
from .overview import status_lines
from .stack import find_operator
from .terminal import Terminal
from .waiting import EVERY, progress, settled, until_answered, until_ready

PATIENCE: Final = 60.0
"""How long a stack may take until it is told how far it came."""
LONGEST: Final = 600.0
"""How long the end of a stack is waited for: longer than any grace that is meant."""


def up(settings: Settings, terminal: Terminal, *, detach: bool = False) -> int:
    """Run the stack until Ctrl-C, or with ``detach`` start it and return."""
    from .ports import refuse_busy_ports

    # The last commit may hold specs that the work tree does not.
    elsewhere = settings.environ.get("RECONCILER_SOURCE_URL")
    if not (elsewhere or settings.specs.is_dir() or (settings.root / ".git").exists()):
        raise Failure(
            f"there is no folder {settings.specs}",
            hint="change to the project's folder, or name its specs with --specs",
        )
    place = Place(
        settings.state_dir,
        settings.specs,
        worktree=settings.worktree,
        listen=settings.listen or "",
    )
    if is_running(place) and not _has_ended(place, terminal):
        return _already(settings, terminal)
    refuse_busy_ports(settings)
    code = (_detached if detach else _attached)(place, settings, terminal)
    # Somebody came first, or was just looking whether the stack lives.
    return up(settings, terminal, detach=detach) if code == parent.ALREADY_RUNNING else code


def _attached(place: Place, settings: Settings, terminal: Terminal) -> int:
    terminal.talk(line(Span(f"starting {settings.specs}; Ctrl-C stops everything", Style.FAINT)))
    announcer = _fork_announcer(settings, terminal)
    code = parent.up(place, held=partial(_forget_program, settings))
    _end(announcer)
    return code


def _forget_program(settings: Settings) -> None:
    """No program declares this stack any more; one whose stack runs must keep its note."""
    if not settings.is_declared:
        (settings.declared / ROOT_NOTE).unlink(missing_ok=True)


def is_running(place: Place) -> bool:
    """Whether this stack lives already; makes its folders when it never did."""
    try:
        prepare(place)
        return _stays_held(place)
    except (OSError, ValueError) as error:
        said, hint = (spoken(error), whose(error)) if isinstance(error, OSError) else ("", "")
        raise Failure(said or str(error), hint=hint) from error


def _stays_held(place: Place) -> bool:
    """Whether somebody keeps the lock: who only looks at it has it for a moment."""
    if holder(place) is None:
        return False
    time.sleep(EVERY)
    return holder(place) is not None


def _has_ended(place: Place, terminal: Terminal) -> bool:
    """Wait for the end of a stack that is being stopped; whether nothing runs now."""
    if not is_ending(place):
        return False
    told = f"the stack in {place.state_dir} is being stopped; it is started when that is done"
    terminal.talk(line(told))
    with progress(terminal, moving=True) as show:
        show("its end")
        end = time.monotonic() + LONGEST
        while is_ending(place):
            if time.monotonic() > end:
                raise Failure(
                    f"the stack in {place.state_dir} has not ended within {LONGEST / 60:g} minutes",
                    hint="`reconciler down` waits for it too, and ends what is left",
                )
            time.sleep(EVERY)
    return not _stays_held(place)


def _already(settings: Settings, terminal: Terminal) -> int:
    if settings.worktree:
        _refuse_commits(settings)
    terminal.talk(line(f"already running in {settings.state_dir}; nothing to do"))
    _tell(until_answered(find_operator(settings), terminal, timeout=PATIENCE), settings, terminal)
    return Exit.OK


def _refuse_commits(settings: Settings) -> None:
    """A Failure when the stack that runs follows commits: files as they are would never count."""
    source = ""
    with suppress(Failure):  # an operator that does not answer yet is waited for later
        source = find_operator(settings).status().get("source", "")
    if source not in {"", "worktree"}:
        raise Failure(
            f"already running in {settings.state_dir} without --worktree: it follows HEAD",
            hint="`reconciler down` comes first; then `reconciler up --worktree`",
        )


def _detached(place: Place, settings: Settings, terminal: Terminal) -> int:
    code = parent.up(place, detach=True, held=partial(_forget_program, settings))
    if code != parent.OK:
        return code if code == parent.ALREADY_RUNNING else Exit.FAILED
    return Exit.OK if announce(settings, terminal) else Exit.UNHEALTHY


def announce(settings: Settings, terminal: Terminal, *, moving: bool = True) -> bool:
    """Wait until all is healthy, then say what runs where; whether it is."""
    operator = find_operator(settings)
    view = until_ready(operator, terminal, timeout=PATIENCE, starting=True, moving=moving)
    _tell(view, settings, terminal)
    return settled(view)


def _tell(view: Mapping[str, Any], settings: Settings, terminal: Terminal) -> None:
    """What runs where."""
    terminal.show(status_lines(view, now=datetime.now(UTC), width=terminal.width))
    for one in view.get("resources", ()):
        if url := (one.get("vitals") or {}).get("url"):
            terminal.talk(line(Span(f"open {url}", Style.CALM)))
    if (note := settings.durable / "admin.password").exists():
        told = f"the password of the API is in {note}: read it, then delete the file"
        terminal.talk(line(Span(told, Style.FAINT)))
    if not settled(view):
        terminal.hint("it is not healthy yet; `reconciler status` says how it goes on")


def _fork_announcer(settings: Settings, terminal: Terminal) -> int:
    """A child that speaks once, while this process becomes the parent of the stack."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent_pid = os.getpid()
    child = os.fork()
    if child:
        return child
    code = Exit.OK
    try:
        # Nobody wants to hear of a stack that is gone.
        Kernel().end_with_parent(signal.SIGKILL, parent_pid)
        announce(settings, terminal, moving=False)
    except Failure as failure:
        terminal.error(str(failure), failure.hint)
        code = Exit.FAILED
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    finally:
        os._exit(code)


def _end(child: int) -> None:
    with suppress(ChildProcessError):
        # Once it was waited for, its number may be somebody else's.
        if os.waitpid(child, os.WNOHANG) == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
