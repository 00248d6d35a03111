"""Who asks, and what they may know: strangers get a bare status of health and nothing else."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import Problem

CLIENT: Final = "X-Reconciler-Client"
"""Written by the gateway alone, over whatever a client sent: ``local`` or ``stranger``."""

HEALTH_PATHS: Final = frozenset({"/livez", "/readyz", "/health", "/healthz"})
READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Client(StrEnum):
    """Who asks. ``misdirected``: from this machine, but under a name that is not this machine's."""

    LOCAL = "local"
    STRANGER = "stranger"
    MISDIRECTED = "misdirected"


class Door:
    """The one way in: decides who asks before any page is looked for."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = client_of(scope)
        scope[CLIENT] = client
        page = refusal(client, scope) or self.app
        try:
            await page(scope, receive, unstored(send))
        except asyncio.CancelledError:
            # Only the end of the operator cancels a request; its client still gets an answer.
            await Problem(503, "the operator is stopping: ask again")(scope, receive, send)


def client_of(scope: Scope) -> Client:
    """Who sent this request. Anything unclear is a stranger."""
    headers = Headers(scope=scope)
    said = headers.getlist(CLIENT)
    if any(word != Client.LOCAL for word in said):
        return Client.STRANGER
    # No address means the unix socket, which only its owner can open. A browser cannot either,
    # so names matter only for what came over TCP, here or at the gateway.
    direct = scope.get("client") is None and not said
    if direct or is_loopback(headers.get("host", "")):
        return Client.LOCAL
    return Client.MISDIRECTED


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine by loopback, which no foreign web page can."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def refusal(client: Client, scope: Scope) -> Problem | None:
    """Why this request goes no further, or None."""
    if scope["path"] in HEALTH_PATHS:
        return None
    match client:
        case Client.STRANGER:
            return Problem(404, "Not Found")
        case Client.MISDIRECTED:
            return Problem(421, "ask for localhost, 127.0.0.1 or [::1]: other names are refused")
        case Client.LOCAL if scope["method"] not in READ_METHODS and is_foreign(scope):
            return Problem(403, "this request comes from a page of another site")
    return None


def is_foreign(scope: Scope) -> bool:
    """Whether a browser sent this on behalf of another site's page."""
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    host = headers.get("host", "")
    same = origin in {None, f"http://{host}", f"https://{host}"}
    return not same or site not in {"none", "same-origin"}


def unstored(send: Send) -> Send:
    """``send``, with headers that keep answers out of every cache and out of guessing browsers."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Cache-Control"] = "no-store"
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return send_with_headers
