"""The password for a session, and a session's end."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import models
from .access import COOKIE, Access, csrf_of, new_session
from .answers import answer, says
from .callers import caller_of
from .credentials import digest_of
from .password import LONGEST
from .peers import Peer
from .trust import PEER, SESSION

LASTS: Final = 12 * 3600.0


class Password(BaseModel):
    """What a person types."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    password: Annotated[SecretStr, StringConstraints(max_length=LONGEST)]


class LoginPages:
    """Logging in and out."""

    def __init__(self, access: Access) -> None:
        self.access = access

    def router(self) -> APIRouter:
        """The pages, to be mounted below the root of the API."""
        router = APIRouter(tags=["session"])
        session = says(models.SessionView)
        router.add_api_route("/login", self.login, methods=["POST"], responses=session)
        router.add_api_route("/session", self.session, responses=session)
        router.add_api_route(
            "/logout", self.logout, methods=["POST"], status_code=204, response_class=Response
        )
        return router

    async def login(self, request: Request, said: Password) -> Response:
        """Open a session: the answer sets its cookie."""
        peer = peer_of_request(request)
        known = await self.access.knock(peer.address, said.password.get_secret_value())
        if known is None:
            raise HTTPException(401, "this is not the password")
        return await self._opened(request, known, peer)

    async def _opened(self, request: Request, password: str, peer: Peer) -> Response:
        now = self.access.now()
        credential = new_session(f"session {secrets.token_hex(4)}", password, now, lasts=LASTS)
        secret = await asyncio.to_thread(self.access.credentials.create, credential)
        view = {
            "name": "admin",
            "scope": credential.scope,
            "csrf": csrf_of(secret),
            "expires": datetime.fromtimestamp(now + LASTS, UTC).isoformat(timespec="seconds"),
        }
        response = answer(request, view)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(LASTS),
            path=SESSION,
            secure=peer.is_https,
            httponly=True,
            samesite="strict",
        )
        return response

    async def session(self, request: Request) -> Response:
        """Who asks, and the word its page must repeat."""
        caller = caller_of(request)
        csrf = csrf_of(caller.secret) if caller.secret else ""
        return answer(request, {"name": caller.name, "scope": caller.scope, "csrf": csrf})

    async def logout(self, request: Request) -> Response:
        """End the session; a token stays."""
        if secret := caller_of(request).secret:
            gone = digest_of(secret)
            await asyncio.to_thread(self.access.credentials.revoke, lambda one: one.digest == gone)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path=SESSION, httponly=True, samesite="strict")
        return response


def peer_of_request(request: Request) -> Peer:
    """Where it comes from, as the door found."""
    peer: Peer = request.scope[PEER]
    return peer
