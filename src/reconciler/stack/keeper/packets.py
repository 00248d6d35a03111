"""Calls of the wire without HTTP and XML around them: one packet each, and one for the answer.

Only for who may read the stack's folder. What does not go this way is asked the usual way.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ..limits import PACKET

_WAITING: Final = 8

Answer = Callable[[str], str]
"""From ``do [["start", "web-0", {}]]`` to its answer."""


class Door:
    """Where they knock. Raises OSError where there can be none."""

    def __init__(self, path: Path, answer: Answer, hear: Callable[[Any], None]) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            # The file takes the mode the socket has; a umask would be everybody's meanwhile.
            os.fchmod(self._socket.fileno(), 0o600)
            self._socket.bind(str(path))
            self._socket.listen(_WAITING)
        except OSError:
            self._socket.close()
            raise
        self.fd = self._socket.fileno()
        self._answer = answer
        self._hear = hear
        hear(self)

    def handle_read_event(self) -> None:
        """Somebody knocks."""
        with suppress(BlockingIOError):  # who has gone again
            guest, _ = self._socket.accept()
            guest.setblocking(False)  # noqa: FBT003 (the C type takes no keyword)
            self._hear(Guest(guest, self._answer))

    def handle_error(self) -> None:
        """Whoever knocks next is heard all the same."""


class Guest:
    """One who asks; whoever cannot be answered is let go, and asks the usual way."""

    closing: Callable[[int], None]

    def __init__(self, guest: socket.socket, answer: Answer) -> None:
        self._socket = guest
        self._answer = answer
        self.fd = guest.fileno()

    def handle_read_event(self) -> None:
        """A question, or the end."""
        asked = self._socket.recv(PACKET + 1)
        answer = self._answer(asked.decode()).encode() if 0 < len(asked) <= PACKET else b""
        if not 0 < len(answer) <= PACKET:
            return self.handle_error()
        self._socket.send(answer)
        return None

    def handle_error(self) -> None:
        """Let it go."""
        self.closing(self.fd)
        self._socket.close()
