"""Whether a stack's supervisord answers."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Final

from .place import Place

_OK: Final = 0
_COULD_NOT: Final = 2
_ANSWER_WITHIN: Final = 20.0


def await_answer(place: Place, child: int) -> int:
    """Wait until supervisord answers, or the child that should have started it ends."""
    deadline = time.monotonic() + _ANSWER_WITHIN
    while time.monotonic() < deadline:
        if answers(place):
            return _OK
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) or _COULD_NOT
        time.sleep(0.05)
    print(f"error: supervisord does not answer; see {place.state_dir}/log", file=sys.stderr)
    return _COULD_NOT


def answers(place: Place) -> bool:
    """Whether somebody listens on supervisord's socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(place.socket))
        except OSError:
            return False
    return True
