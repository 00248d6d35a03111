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
from .trust import CALLER, PEER, Client
from .view import Check, OperatorView, View

PATIENCE: Final = 2.0
"""Seconds; a monitor that waits longer has given up already."""

SERIOUS: Final = frozenset({"Degraded", "Unknown"})


class HealthPages:
    """Pages for monitors and orchestrators; the status code alone decides."""

    def __init__(self, operator: OperatorView) -> None:
        self.operator = operator

    def routes(self) -> list[Route]:
        return [
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/health", self.health),
            Route("/healthz", self.health),
        ]

    async def livez(self, request: Request) -> Response:
        """Does the loop turn? Nothing outside the operator counts."""
        return report(request, [check for check in self.operator.checks() if check.kind == "live"])

    async def readyz(self, request: Request) -> Response:
        """Is what the operator says fresh, and was it applied?"""
        return report(request, self.operator.checks())

    async def health(self, request: Request) -> Response:
        """One word for the whole stack, and for those of this machine what lies behind it."""
        checks = self.operator.checks()
        try:
            async with asyncio.timeout(PATIENCE):
                status = await self.operator.status()
        except ReconcileError as exc:
            return summary(request, checks, {}, trouble=str(exc))
        except TimeoutError:
            return summary(request, checks, {}, trouble=f"no status within {PATIENCE:g} s")
        return summary(request, checks, status)


def is_bare(request: Request) -> bool:
    """Whether this client may know no more than the status."""
    known = request.scope[PEER].client is Client.LOCAL
    return not known and request.scope[CALLER] is None


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


def is_degraded(status: View) -> bool:
    """Whether something is sick, or what is wanted is not done since a spec is broken."""
    verdict = status["verdict"]
    refused = not verdict["inSync"] and bool(status.get("problems"))
    return refused or verdict["health"] in SERIOUS


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
        "verdict": verdict,
        "checks": [check_view(check) for check in checks],
        "resources": Counter(view["health"]["code"] for view in status.get("resources", ())),
    }
    return JSONResponse({"status": word, "message": trouble or verdict["message"], **detail}, code)
