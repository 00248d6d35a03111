"""What is asked of the operator: a pass now, or something else than the specs for the moment."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.model import Ref
from ..core.units import Duration
from . import models, plan_models, status_models
from .access import Caller
from .answers import answer, answer_in_words, says
from .callers import caller_of, shown
from .credentials import Scope
from .resources import Kind, Name, views_of
from .view import OperatorView, View

Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Act(StrEnum):
    """What may be asked of a process."""

    STOP = "stop"
    START = "start"
    RESTART = "restart"
    RELOAD = "reload"


class Order(BaseModel):
    """For how long, and why."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    how_long: Annotated[Duration, Field(gt=0)] = Field(default=3600.0, alias="for")
    """Until the specs count again, thirty days at most; only a stop and a start have an end."""
    reason: Text = ""
    """Shown wherever it matters: status, diff, events."""


class Pass(BaseModel):
    """What a pass may do."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    confirm: Text = ""
    """The revision whose many deletions are allowed; needs the scope ``admin``."""


class ActionPages:
    """The writes. The door has seen to it that a caller may operate."""

    def __init__(self, operator: OperatorView) -> None:
        self.operator = operator

    def router(self) -> APIRouter:
        """The pages, to be mounted below the root of the API."""
        router = APIRouter(tags=["actions"])
        asked = models.Items[plan_models.RequestView]
        router.add_api_route(
            "/resources/{kind}/{name}/{act}",
            self.act,
            methods=["POST"],
            status_code=202,
            responses=says(models.Items[status_models.ResourceView], 202),
        )
        router.add_api_route(
            "/requests/{kind}/{name}", self.release, methods=["DELETE"], responses=says(asked)
        )
        router.add_api_route(
            "/reconcile", self.reconcile, methods=["POST"], responses=says(plan_models.AppliedView)
        )
        return router

    async def act(
        self, request: Request, *, kind: Kind, name: Name, act: Act, order: Order | None = None
    ) -> Response:
        """Stop, start, restart or reload it now; ``web`` means all its instances."""
        said = order or Order()
        items = await ask(
            self.operator, Ref(kind, name), act, order=said, caller=caller_of(request)
        )
        return answer(request, {"items": items}, 202)

    async def release(self, request: Request, kind: Kind, name: Name) -> Response:
        """Take back what was asked: the specs count again."""
        refs = await refs_of(self.operator, Ref(kind, name))
        author = caller_of(request).name
        views = [await self.operator.release(ref, author=author) for ref in refs]
        gone = [view for view in views if view is not None]
        if not gone:
            raise HTTPException(404, f"nothing is asked of {kind}/{name}")
        return answer(request, {"items": gone})

    async def reconcile(self, request: Request, order: Pass | None = None) -> Response:
        """Do now whatever can be done, and say what was done."""
        confirm = order.confirm if order else ""
        if confirm and not caller_of(request).scope.allows(Scope.ADMIN):
            raise HTTPException(403, "allowing many deletions takes the scope admin")
        done = shown(request, await self.operator.reconcile_now(confirm=confirm))
        return await answer_in_words(request, "apply", done)


async def ask(
    operator: OperatorView, ref: Ref, act: Act, *, order: Order, caller: Caller
) -> list[View]:
    """Ask it of all instances, or of none."""
    seconds = order.how_long if act in {Act.STOP, Act.START} else None
    refs = await refs_of(operator, ref)
    said = await operator.ask(refs, act, reason=order.reason, author=caller.name, seconds=seconds)
    return list(said)


async def refs_of(operator: OperatorView, ref: Ref) -> list[Ref]:
    """The instances that ``ref`` means; what belongs to the stack itself is refused."""
    views = await views_of(operator, ref)
    for one in views:
        if one["system"]:
            raise HTTPException(409, f"{one['ref']} belongs to the stack itself")
    return [Ref(one["kind"], one["name"]) for one in views]
