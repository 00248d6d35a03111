"""What is remembered of a program from one life to the next."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import Signals
from typing import Any, Final

_CAUSES: Final = 10


def signal_name(number: int) -> str:
    """What people call a signal; some have only a number."""
    try:
        return Signals(number).name[3:]
    except ValueError:
        return str(number)


def exit_words(status: int) -> str:
    """How a process ended, of the number that the kernel tells of it."""
    if os.WIFSIGNALED(status):
        return f"signal {signal_name(os.WTERMSIG(status))}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"


@dataclass(slots=True)
class History:
    """Counters, causes and the last end of one program."""

    epoch: int = 0
    failures: int = 0
    """Bad ends in a row; a good one is the end of the row."""
    brief: int = 0
    """Ends in a row, good or bad, that came before it was healthy; what the waits grow by."""
    restarts: int = 0
    began: bool = False
    completed: bool = False
    failed: bool = False
    stamp: str = ""
    """How it was kept when the last line was written."""
    digest: str = ""
    revision: str = ""
    last: dict[str, Any] | None = None
    causes: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_CAUSES))

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> History:
        """As it was when the last line of a life was written."""
        return cls(
            epoch=int(line.get("epoch") or 0),
            failures=int(line.get("failures") or 0),
            brief=int(line.get("brief", line.get("failures")) or 0),
            restarts=int(line.get("restarts") or 0),
            began=bool(line),
            completed=bool(line.get("completed")),
            failed=bool(line.get("failed")),
            stamp=str(line.get("stamp") or ""),
            digest=str(line.get("digest") or ""),
            revision=str(line.get("revision") or ""),
        )

    def starts(self, cause: str, detail: str) -> None:
        """One more start; the first one needs no cause, a planned run is no restart."""
        if self.began:
            self.causes.append({"at": time.time(), "cause": cause, "detail": detail})
            self.restarts += cause != "schedule"
        self.began = True
        self.completed = self.failed = False

    def forgive(self) -> None:
        """Begin to count anew."""
        self.failures = self.brief = 0

    def counts(self, more: int, *, good: bool) -> None:
        """So many ends more; the policy has to say what follows."""
        self.brief += more
        self.failures = 0 if good else self.failures + more

    def ends(self, code: int | None, signal: str | None, uptime: float) -> None:
        """One more end."""
        now = time.time()
        self.last = {"at": now, "code": code, "signal": signal, "uptime": round(uptime, 3)}

    def line(self, name: str, pid: int, born: int, stack: str) -> dict[str, Any]:
        """For the file of lives."""
        line = {"name": name, "pid": pid, "born": born, "digest": self.digest, "stack": stack}
        line |= {"revision": self.revision, "epoch": self.epoch}
        line |= {"failures": self.failures, "brief": self.brief, "restarts": self.restarts}
        if not pid:
            line["ended"] = time.time()
            line |= {"completed": self.completed, "failed": self.failed, "stamp": self.stamp}
        return line
