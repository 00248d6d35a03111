"""Errors as the client sees them: application/problem+json (RFC 9457)."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..core.errors import ReconcileError, Waiting
from ..engine.log_lines import TRACE
from ..specs.faults import Invalid

ORIGINAL: Final = "/api/pm/"
"""Below this path errors also have the members that clients of the original look for."""

SYNC: Final = "/sync/api/"
"""Below this path errors say ``ok`` and ``error``, as in the original."""

BY_PASSWORD: Final = frozenset({"/admin/routes.json", "/admin/password"})
"""The original's paths for its rules; its clients send the password with each request."""

FORBIDDEN: Final = "forbidden"

UNREAD: Final = "the body cannot be read: send JSON in UTF-8, and not nested hundreds deep"

STATUS: Final[Mapping[str, int]] = {
    "NotFound": 404,
    "NotSupported": 422,
    "Refused": 409,
    "Conflict": 409,
    "EditsPending": 409,
    "Unfinished": 409,
    "NoBranch": 409,
    "Locked": 409,
    "NotEditable": 409,
    "Invalid": 422,
    "UnknownRevision": 422,
    "NoRevisions": 409,
    "PasswordUnfit": 422,
    "PasswordSetElsewhere": 409,
}
"""What a reason means over HTTP; any other: the world refuses, try again later."""


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
        if request := TRACE.get().request:
            more = {**more, "requestId": request}
        super().__init__({**body, "detail": detail, **more}, status, headers)


def told(path: str, status: int, detail: str, **more: Any) -> Problem:
    """A Problem as this path's clients expect it."""
    if path.startswith(ORIGINAL):
        more = {"code": status, "message": detail, "data": {}, **more}
    elif path.startswith(SYNC):
        more = {"ok": False, "error": detail, **more}
    elif path in BY_PASSWORD:
        more = {"error": FORBIDDEN if status == HTTPStatus.FORBIDDEN else detail, **more}
    return Problem(status, detail, **more)


def problem(request: Request, status: int, detail: str, **more: Any) -> Problem:
    """A Problem as the clients of what was asked expect it."""
    return told(request.url.path, status, detail, **more)


async def refused(request: Request, exc: Exception) -> Response:
    """What the router or a page refused: unknown path, wrong method, unknown name."""
    if not isinstance(exc, HTTPException):
        raise exc
    # Of a body that cannot even be taken for text the framework says no more than that.
    unread = exc.status_code == HTTPStatus.BAD_REQUEST and exc.__cause__ is not None
    detail = UNREAD if unread else str(exc.detail)
    return problem(request, exc.status_code, detail, headers=exc.headers)


async def unfit(request: Request, exc: Exception) -> Response:
    """Parameters or a body that are not what the page takes; what was sent is not repeated."""
    if not isinstance(exc, RequestValidationError):
        raise exc
    kind = request.headers.get("Content-Type", "")
    errors = [
        {"at": ".".join(map(str, one["loc"])), "message": _unfit(one, kind)} for one in exc.errors()
    ]
    detail = "; ".join(f"{one['at']}: {one['message']}" for one in errors)
    return problem(request, 422, detail, errors=errors)


def _unfit(one: Mapping[str, Any], kind: str) -> str:
    """What is wrong, for somebody who does not know what checks it."""
    if one["loc"] == ("body",) and "json" not in kind:
        return "send JSON, with Content-Type: application/json"
    if one["type"] == "json_invalid":
        return f"no JSON: {one['ctx']['error'].lower()}"
    return str(one["msg"])


async def unavailable(request: Request, exc: Exception) -> Response:
    """The world refused; the text is made for people and holds no secret."""
    if not isinstance(exc, ReconcileError):
        raise exc
    after = {"Retry-After": str(math.ceil(exc.after))} if isinstance(exc, Waiting) else None
    status = STATUS.get(exc.reason, 503)
    more = {"errors": exc.errors} if isinstance(exc, Invalid) else {}
    return problem(request, status, str(exc), headers=after, reason=exc.reason, **more)


async def failed(request: Request, __: Exception) -> Response:
    """A defect of ours. Its text may hold anything, so it goes to the log alone."""
    headers = {"X-Request-Id": TRACE.get().request}
    return problem(request, 500, "the operator failed inside: its log says more", headers=headers)


ANSWERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: refused,
    RequestValidationError: unfit,
    ReconcileError: unavailable,
    Exception: failed,
}
