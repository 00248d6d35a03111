"""The operator's views as JSON under /admin/api/v1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import StringConstraints
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.model import Ref
from ..engine.journal import Picked
from . import models, plan_models, status_models
from .answers import answer, answer_in_words, says
from .callers import shown
from .view import OperatorView, View

Limit = Annotated[int, Query(ge=1, le=1000, description="How many entries at most")]
Refs = Annotated[
    Sequence[Annotated[str, StringConstraints(max_length=400)]],
    Query(max_length=1000, description="Only of these", examples=[["Process/web-0"]]),
]
Reasons = Annotated[
    Sequence[Annotated[str, StringConstraints(max_length=100)]],
    Query(max_length=100, description="Only of these reasons", examples=[["RolledBack"]]),
]
Since = Annotated[float, Query(ge=0, description="Only from then on, in Unix seconds")]


def pick(ref: Refs = (), reason: Reasons = (), since: Since = 0.0) -> Picked:
    """Which events are asked for."""
    return Picked(ref, reason, since)


Those = Annotated[Picked, Depends(pick)]
Kind = Annotated[str, Path(max_length=63, examples=["Process"])]
Name = Annotated[str, Path(max_length=253, examples=["web-0"])]


class ResourcePages:
    """What is wanted, what is, what differs, what happened."""

    def __init__(self, operator: OperatorView) -> None:
        self.operator = operator

    def router(self) -> APIRouter:
        """The pages, to be mounted below the root of the API."""
        router = APIRouter(tags=["resources"])
        for path, page, model in (
            ("/status", self.status, status_models.StatusView),
            ("/plan", self.plan, plan_models.PlanView),
            ("/events", self.events, models.Items[models.EventView]),
            ("/history", self.history, models.Items[models.PassView]),
            ("/requests", self.requests, models.Items[plan_models.RequestView]),
            ("/resources", self.resources, status_models.Page),
            ("/resources/{kind}/{name}", self.resource, status_models.ResourceView),
        ):
            router.add_api_route(path, page, responses=says(model))
        return router

    async def status(self, request: Request) -> Response:
        """Everything that is true now, from memory."""
        return await answer_in_words(request, "status", await self.operator.status())

    async def plan(self, request: Request) -> Response:
        """What would be done now: the specs are read and the world is looked at."""
        return answer(request, shown(request, await self.operator.plan()))

    async def events(self, request: Request, picked: Those, limit: Limit = 100) -> Response:
        """What happened, newest first."""
        return answer(request, {"items": list(self.operator.events(limit, picked))})

    async def history(self, request: Request, limit: Limit = 100) -> Response:
        """The passes that changed something, newest first."""
        return answer(request, {"items": list(self.operator.history(limit))})

    async def requests(self, request: Request) -> Response:
        """What is asked by hand for the moment."""
        return answer(request, {"items": list(self.operator.requests())})

    async def resources(
        self,
        request: Request,
        kind: Annotated[str, Query(max_length=63, description="Only of this kind")] = "",
        limit: Limit = 1000,
        after: Annotated[str, Query(max_length=400, description="Only refs after this one")] = "",
    ) -> Response:
        """Every resource, those of the stack itself too, by ref."""
        status = await self.operator.status()
        wanted = [one for one in status["resources"] if kind in {"", one["kind"]}]
        rest = sorted((one for one in wanted if one["ref"] > after), key=lambda one: one["ref"])
        more = rest[limit - 1]["ref"] if len(rest) > limit else None
        return answer(request, {"items": rest[:limit], "after": more})

    async def resource(self, request: Request, kind: Kind, name: Name) -> Response:
        """Everything known of one resource."""
        view = await self.operator.resource(kind, name)
        if view is None:
            raise HTTPException(404, f"there is no {kind}/{name}")
        return answer(request, view)


async def views_of(operator: OperatorView, ref: Ref) -> list[View]:
    """The resource of that name, or the instances of what is written under it; a 404 for none."""
    one = await operator.resource(*ref)
    if one is not None:
        return [one]  # the views of all others are not even made
    views = (await operator.status())["resources"]
    found = [one for one in views if str(ref) in {one["ref"], one["writtenAs"]}]
    if not found:
        raise HTTPException(404, f"there is no {ref}")
    return found
