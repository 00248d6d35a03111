"""What every answer has, and what one to HEAD has not: a body."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from .trace import REQUEST_ID

HEADS: Final = "reconciler.head"
"""In the scope of a request that wants no body: one that would go on for ever need not begin."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


def as_get(scope: Scope) -> Scope:
    """A request as the pages know it: HEAD is answered by what answers GET."""
    return scope if scope["method"] != "HEAD" else {**scope, "method": "GET", HEADS: True}


class Answered:
    """``send``, with the headers every answer has, to HEAD nothing else; knows whether it began."""

    def __init__(self, send: Send, request: str, method: str) -> None:
        self._send = send
        self._request = request
        self._is_bare = method == "HEAD"
        self.begun = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self._request
            for name, value in HEADERS.items():
                headers[name] = value
        elif self._is_bare:
            message = {**message, "body": b""}
        await self._send(message)
