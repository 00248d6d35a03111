"""What the keeper is told, for each thing that is to be done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_never

from ...clients.keeper import Operation
from .actions import Keep, ProcessAction, Reload, Remove, Replace, Run, Start, Stop, WriteRecord
from .state import keeping, keeping_stamp


def operation(action: ProcessAction) -> Operation | None:
    """The verb, whom it is about and what is said with it; None for what is done on disk."""
    match action:
        case WriteRecord():
            return None
        case Keep(name, program):
            settings = keeping(name, program)
            return "keep", name, {"stamp": keeping_stamp(settings), "settings": settings}
        case Start(name, program, cause, detail) | Replace(name, program, cause, detail):
            verb = "start" if isinstance(action, Start) else "replace"
            return verb, name, {"epoch": program.epoch, "cause": cause, "detail": detail}
        case Run(name, at, concurrency):
            time = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            return "run", name, {"cause": "schedule", "detail": time, "concurrency": concurrency}
        case Reload(name, signal):
            return "signal", name, {"signal": signal}
        case Stop(name):
            return "stop", name, {}
        case Remove(name):
            return "remove", name, {}
        case _:
            assert_never(action)
