"""The calls of the original's process manager, so that its clients go on working."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.model import Ref
from ..core.values import HIDDEN
from .actions import LONGEST, Act, Order, ask, caller_of
from .answers import answer, says
from .logs import lines_of, log_paths, stamp
from .view import OperatorView, View

SECRET: Final = re.compile(r"KEY|SECRET|PASS|TOKEN|CREDENTIAL|AUTH", re.IGNORECASE)
MASK: Final = "****"
NEVER: Final = "0001-01-01T00:00:00Z"
"""What the original's language writes for no time at all."""

LINES: Final = 100
MOST: Final = 1000

WORDS: Final[Mapping[str, str]] = {
    "running": "running",
    "stopping": "running",
    "starting": "starting",
    "waiting": "starting",
    "backoff": "crashed",
    "failed": "failed",
}
"""The original's word for each state; every other is ``stopped``."""

DONE: Final[Mapping[Act, str]] = {
    Act.START: "Process start initiated",
    Act.STOP: "Process stopped",
    Act.RESTART: "Process restart initiated",
}

Id = Annotated[str, Path(max_length=253, examples=["ai-agent"])]


class Done(BaseModel):
    """The answer to an action."""

    message: str
    id: str


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


class OriginalPages:
    """``/api/pm``: a second spelling of what the API does, without powers of its own."""

    def __init__(self, operator: OperatorView) -> None:
        self.operator = operator

    def router(self) -> APIRouter:
        """The pages, at their own place."""
        router = APIRouter(prefix="/api/pm", tags=["original"])
        router.add_api_route(
            "/list", self.processes, responses=says(list[ProcessEntry]), name="pm_list"
        )
        router.add_api_route(
            "/{name}/logs", self.logs, responses=says(list[LogEntry]), name="pm_logs"
        )
        for act, page in (
            (Act.START, self.start),
            (Act.STOP, self.stop),
            (Act.RESTART, self.restart),
        ):
            router.add_api_route(
                f"/{{name}}/{act}",
                page,
                methods=["POST"],
                responses=says(Done),
                name=f"pm_{act}",
            )
        return router

    async def processes(self, request: Request) -> Response:
        """Every process with its state and its configuration, what looks secret masked."""
        return answer(request, await self._entries())

    async def logs(
        self,
        request: Request,
        name: Id,
        lines: Annotated[str, Query(max_length=20, description="At most 1000")] = "",
    ) -> Response:
        """The last lines of a process, oldest first."""
        # The original takes the usual number for one it cannot read, and its maximum for more.
        count = int(lines) if lines.isdecimal() and lines.isascii() else LINES
        paths = await log_paths(self.operator, name)
        found = [
            line
            for one, path in paths.items()
            for line in await lines_of(path, one, min(count, MOST) or LINES)
        ]
        return answer(request, [_line(line, name) for line in found])

    async def start(self, request: Request, name: Id) -> Response:
        """Start a process that does not run."""
        if any(one["vitals"].get("pid") for one in await self._views(name)):
            raise HTTPException(400, "Process is already running")
        return await self._do(request, name, Act.START)

    async def stop(self, request: Request, name: Id) -> Response:
        """Stop a process until somebody starts it, or a month has gone."""
        return await self._do(request, name, Act.STOP)

    async def restart(self, request: Request, name: Id) -> Response:
        """Stop a process and start it again; one that was stopped is started."""
        idle = not any(one["vitals"].get("pid") for one in await self._views(name))
        return await self._do(request, name, Act.RESTART, Act.START if idle else Act.RESTART)

    async def _do(self, request: Request, name: str, said: Act, act: Act | None = None) -> Response:
        order = Order.model_construct(how_long=LONGEST, reason="asked through /api/pm")
        ref = Ref("Process", name)
        await self._views(name)
        await ask(self.operator, ref, act or said, order=order, caller=caller_of(request))
        return answer(request, {"message": DONE[said], "id": name})

    async def _views(self, name: str) -> list[View]:
        """The instances of a process; a 404 when it has none."""
        own = [one for one in await self._processes() if name in {one["name"], _written(one)}]
        if not own:
            raise HTTPException(404, f"Process not found: {name}")
        return own

    async def _processes(self) -> list[View]:
        views = (await self.operator.status())["resources"]
        return [one for one in views if one["kind"] == "Process" and not one["system"]]

    async def _entries(self) -> list[View]:
        views = await self._processes()
        families: dict[str, int] = {}
        for one in views:
            families[_written(one)] = families.get(_written(one), 0) + 1
        now = datetime.now(UTC)
        return [
            # An only instance is known by the name the user wrote, as in the original.
            self._entry(one, _written(one) if families[_written(one)] == 1 else one["name"], now)
            for one in views
        ]

    def _entry(self, view: View, name: str, now: datetime) -> View:
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
            "config": config(self.operator.spec("Process", view["name"]) or {}, name),
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
        name: MASK if value == HIDDEN or SECRET.search(name) else str(value)
        for name, value in env.items()
    }


def duration(seconds: float) -> str:
    """Seconds as the original's language prints them: ``2h30m15s``."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _line(line: Any, name: str) -> View:
    return {
        "timestamp": stamp(line.time) or NEVER,
        "processId": name,
        "stream": line.stream,
        "content": line.text,
    }


def _written(view: View) -> str:
    return str(view["writtenAs"]).partition("/")[2]


def _time(said: Any) -> datetime | None:
    """When, from Unix seconds or from text."""
    with suppress(ValueError, OverflowError):
        if isinstance(said, int | float) and said:
            return datetime.fromtimestamp(said, UTC)
        if isinstance(said, str) and said:
            return datetime.fromisoformat(said).astimezone(UTC)
    return None
