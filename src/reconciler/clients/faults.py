"""Why supervisord refuses, in our words."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ..core.errors import ReconcileError, Terminal, Transient, Waiting


class Fault(IntEnum):
    """supervisord's reasons to refuse a call; OTHER stands for one it may learn later."""

    OTHER = 0
    UNKNOWN_METHOD = 1
    INCORRECT_PARAMETERS = 2
    BAD_ARGUMENTS = 3
    SIGNATURE_UNSUPPORTED = 4
    SHUTDOWN_STATE = 6
    BAD_NAME = 10
    BAD_SIGNAL = 11
    NO_FILE = 20
    NOT_EXECUTABLE = 21
    FAILED = 30
    ABNORMAL_TERMINATION = 40
    SPAWN_ERROR = 50
    ALREADY_STARTED = 60
    NOT_RUNNING = 70
    SUCCESS = 80
    ALREADY_ADDED = 90
    STILL_RUNNING = 91
    CANT_REREAD = 92

    @classmethod
    def _missing_(cls, value: object) -> Fault:  # noqa: ARG003 (enum's contract)
        return cls.OTHER


_NEVER: Final = frozenset(
    {
        Fault.UNKNOWN_METHOD,
        Fault.INCORRECT_PARAMETERS,
        Fault.BAD_ARGUMENTS,
        Fault.SIGNATURE_UNSUPPORTED,
        Fault.BAD_SIGNAL,
    }
)


class Refused(Transient):
    """supervisord answered, and the answer is no."""

    def __init__(self, message: str, *, fault: Fault) -> None:
        super().__init__(message, reason="".join(w.title() for w in fault.name.split("_")))
        self.fault = fault


def refused(code: int, text: str) -> ReconcileError:
    """What the loop must do about a fault."""
    fault = Fault(code)
    message = f"supervisord refuses: {text}"
    if fault is Fault.SHUTDOWN_STATE:
        return Waiting("supervisord is shutting down", reason="ShuttingDown", after=1.0)
    if fault in _NEVER:
        return Terminal(message, reason="Unsupported")
    return Refused(message, fault=fault)
