"""Answers that go on: what happens, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..engine.journal import Picked
from .answered import HEADS
from .answers import Says
from .resources import Limit, Those
from .view import OperatorView, View

EVENTS: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
QUIET: Final = 15.0
"""Seconds of silence after which a stream says that it is still there."""

MOST: Final = 32
EVERY: Final = 0.5
WINDOW: Final = 200
"""Events looked at each time: more than come between two looks."""

STREAMED: Final[Says] = {
    200: {
        "description": "One JSON document for each, for as long as the client listens",
        "content": {EVENTS: {}, LINES: {}},
    }
}


@dataclass(slots=True)
class Streams:
    """How many go on at a time, and whether they still may."""

    going: int = 0
    ended: bool = False
    """Nobody waits for a stream when the operator stops."""

    def answer(self, request: Request, news: AsyncIterator[Sequence[View]]) -> Response:
        """Everything ``news`` yields: as server-sent events if asked for, else line by line."""
        if self.going >= MOST:
            raise HTTPException(503, f"{MOST} streams go on already", headers={"Retry-After": "5"})
        kind = EVENTS if EVENTS in request.headers.get("accept", "") else LINES
        body = () if HEADS in request.scope else self._counted(frames(news, kind))
        return StreamingResponse(body, media_type=kind, headers={"X-Accel-Buffering": "no"})

    async def _counted(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        self.going += 1
        try:
            async for frame in body:
                if frame:
                    yield frame
                if self.ended:
                    break
        finally:
            self.going -= 1


async def frames(news: AsyncIterator[Sequence[View]], kind: str) -> AsyncIterator[bytes]:
    """The bytes of a stream; now and then a sign of life, so that nobody on the way hangs up."""
    head, tail, alive = (b"data: ", b"\n\n", b":\n\n") if kind == EVENTS else (b"", b"\n", b"\n")
    clock = asyncio.get_running_loop().time
    spoken = clock()
    yield alive
    async for views in news:
        if views:
            yield b"".join(head + to_json(view, inf_nan_mode="null") + tail for view in views)
        elif clock() - spoken < QUIET:
            yield b""  # a moment to look whether it is over
            continue
        else:
            yield alive
        spoken = clock()


class EventPages:
    """What happens, as it happens."""

    def __init__(self, operator: OperatorView, streams: Streams) -> None:
        self.operator = operator
        self.streams = streams

    def router(self) -> APIRouter:
        """The page, to be mounted below the root of the API."""
        router = APIRouter(tags=["resources"])
        router.add_api_route("/events/stream", self.follow, responses=STREAMED)
        return router

    async def follow(self, request: Request, picked: Those, limit: Limit = 100) -> Response:
        """The last events, oldest first, and then every new one."""
        return self.streams.answer(request, self._news(limit, picked))

    async def _news(self, limit: int, picked: Picked) -> AsyncIterator[Sequence[View]]:
        def newest(most: int) -> dict[tuple[Any, ...], View]:
            return {_mark(one): one for one in self.operator.events(most, picked)}

        known, count = newest(max(limit, WINDOW)), limit
        fresh = list(known.values())
        while True:
            yield fresh[:count][::-1]
            await asyncio.sleep(EVERY)
            now, count = newest(WINDOW), WINDOW
            fresh = [one for mark, one in now.items() if mark not in known]
            known = now


def _mark(event: View) -> tuple[Any, ...]:
    """What tells an event from the others; one that happens again counts up."""
    return tuple(event.get(name) for name in ("time", "ref", "reason", "message", "count"))
