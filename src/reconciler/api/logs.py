"""What processes print, read from their logs."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..clients.logfile import Line, Room, looks, merged
from ..core.model import Ref
from ..core.units import parse_duration
from . import models
from .answers import Says, answer, says
from .resources import Name, views_of
from .streams import EVENTS, LINES, Streams
from .view import OperatorView, View

MOST: Final = 10_000
LARGEST: Final = 8 << 20
"""Bytes of logs that are read for one answer; of the past, where it goes on."""

Lines = Annotated[int, Query(ge=0, le=MOST, description="How many lines of the past at most")]
Since = Annotated[
    str,
    Query(max_length=40, description="Only lines from then on: 10m, or 2026-01-30T12:00:00Z"),
]
Follow = Annotated[bool, Query(description="Stay, and send what comes, one document for each line")]


class LogPages:
    """The logs of processes, by instance."""

    def __init__(self, operator: OperatorView, streams: Streams) -> None:
        self.operator = operator
        self.streams = streams

    def router(self) -> APIRouter:
        """The page, to be mounted below the root of the API."""
        router = APIRouter(tags=["logs"])
        page = "/resources/Process/{name}/logs"
        router.add_api_route(page, self.logs, responses=_described())
        return router

    async def logs(
        self,
        request: Request,
        *,
        name: Name,
        lines: Lines = 100,
        since: Since = "",
        follow: Follow = False,
    ) -> Response:
        """The last lines of a process, oldest first; ``web`` means all its instances."""
        begin = since_of(since)
        paths = await log_paths(self.operator, name)
        room = Room(LARGEST, len(paths))
        if follow:
            news = looks(paths, lines=lines, since=begin, room=room)
            return self.streams.answer(request, _viewed(news))
        last = await last_of(paths, lines, since=begin, room=room)
        return answer(request, {"items": [one.view() for one in last], "cut": room.cut})


async def log_paths(operator: OperatorView, name: str) -> dict[str, File]:
    """The logs of a process, by instance."""
    meant = await views_of(operator, Ref("Process", name))
    told = ((one["name"], str((one["vitals"] or {}).get("log") or "")) for one in meant)
    return {instance: File(path) for instance, path in told if path.startswith("/")}


async def last_of(
    paths: Mapping[str, File], lines: int, *, since: float | None = None, room: Room | None = None
) -> list[Line]:
    """The last lines of some logs as one, by time; a log that is not there yet has none."""
    room = room or Room(LARGEST, len(paths))

    def read() -> list[Line]:
        return list(deque(merged(paths, lines=lines, since=since, room=room), lines))

    return await asyncio.to_thread(read)


def since_of(text: str) -> float | None:
    """Unix time of ``10m`` (ago) or of a timestamp; None for no limit."""
    if not text:
        return None
    try:
        return time.time() - parse_duration(text)
    except ValueError:
        pass
    try:
        told = datetime.fromisoformat(text)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as exc:
        hint = "since: write how long ago, such as 10m, or a time, such as 2026-01-30T12:00:00Z"
        raise HTTPException(422, hint) from exc


async def _viewed(news: AsyncIterator[Iterable[Line]]) -> AsyncIterator[Sequence[View]]:
    async for lines in news:
        yield [one.view() for one in lines]


def _described() -> Says:
    told: dict[str, Any] = says(models.LogLines)[200]
    return {**says(models.LogLine), 200: {**told, "content": {EVENTS: {}, LINES: {}}}}
