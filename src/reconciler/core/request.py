"""What is asked for the moment, whatever the specs say."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

LONGEST: Final = 30 * 86400.0
"""Seconds for which somebody's word may count against the specs."""


class Asked(StrEnum):
    """What may be asked for the moment, whatever the specs say."""

    STOP = "stop"
    START = "start"
    RESTART = "restart"


class Request(NamedTuple):
    """What was asked for the moment, why, by whom, and until when (Unix seconds, None: until done).

    ``cause`` is ``user``, ``liveness``, ``dependency``, ``watch`` or ``rollback``. A restart is
    done once the thing has reached ``epoch``.
    """

    verb: Asked
    cause: str
    reason: str
    author: str
    at: float = 0.0
    until: float | None = None
    epoch: int = 0

    @property
    def detail(self) -> str:
        """Why, in a few words; a person is named."""
        by = f"by {self.author}" if self.cause == "user" else ""
        return ": ".join(part for part in (by, self.reason) if part)

    @property
    def lasts(self) -> bool:
        """Whether it holds for a time; a restart is over once it is done."""
        return self.verb is not Asked.RESTART


class Watch(NamedTuple):
    """Files whose change asks for a restart: absolute paths, patterns to ignore, quiet seconds."""

    paths: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    debounce: float = 0.5
