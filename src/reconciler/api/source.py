"""The source of the specs: asked now, or telling by itself that there is something new."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Annotated, Protocol

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.model import Json
from . import revision_models as models
from .answers import answer, says
from .callers import caller_of, shown
from .credentials import Scope
from .trust import HOOK, ROOT

SIGNED = ("x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
"""Headers with the body's HMAC-SHA256: of GitHub and those that do as it does, of the others."""
TOKEN = "x-gitlab-token"  # noqa: S105 (the name of a header)


class SourceView(Protocol):
    """What these pages need of whatever follows the source."""

    async def look(self, *, accept: str = "") -> dict[str, Json]:
        """Ask it now; empty where none is followed."""
        ...

    def poke(self) -> None:
        """There may be something new."""
        ...

    def secret(self) -> str | None:
        """What calls of the host are signed with."""
        ...


class Ask(BaseModel):
    """What may be taken over."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    accept: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{7,40})?$")] = ""
    """A commit that may take over though history was rewritten; needs the scope ``admin``."""


class SourcePages:
    """The source, asked and telling."""

    def __init__(self, source: SourceView | None) -> None:
        self.source = source

    def router(self) -> APIRouter:
        """The pages, to be mounted below the root of the API."""
        router = APIRouter(tags=["revisions"])
        said = says(models.SourceView)
        router.add_api_route("/source", self.look, methods=["POST"], responses=said)
        router.add_api_route(
            HOOK.removeprefix(ROOT), self.hook, methods=["POST"], status_code=202, responses={}
        )
        return router

    async def look(self, request: Request, order: Ask | None = None) -> Response:
        """Ask the source now, and say how it stands."""
        accept = order.accept if order else ""
        if accept and not caller_of(request).scope.allows(Scope.ADMIN):
            raise HTTPException(403, "taking over a rewritten history takes the scope admin")
        found = await self.source.look(accept=accept) if self.source is not None else {}
        return answer(request, shown(request, {"source": found or None}))

    async def hook(self, request: Request) -> Response:
        """A host tells of a push; signed with the Stack's webhook secret."""
        secret = self.source.secret() if self.source is not None else None
        if self.source is None or secret is None:
            raise HTTPException(404, "no webhook is set")
        if not is_signed(request.headers, await request.body(), secret):
            raise HTTPException(403, "this call is not signed with the secret of the webhook")
        self.source.poke()
        return Response(status_code=202)


def is_signed(headers: Headers, body: bytes, secret: str) -> bool:
    """Whether a host that knows the secret sent this body."""
    wanted = hmac.new(secret.encode(), body, sha256).hexdigest()
    for name in SIGNED:
        said = headers.get(name, "").removeprefix("sha256=").lower()
        if said and hmac.compare_digest(said.encode("latin-1", "replace"), wanted.encode()):
            return True
    token = headers.get(TOKEN, "")
    return bool(token) and hmac.compare_digest(token.encode("latin-1", "replace"), secret.encode())
