"""The numbers for Prometheus."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..metrics import Metrics
from .trust import METRICS
from .view import OperatorView


class _Page(NamedTuple):
    """A page, what it was asked for with, and how many had asked when it was begun."""

    body: bytes
    content_type: str
    accept: str
    asked: int


class MetricsPage:
    """Written in a thread, beside the loop, and one at a time: there may be many series.

    However many ask at once, those who waited while one page was written share the next.
    """

    def __init__(self, operator: OperatorView, metrics: Metrics) -> None:
        self._operator = operator
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._asked = 0
        self._page = _Page(b"", "", "", -1)

    def routes(self) -> list[Route]:
        return [Route(METRICS, self.page)]

    async def page(self, request: Request) -> Response:
        """What is true now; nothing that was true before it was asked for."""
        accept, ticket = request.headers.get("accept", ""), self._asked
        self._asked += 1
        async with self._turn:
            if self._page.asked <= ticket or self._page.accept != accept:
                self._page = await self._write(accept)
        body, content_type, *_ = self._page
        return Response(body, headers={"Content-Type": content_type})

    async def _write(self, accept: str) -> _Page:
        asked = self._asked
        self._operator.measure()
        beside = await self._metrics.traffic()
        body, content_type = await asyncio.to_thread(self._metrics.render, accept, beside)
        return _Page(body, content_type, accept, asked)
