"""Remembers that a path was restored in this start of the stack, and is still the same path."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from ...core.model import Json
from .modes import PRIVATE_FILE
from .place import Place

TOPIC: Final = "latch"
WAITS: Final = "/waits"
"""Ends the name under which the beginning of a wait is recorded: no target is called so."""
ADOPTS: Final = "/adopts"
"""Ends the name under which is recorded that another tool's data is being taken over."""
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST: Final = 100


class Records(Protocol):
    """Where facts outlive the operator."""

    def read(self, topic: str, name: str) -> Json | None: ...

    def write(self, topic: str, name: str, value: Json) -> None: ...

    def clear(self, topic: str, name: str) -> None: ...


class Latch(NamedTuple):
    """``held`` says whether the backup held anything: only then can a path be "emptied"."""

    stack: str
    device: int
    inode: int
    held: bool
    token: str


class Wait(NamedTuple):
    """Since when a restore is waited for, in one start of the stack."""

    stack: str
    since: float


class Latches:
    """The latches of one start of the stack."""

    def __init__(self, records: Records, stack_start: str) -> None:
        self._records = records
        self._stack = stack_start

    def read(self, name: str) -> Latch | None:
        noted = self._records.read(TOPIC, name)
        try:
            return None if noted is None else Latch(**noted)
        except TypeError:
            return None

    @property
    def stack(self) -> str:
        """Names this start of the stack."""
        return self._stack

    def waits_since(self, name: str) -> float | None:
        """Since when the target's restore is waited for; None when it was not begun."""
        noted = self._records.read(TOPIC, f"{name}{WAITS}")
        with suppress(TypeError):
            wait = Wait(**noted) if noted is not None else None
            return wait.since if wait is not None and wait.stack == self._stack else None
        return None

    def wait(self, name: str) -> None:
        """Its restore is waited for from now on, if it was not before."""
        if self.waits_since(name) is None:
            wait = Wait(self._stack, time.time())
            self._records.write(TOPIC, f"{name}{WAITS}", wait._asdict())

    def adopt(self, name: str) -> None:
        """What another tool kept is taken over from now on; nothing is restored meanwhile."""
        self._records.write(TOPIC, f"{name}{ADOPTS}", {"since": time.time()})

    def adopts(self, name: str) -> bool:
        """Whether that was begun and is not over."""
        return self._records.read(TOPIC, f"{name}{ADOPTS}") is not None

    def adopted(self, name: str) -> None:
        """It is over."""
        if self.adopts(name):
            self._records.clear(TOPIC, f"{name}{ADOPTS}")

    def is_current(self, name: str) -> bool:
        """Whether the target was restored in this start of the stack."""
        latch = self.read(name)
        return latch is not None and latch.stack == self._stack

    def holds(self, place: Place) -> bool:
        """Whether what lies at the path may be used as it is."""
        latch = self.read(place.name)
        if latch is None or not self.is_current(place.name):
            return False
        if not latch.held:
            return True
        return (latch.device, latch.inode) == place.identity() and place.holds_something()

    def continues(self, place: Place) -> bool:
        """Whether the path is the very one of an earlier start, and not merely named like it.

        An image layer can bring back the same inode number; the mark on the inode it cannot.
        """
        latch = self.read(place.name)
        if latch is None or not latch.token:
            return False
        same = (latch.device, latch.inode) == place.identity() and place.holds_something()
        return same and _read_mark(place) == latch.token

    def set(self, place: Place, *, held: bool) -> None:
        device, inode = place.identity() or (0, 0)
        latch = self.read(place.name)
        token = latch.token if latch is not None and latch.token else secrets.token_hex(8)
        if not _write_mark(place, token):
            token = ""
        wanted = Latch(self._stack, device, inode, held, token)
        if wanted != latch:
            self._records.write(TOPIC, place.name, wanted._asdict())
        if self._records.read(TOPIC, f"{place.name}{WAITS}") is not None:
            self._records.clear(TOPIC, f"{place.name}{WAITS}")
        self.adopted(place.name)

    def clear(self, name: str) -> None:
        self._records.clear(TOPIC, name)
        self._records.clear(TOPIC, f"{name}{WAITS}")
        self._records.clear(TOPIC, f"{name}{ADOPTS}")


def _mark_of(place: Place) -> str:
    return f"user.reconciler.{place.name}"


def _read_mark(place: Place) -> str:
    with suppress(OSError):
        return os.getxattr(place.folder, _mark_of(place)).decode("ascii", "replace")
    with suppress(OSError), os.fdopen(os.open(place.mark, _READ), "rb") as file:
        return file.read(_LONGEST).decode("ascii", "replace")
    return ""


def _write_mark(place: Place, token: str) -> bool:
    if _read_mark(place) == token:
        return True
    with suppress(OSError):
        os.setxattr(place.folder, _mark_of(place), token.encode())
        return True
    with suppress(OSError):  # no attributes here: a file in the folder is as much its own
        with os.fdopen(os.open(place.mark, _WRITE, PRIVATE_FILE), "wb") as file:
            file.write(token.encode())
            file.flush()
            os.fsync(file.fileno())
        return True
    return False
