"""Processes and lines in the words of the original's process manager. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel

from ..clients.logline import Line, stamp
from ..core.values import HIDDEN
from ..specs.problem import looks_secret
from .view import View

MASK: Final = "****"
NEVER: Final = "0001-01-01T00:00:00Z"
"""What the original's language writes for no time at all."""

WORDS: Final[Mapping[str, str]] = {
    "running": "running",
    "stopping": "running",
    "starting": "starting",
    "waiting": "starting",
    "backoff": "crashed",
    "failed": "failed",
}
"""The original's word for each state; every other is ``stopped``."""


class ProcessEntry(BaseModel):
    """One process, as the original lists it."""

    id: str
    pid: int
    status: str
    startTime: str  # noqa: N815 - the original's spelling
    uptime: str
    restartCount: int  # noqa: N815
    lastError: str  # noqa: N815
    config: dict[str, Any]


class LogEntry(BaseModel):
    """One line, as the original has it."""

    timestamp: str
    processId: str  # noqa: N815
    stream: str
    content: str


def entry(view: View, name: str, spec: View, now: datetime) -> View:
    """One process in the original's words."""
    vitals = view["vitals"] or {}
    state, pid = str(vitals.get("state") or ""), vitals.get("pid") or 0
    started = _time(vitals.get("since")) if pid else None
    sick = view["health"]["code"] == "Degraded"
    return {
        "id": name,
        "pid": pid,
        "status": WORDS.get(state, "stopped"),
        "startTime": NEVER if started is None else started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "uptime": duration(0 if started is None else (now - started).total_seconds()),
        "restartCount": vitals.get("restarts") or 0,
        "lastError": view["health"]["message"] if sick else "",
        "config": config(spec, name),
    }


def config(spec: View, name: str) -> View:
    """A spec in the original's words; of the environment only what is no secret."""
    watched = (spec.get("watch") or {}).get("paths") or ()
    restart = spec.get("restart") or {}
    command = spec.get("command") or ()
    return {
        "id": name,
        "script": spec.get("script") or "",
        "command": spec.get("shell") or (command[0] if command else ""),
        "args": [*command[1:], *(spec.get("args") or ())],
        "cwd": spec.get("workingDir") or ".",
        "env": masked(spec.get("env") or {}),
        "interpreter": spec.get("interpreter") or "auto",
        "maxRetries": restart.get("maxRetries", -1),
        "backoff": restart.get("backoff", "1s"),
        "devMode": bool(watched),
        "watchPaths": list(watched),
    }


def masked(env: Mapping[str, Any]) -> dict[str, str]:
    """The environment; what is secret, or is called like it, is not shown."""
    return {
        name: MASK if value == HIDDEN or looks_secret(name) else str(value)
        for name, value in env.items()
    }


def duration(seconds: float) -> str:
    """Seconds as the original's language prints them: ``2h30m15s``."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def log_entry(line: Line, name: str) -> View:
    """One line in the original's words."""
    return {
        "timestamp": NEVER if line.time is None else stamp(line.time),
        "processId": name,
        "stream": line.stream,
        "content": line.text,
    }


def family(view: View) -> str:
    """The name the user wrote."""
    return str(view["writtenAs"]).partition("/")[2]


def _time(said: Any) -> datetime | None:
    """When, from Unix seconds or from text."""
    with suppress(ValueError, OverflowError):
        if isinstance(said, int | float) and said:
            return datetime.fromtimestamp(said, UTC)
        if isinstance(said, str) and said:
            return datetime.fromisoformat(said).astimezone(UTC)
    return None
