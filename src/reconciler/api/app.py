"""The pages of the operator, put together."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..metrics import Metrics
from .health import HealthPages
from .problems import ANSWERS
from .resources import ResourcePages
from .trust import Door
from .view import Check, OperatorView

__all__ = ["Check", "OperatorView", "make_app"]


def make_app(operator: OperatorView, metrics: Metrics) -> Starlette:
    """Everything the operator answers, for ``serve``."""
    routes: list[BaseRoute] = [
        *HealthPages(operator).routes(),
        metrics_page(operator, metrics),
        *ResourcePages(operator).routes(),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Door)], exception_handlers=dict(ANSWERS))
    # A redirect would repeat whatever Host the client wrote.
    app.router.redirect_slashes = False
    return app


def metrics_page(operator: OperatorView, metrics: Metrics) -> Route:
    """The numbers for Prometheus, written in a thread: there may be many."""

    async def page(request: Request) -> Response:
        operator.measure()
        accept = request.headers.get("accept", "")
        body, content_type = await asyncio.to_thread(metrics.render, accept)
        return Response(body, headers={"Content-Type": content_type})

    return Route("/metrics", page)
