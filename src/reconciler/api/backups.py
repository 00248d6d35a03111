"""Backups: how they are, what is ordered of them, their versions and files."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .actions import Text
from .answers import answer, says
from .backup_models import FilesView, OrderView, TargetView, VersionView
from .callers import caller_of
from .credentials import Scope
from .models import Items
from .resources import Name
from .view import BackupsView

LONGEST: Final = 60.0
"""Seconds that one request waits for an order at most."""
VERB: Final = r"^[a-z][a-z-]{0,30}$"

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=1000)]


class NewOrder(BaseModel):
    """What is to be done once, with which targets."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    verb: Annotated[str, Field(pattern=VERB)]
    """``backup``, ``push``, ``pull`` and what else a target can do."""
    names: Annotated[list[str], Field(max_length=1000)] = []
    """The targets; all, where none are named."""
    arguments: dict[str, Any] = {}
    """What the verb wants to know besides."""
    reason: Text = ""
    """Why; kept with the events."""


class BackupPages:
    """Reads are for everybody who is let in; orders for who may operate."""

    def __init__(self, backups: BackupsView) -> None:
        self.backups = backups

    def router(self) -> APIRouter:
        """The pages, to be mounted below the root of the API."""
        router = APIRouter(tags=["backups"])
        orders, order = says(Items[OrderView]), says(OrderView)
        router.add_api_route(
            "/orders",
            self.give,
            methods=["POST"],
            status_code=202,
            responses=says(Items[OrderView], 202),
        )
        router.add_api_route("/orders", self.orders, responses=orders)
        router.add_api_route("/orders/{id}", self.ordered, responses=order)
        router.add_api_route("/sync", self.status, responses=says(Items[TargetView]), name="sync")
        router.add_api_route(
            "/sync/{name}/log",
            self.log,
            responses=says(Items[VersionView]),
            name="sync_log",
        )
        router.add_api_route(
            "/sync/{name}/files", self.files, responses=says(FilesView), name="sync_files"
        )
        return router

    async def give(self, request: Request, order: NewOrder) -> Response:
        """Have something done once with targets: soon, and as soon as it can be."""
        if order.arguments.get("to") and not caller_of(request).scope.allows(Scope.ADMIN):
            raise HTTPException(403, "writing into another folder takes the scope admin")
        refs = self.backups.targets(order.names)
        items = self.backups.order(
            refs,
            order.verb,
            order.arguments,
            author=caller_of(request).name,
            reason=order.reason,
        )
        return answer(request, {"items": items}, 202)

    async def orders(self, request: Request, limit: Limit = 100) -> Response:
        """What was ordered, newest first; of what has ended the last hundred."""
        return answer(request, {"items": self.backups.orders(limit)})

    async def ordered(
        self,
        request: Request,
        id: Id,  # noqa: A002 (its name)
        wait: Annotated[
            float, Query(ge=0, le=LONGEST, description="Seconds to wait for its end")
        ] = 0.0,
    ) -> Response:
        """One order: whether it waits, is being done or has ended, and what came of it."""
        view = await self.backups.ordered(id, seconds=wait)
        if view is None:
            raise HTTPException(404, f"there is no order {id}, or none any more")
        return answer(request, view)

    async def status(self, request: Request) -> Response:
        """How each target is: its last backup, what is not pushed, what clashes."""
        return answer(request, {"items": self.backups.status()})

    async def log(
        self,
        request: Request,
        name: Name,
        limit: Limit = 20,
        fetch: Annotated[bool, Query(description="Ask the remote for older ones")] = False,  # noqa: FBT002 (a query)
    ) -> Response:
        """The versions of a target, newest first: what is known here, unless ``fetch``."""
        return answer(request, {"items": await self.backups.log(name, limit, fetch=fetch)})

    async def files(
        self,
        request: Request,
        name: Name,
        limit: Limit = 100,
        at: Annotated[str, Query(pattern=r"^[0-9a-f]{0,64}$", description="A version")] = "",
    ) -> Response:
        """What a version of a target holds: paths and sizes."""
        return answer(request, await self.backups.files(name, limit, at))
