"""The revisions that were, and going back to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import revision_models as models
from .actions import Text
from .answers import answer, says
from .callers import caller_of, shown
from .models import Items
from .resources import Limit
from .view import View

Start = Annotated[str, Path(max_length=64, pattern=r"^[0-9A-Za-z:_.-]+$", examples=["4f2c1d9"])]
Word = Annotated[
    str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^\x00-\x20-]\S*$")
]


class PastView(Protocol):
    """What these pages need of the operator. Failures are ReconcileError."""

    def revisions(self, limit: int, start: str = "") -> Sequence[View]:
        """What became of revisions, newest first."""
        ...

    def revision(self, start: str) -> View | None:
        """The newest whose name starts so; None when there is none."""
        ...

    async def go_back(self, word: str, *, author: str, reason: str = "") -> View:
        """Have another revision in the place of HEAD."""
        ...

    async def undo(self, *, author: str) -> View:
        """Let HEAD be current again."""
        ...


class Back(BaseModel):
    """Which revision is to be current, and why."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    to: Word
    """A commit, a part of its id, a branch or a tag."""
    reason: Text = ""
    """Shown wherever it matters: status, diff, events, history."""


class RevisionPages:
    """What became of revisions. The door has seen to it that who writes may operate."""

    def __init__(self, past: PastView) -> None:
        self.past = past

    def router(self) -> APIRouter:
        """The pages, to be mounted below the root of the API."""
        router = APIRouter(tags=["revisions"])
        for path, page, method, said in (
            ("/revisions", self.revisions, "GET", says(Items[models.RevisionView])),
            ("/revisions/{revision}", self.revision, "GET", says(models.RevisionView)),
            ("/rollback", self.go_back, "POST", says(models.StandingView)),
            ("/rollback", self.undo, "DELETE", says(models.StandingView)),
        ):
            router.add_api_route(path, page, methods=[method], responses=said)
        return router

    async def revisions(self, request: Request, limit: Limit = 50) -> Response:
        """What became of each revision, newest first."""
        return answer(request, shown(request, {"items": list(self.past.revisions(limit))}))

    async def revision(self, request: Request, revision: Start) -> Response:
        """The newest revision whose name starts so, with the passes that applied it."""
        found = self.past.revision(revision)
        if found is None:
            raise HTTPException(404, f"no revision {revision} was current here")
        return answer(request, shown(request, found))

    async def go_back(self, request: Request, order: Back) -> Response:
        """Have another revision's specs in the place of HEAD's, until there is a new commit."""
        author = caller_of(request).name
        done = await self.past.go_back(order.to, author=author, reason=order.reason)
        return answer(request, done)

    async def undo(self, request: Request) -> Response:
        """Let HEAD be current again: what was taken back by hand, or by the operator."""
        return answer(request, await self.past.undo(author=caller_of(request).name))
