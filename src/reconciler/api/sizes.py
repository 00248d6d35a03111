"""How large a request may be, by what it asks for."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from .problems import Problem

LARGEST: Final = 1 << 20
LARGEST_LIST: Final = 1 << 22
"""A whole list of routes may come at once."""
LISTS: Final = ("/admin/routes.json", "/admin/api/v1/routes")


class Measured:
    """``receive``, for as long as the body is no larger than bodies are."""

    def __init__(self, receive: Receive, path: str) -> None:
        self._receive = receive
        self._most = largest(path)
        self._size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > self._most:
            raise HTTPException(413, _at_most(self._most))
        return message


def largest(path: str) -> int:
    """How many bytes a request for this path may have."""
    return LARGEST_LIST if path.startswith(LISTS) else LARGEST


def too_long(path: str, headers: Headers) -> Problem | None:
    """The refusal of a request that says itself that it is too long."""
    said, most = headers.get("content-length", "0"), largest(path)
    refused = said.isdecimal() and int(said[:20]) > most
    return Problem(413, _at_most(most)) if refused else None


def _at_most(most: int) -> str:
    return f"a request has at most {most} bytes here"
