"""`reconciler down`: stops a stack that runs in another terminal or detached."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Final

from ..core.lines import Span, Style, line
from ..settings import Settings
from ..stack.place import Place, holder
from .outcome import Exit, Failure
from .terminal import Terminal

EVERY: Final = 0.1


def down(settings: Settings, terminal: Terminal, *, timeout: float) -> int:
    """Ask the stack's parent to end it, and wait until it has."""
    place = Place(settings.state_dir, settings.specs)
    if not (settings.run_dir / "up.lock").exists() or holder(place) is None:
        terminal.talk(line(Span(f"nothing runs in {settings.state_dir}", Style.FAINT)))
        return Exit.OK
    end, asked = time.monotonic() + timeout, 0
    while (pid := holder(place)) is not None:
        if pid and not asked:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, signal.SIGTERM)
            asked = pid
        if time.monotonic() > end:
            raise Failure(
                f"the stack in {settings.state_dir} did not stop within {timeout:g} s",
                hint="`reconciler logs supervisord` says what it waits for",
            )
        time.sleep(EVERY)
    terminal.talk(line(Span(f"stopped {settings.state_dir}", Style.FAINT)))
    return Exit.OK
