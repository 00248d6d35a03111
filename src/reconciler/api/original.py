"""The calls of the original's process manager, so that its clients go on working."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.model import Ref
from ..core.request import LONGEST
from .actions import Act, Order, ask
from .answers import answer, says
from .callers import caller_of
from .logs import last_of, log_paths
from .translation import LogEntry, ProcessEntry, entry, family, log_entry
from .view import OperatorView, View

LINES: Final = 100
MOST: Final = 1000

DONE: Final[Mapping[Act, str]] = {
    Act.START: "Process start initiated",
    Act.STOP: "Process stopped",
    Act.RESTART: "Process restart initiated",
}

ENDED: Final = frozenset({"armed", "completed", "backoff", "failed"})
"""States of what has ended by itself, or waits for its time: only one that begins anew runs now."""

Id = Annotated[str, Path(max_length=253, examples=["ai-agent"])]


class Done(BaseModel):
    """The answer to an action."""

    message: str
    id: str


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
        found = await last_of(paths, min(count, MOST) or LINES)
        return answer(request, [log_entry(line, name) for line in found])

    async def start(self, request: Request, name: Id) -> Response:
        """Start a process that does not run."""
        # One that was just told to stop may not have ended yet: that takes the stop back.
        stopped = {one["ref"] for one in self.operator.requests() if one["verb"] == "stop"}
        views = [one for one in await self._views(name) if one["ref"] not in stopped]
        if any(one["vitals"].get("pid") for one in views):
            raise HTTPException(400, "Process is already running")
        return await self._do(request, name, Act.START, _beginning(views))

    async def stop(self, request: Request, name: Id) -> Response:
        """Stop a process until somebody starts it, or a month has gone."""
        return await self._do(request, name, Act.STOP)

    async def restart(self, request: Request, name: Id) -> Response:
        """Stop a process and start it again; one that was stopped is started."""
        views = await self._views(name)
        idle = not any(one["vitals"].get("pid") for one in views)
        act = _beginning(views) if idle else Act.RESTART
        return await self._do(request, name, Act.RESTART, act)

    async def _do(self, request: Request, name: str, said: Act, act: Act | None = None) -> Response:
        order = Order.model_construct(how_long=LONGEST, reason="asked through /api/pm")
        ref = Ref("Process", name)
        await self._views(name)
        await ask(self.operator, ref, act or said, order=order, caller=caller_of(request))
        return answer(request, {"message": DONE[said], "id": name})

    async def _views(self, name: str) -> list[View]:
        """The instances of a process; a 404 when it has none."""
        own = [one for one in await self._processes() if name in {one["name"], family(one)}]
        if not own:
            raise HTTPException(404, f"Process not found: {name}")
        return own

    async def _processes(self) -> list[View]:
        views = (await self.operator.status())["resources"]
        return [one for one in views if one["kind"] == "Process" and not one["system"]]

    async def _entries(self) -> list[View]:
        views = await self._processes()
        sizes, now = Counter(map(family, views)), datetime.now(UTC)
        # An only instance is known by the name the user wrote, as in the original.
        names = [family(one) if sizes[family(one)] == 1 else one["name"] for one in views]
        specs = [self.operator.spec("Process", one["name"]) or {} for one in views]
        return [
            entry(one, name, spec, now) for one, name, spec in zip(views, names, specs, strict=True)
        ]


def _beginning(views: Sequence[View]) -> Act:
    """What makes one run that does not: a start takes a stop back, and of the rest does nothing."""
    ended = views and all(one["vitals"].get("state") in ENDED for one in views)
    return Act.RESTART if ended else Act.START
