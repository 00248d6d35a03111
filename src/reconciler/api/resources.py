"""The operator's views as JSON under /admin/api/v1."""

from __future__ import annotations

import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .view import OperatorView

ROOT: Final = "/admin/api/v1"
LIMIT: Final = "100"
LIMITS: Final = re.compile(r"[1-9][0-9]{0,2}|1000")


class ResourcePages:
    """What is wanted, what is, what differs, what happened; and the one push to look again."""

    def __init__(self, operator: OperatorView) -> None:
        self.operator = operator

    def routes(self) -> list[Route]:
        return [
            Route(f"{ROOT}/plan", self.plan),
            Route(f"{ROOT}/status", self.status),
            Route(f"{ROOT}/events", self.events),
            Route(f"{ROOT}/history", self.history),
            Route(f"{ROOT}/resources/{{kind}}/{{name}}", self.resource),
            Route(f"{ROOT}/reconcile", self.reconcile, methods=["POST"]),
        ]

    async def plan(self, _: Request) -> Response:
        return JSONResponse(await self.operator.plan())

    async def status(self, _: Request) -> Response:
        return JSONResponse(await self.operator.status())

    async def events(self, request: Request) -> Response:
        return JSONResponse({"items": list(self.operator.events(limit(request)))})

    async def history(self, request: Request) -> Response:
        return JSONResponse({"items": list(self.operator.history(limit(request)))})

    async def resource(self, request: Request) -> Response:
        kind, name = request.path_params["kind"], request.path_params["name"]
        view = await self.operator.resource(kind, name)
        if view is None:
            raise HTTPException(404, f"there is no {kind}/{name}")
        return JSONResponse(view)

    async def reconcile(self, request: Request) -> Response:
        confirm = request.query_params.get("confirm", "")
        return JSONResponse(await self.operator.reconcile_now(confirm=confirm))


def limit(request: Request) -> int:
    """How many entries are asked for; a sensible number when nothing is said."""
    said = request.query_params.get("limit", LIMIT)
    if not LIMITS.fullmatch(said):
        raise HTTPException(400, "limit must be a number from 1 to 1000")
    return int(said)
