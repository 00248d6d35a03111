"""Errors as the client sees them: application/problem+json (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..core.errors import ReconcileError, Waiting


class Problem(JSONResponse):
    """One refusal. ``more`` are members of its own, such as ``reason``."""

    media_type = "application/problem+json"

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
        super().__init__({**body, "detail": detail, **more}, status, headers)


async def refused(_: Request, exc: Exception) -> Response:
    """What the router or a page refused: unknown path, wrong method, bad parameter."""
    if not isinstance(exc, HTTPException):
        raise exc
    return Problem(exc.status_code, exc.detail, headers=exc.headers)


async def unavailable(_: Request, exc: Exception) -> Response:
    """The world refused; the text is made for people and holds no secret."""
    if not isinstance(exc, ReconcileError):
        raise exc
    after = {"Retry-After": str(math.ceil(exc.after))} if isinstance(exc, Waiting) else None
    return Problem(503, str(exc), headers=after, reason=exc.reason)


async def failed(_: Request, __: Exception) -> Response:
    """A defect of ours. Its text may hold anything, so it goes to the log alone."""
    return Problem(500, "the operator failed inside: its log says more")


ANSWERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: refused,
    ReconcileError: unavailable,
    Exception: failed,
}
