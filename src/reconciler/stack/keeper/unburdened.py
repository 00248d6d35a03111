"""Starts programs from a thread with few open files.

A child begins with a copy of all open files of whoever starts it, and closes each of them when it
becomes the program. We have three for each program that runs; a thread may have files of its own.
"""

from __future__ import annotations

import _thread
import array
import ctypes
import gc
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeAlias

_CLONE_FILES: Final = 0x400
_CLOSE_RANGE: Final = 436
_UNSHARE: Final = 2
_LAST: Final = 0xFFFF_FFFF
_ROOM: Final = socket.CMSG_SPACE(3 * array.array("i").itemsize)

Streams: TypeAlias = tuple[int, int, int]
Spawn: TypeAlias = Callable[[Streams], int]
"""Starts a program that reads and writes these, and says its pid. Raises OSError."""


class GoneError(Exception):
    """There is no such thread."""


class Unburdened:
    """Such a thread. Raises GoneError where there is none to be had."""

    def __init__(self) -> None:
        self._work: Spawn | None = None
        self._errors: list[OSError] = []
        try:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as exc:
            raise GoneError from exc
        with theirs:
            try:
                _thread.start_new_thread(self._live, (theirs.fileno(),))
            except RuntimeError as exc:  # no room for another thread
                self._socket.close()
                raise GoneError from exc
            ready = self._socket.recv(1)
        if ready != b"1":
            self._socket.close()
            raise GoneError

    def spawn(self, work: Spawn, streams: Streams) -> int:
        """Have it done there, and wait for it. Raises GoneError where nobody does it any more."""
        self._work, self._errors = work, []
        tidies = gc.isenabled()
        gc.disable()  # what is tidied up in that thread would close files of the same number there
        try:
            socket.send_fds(self._socket, [b"1"], streams)
            pid = int.from_bytes(self._socket.recv(8), "big")
        except OSError as exc:
            raise GoneError from exc
        finally:
            self._work = None
            if tidies:
                gc.enable()
        for error in self._errors:
            raise error
        if pid == 0:
            raise GoneError
        return pid

    def _live(self, theirs: int) -> None:
        """For ever, without a signal: those are for who waits for them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if not _part_with_files():
            os.write(theirs, b"0")
            return
        with socket.socket(fileno=os.dup(theirs)) as mine, suppress(OSError):
            _close_all_but(0, 1, 2, mine.fileno())
            mine.send(b"1")
            while files := _receive(mine):
                mine.send(self._begin(files).to_bytes(8, "big"))

    def _begin(self, files: Streams) -> int:
        try:
            return self._work(files) if self._work is not None else 0
        except OSError as exc:
            self._errors.append(exc)
            return 0
        finally:
            for one in files:
                os.close(one)


def _part_with_files() -> bool:
    """Have a table of open files that no other thread has; whether that was possible."""
    libc, last = ctypes.CDLL(None), ctypes.c_uint(_LAST)
    # Containers may not call the second; old kernels do not know the first.
    failed: int = libc.syscall(_CLOSE_RANGE, last, last, _UNSHARE) and libc.unshare(_CLONE_FILES)
    return failed == 0


def _receive(mine: socket.socket) -> Streams | None:
    """The next files to start with; None when there is nobody any more who sends them."""
    _, told, _, _ = mine.recvmsg(1, _ROOM, socket.MSG_CMSG_CLOEXEC)
    numbers = array.array("i", b"".join(data for _, _, data in told))
    return (numbers[0], numbers[1], numbers[2]) if numbers else None


def _close_all_but(*kept: int) -> None:
    with os.scandir("/proc/thread-self/fd") as found:
        numbers = {int(entry.name) for entry in found}
    for number in numbers.difference(kept):
        with suppress(OSError):  # that of the list itself
            os.close(number)
