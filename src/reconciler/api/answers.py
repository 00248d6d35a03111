"""Views as JSON, and what a page says of itself in the API's description."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final

from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .trust import READ_METHODS
from .view import Speak, View

Says = dict[int | str, dict[str, Any]]


class ProblemDetails(BaseModel):
    """A refusal (RFC 9457). ``reason`` is a CamelCase token where the world refused."""

    type: str
    title: str
    status: int
    detail: str
    reason: str | None = None


PROBLEM: Final[dict[str, Any]] = {
    "description": "What is wrong, as application/problem+json",
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
    },
}


def answer(request: Request, view: Any, status: int = 200) -> Response:
    """A view as JSON; 304 when the client has the very same already."""
    body = to_json(view, inf_nan_mode="null")
    if request.method not in READ_METHODS:
        return Response(body, status, media_type="application/json")
    tag = _tag(body)
    known = {
        one.strip().removeprefix("W/")
        for one in request.headers.get("if-none-match", "").split(",")
    }
    if known & {tag, "*"}:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, status, {"ETag": tag}, "application/json")


def tag_of(view: Any) -> str:
    """The ETag that a view is answered with."""
    return _tag(to_json(view, inf_nan_mode="null"))


def _tag(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


async def answer_in_words(request: Request, verb: str, view: View) -> Response:
    """As ``verb`` prints it where words are asked for, by who has a terminal; else as JSON."""
    speak: Speak | None = request.app.state.speak
    wish = request.headers.get("reconciler-terminal")
    if speak is None or wish is None or request.headers.get("accept") != "text/plain":
        return answer(request, view)
    try:
        said = await asyncio.to_thread(speak, verb, view, wish)
    except ValueError:
        raise HTTPException(400, "a terminal is told as: 100 oe strict") from None
    talk = said.talk.encode()
    how = {"Reconciler-Exit": str(said.code), "Reconciler-Talk": str(len(talk))}
    return Response(said.out.encode() + talk, headers=how, media_type="text/plain")


def says(model: Any, status: int = 200) -> Says:
    """What a page answers, for the description alone: views are made right, not made sure of."""
    return {status: {"model": model, "description": "As asked"}}


def operation_id(route: APIRoute) -> str:
    """The name a generated client gives a call."""
    return route.name
