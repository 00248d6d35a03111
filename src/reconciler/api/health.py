"""Whether the operator lives, is ready, and how its stack does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .. import __version__
from ..core.errors import ReconcileError
from .peers import Client
from .trust import CALLER, HEALTH_BELOW, PEER
from .view import Check, OperatorView, View
from .well import conditions, is_degraded, one_view, worst

WELL: Final = "healthy"
PATIENCE: Final = 2.0
"""Seconds; a monitor that waits longer has given up already."""


class HealthPages:
    """Pages for monitors and orchestrators; the status code alone decides."""

    def __init__(self, operator: OperatorView) -> None:
        self.operator = operator

    def routes(self) -> list[Route]:
        return [
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/health", self.health),
            Route("/healthz", self.healthz),
            Route(f"{HEALTH_BELOW}{{kind}}/{{name}}", self.one),
        ]

    async def livez(self, request: Request) -> Response:
        """Does the loop turn? Nothing outside the operator counts."""
        return report(request, [check for check in self.operator.checks() if check.kind == "live"])

    async def readyz(self, request: Request) -> Response:
        """Is what the operator says fresh, and was it applied?"""
        return report(request, self.operator.checks())

    async def healthz(self, request: Request) -> Response:
        """The summary; to who asks for ``verbose`` or for exceptions, a line for each check."""
        if request.query_params.keys() & {"verbose", "exclude"}:
            return report(request, self.operator.checks())
        return await self.health(request)

    async def one(self, request: Request) -> Response:
        """One resource, for a monitor of its own: 200 while it does what it should."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        status, trouble = await self._status()
        if trouble:
            return judged(request, "unknown", {"message": trouble})
        found = worst(status["resources"], kind, name)
        if found is None and not is_bare(request):
            detail = {"status": "absent", "message": f"there is no {kind}/{name}"}
            return JSONResponse(detail, HTTPStatus.NOT_FOUND)
        # A stranger does not learn which names there are: what is not there is not well.
        word = found["health"]["code"].lower() if found else "absent"
        return judged(request, word, one_view(found) if found else {})

    async def health(self, request: Request) -> Response:
        """One word for the whole stack, and for those of this machine what lies behind it."""
        checks = self.operator.checks()
        status, trouble = await self._status()
        return summary(request, checks, status, trouble=trouble)

    async def _status(self) -> tuple[View, str]:
        """The status, or why there is none: a monitor gets an answer in time all the same."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.operator.status(), ""
        except ReconcileError as exc:
            return {}, str(exc)
        except TimeoutError:
            return {}, f"no status within {PATIENCE:g} s"


def is_bare(request: Request) -> bool:
    """Whether this client may know no more than the status."""
    known = request.scope[PEER].client is Client.LOCAL
    return not known and request.scope[CALLER] is None


def judged(request: Request, word: str, detail: View) -> Response:
    """200 for what is healthy and 503 for all else; ``detail`` is not for strangers."""
    code = HTTPStatus.OK if word == WELL else HTTPStatus.SERVICE_UNAVAILABLE
    if is_bare(request):
        return JSONResponse({"status": WELL if word == WELL else "unhealthy"}, code)
    return JSONResponse({"status": word, **detail}, code)


def report(request: Request, checks: Sequence[Check]) -> Response:
    """Answer as a kubelet expects: ``ok``, or a line for each check."""
    if is_bare(request):
        ok = all(check.ok for check in checks)
        return PlainTextResponse("ok" if ok else "failed", 200 if ok else 503)
    excluded = set(request.query_params.getlist("exclude"))
    counted = [check for check in checks if check.name not in excluded]
    ok = all(check.ok for check in counted)
    if ok and "verbose" not in request.query_params:
        return PlainTextResponse("ok")
    lines = [check_line(check, excluded=check.name in excluded) for check in checks]
    lines += [
        f'warn: no check is called "{name}", nothing excluded'
        for name in sorted(excluded - {check.name for check in checks})
    ]
    lines.append(f"{request.url.path[1:]} check {'passed' if ok else 'failed'}")
    return PlainTextResponse("\n".join(lines) + "\n", 200 if ok else 503)


def check_line(check: Check, *, excluded: bool) -> str:
    if excluded:
        return f"[+]{check.name} excluded: ok"
    return f"[+]{check.name} ok" if check.ok else f"[-]{check.name} failed: {check.message}"


def check_view(check: Check) -> View:
    message = "" if check.ok else check.message
    return {"name": check.name, "kind": check.kind, "ok": check.ok, "message": message}


def summary(
    request: Request, checks: Sequence[Check], status: View, *, trouble: str = ""
) -> Response:
    """The JSON summary; 503 only when the operator itself cannot do its work."""
    verdict = status.get("verdict", {})
    able = all(check.ok for check in checks) and not trouble
    word = "unhealthy" if not able else "degraded" if is_degraded(status) else "healthy"
    code = HTTPStatus.OK if able else HTTPStatus.SERVICE_UNAVAILABLE
    if is_bare(request):
        return JSONResponse({"status": word}, code)
    detail = {
        "version": __version__,
        "revision": status.get("revision"),
        "conditions": conditions(verdict),
        "verdict": verdict,
        "checks": [check_view(check) for check in checks],
        "resources": Counter(view["health"]["code"] for view in status.get("resources", ())),
    }
    return JSONResponse({"status": word, "message": trouble or verdict["message"], **detail}, code)
