"""`reconciler route test`: one request, decided step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..clients.gateway import GatewayDown, GatewayWire
from ..core.errors import ReconcileError
from ..core.lines import Line, Span, Style, grid, line, tame
from ..core.model import Ref, Resource
from ..kinds.route.decide import Decision, Kind
from ..kinds.route.review import ROUTE, routing_of
from ..settings import Settings
from .asked_request import Asked
from .outcome import Exit
from .reading import read_specs
from .terminal import Terminal, structured

View: TypeAlias = Mapping[str, Any]
WIDE: Final = 11
GUARDS: Final = {"basic": "a password", "bearer": "a token"}


def decide(settings: Settings, terminal: Terminal, asked: Asked, *, output: str = "text") -> int:
    """Print the decision, and whether the running gateway comes to the same."""
    snapshot = read_specs(settings)
    decision = routing_of(snapshot.resources).decide(asked.request, asked.query)
    gateway = asyncio.run(_gateway(settings.gateway_socket, asked, decision))
    view = _view(asked, decision, snapshot.resources, gateway)
    if output != "text":
        terminal.write(structured(view, output))
    else:
        terminal.show(decision_lines(view, width=terminal.width))
        if snapshot.problems:
            terminal.hint("the specs have problems; `reconciler validate` names them")
    return Exit.DIFFERENCES if gateway.get("agrees") is False else Exit.OK


async def _gateway(socket: Path, asked: Asked, decision: Decision) -> dict[str, Any]:
    """What the running gateway would do with it; whether it runs at all."""
    if decision.outcome.kind is Kind.OPERATOR:
        return {"asked": False, "why": "it never asks a route about a path of the operator's own"}
    wire = GatewayWire(socket)
    try:
        status = await wire.status()
        (said,) = await wire.match({"requests": [asked.request._asdict()]})
    except GatewayDown:
        return {"asked": False, "why": "none runs here"}
    except ReconcileError as error:
        return {"asked": False, "why": str(error)}
    finally:
        await wire.aclose()
    refused, route = said.get("refused"), said.get("rule")
    agrees = (bool(refused), route) == (decision.outcome.kind is Kind.REFUSED, decision.route)
    table = status.version
    return {"asked": True, "agrees": agrees, "table": table, "route": route, "refused": refused}


def _view(
    asked: Asked,
    decision: Decision,
    resources: Mapping[Ref, Resource[Any]],
    gateway: View,
) -> dict[str, Any]:
    request, outcome = asked.request, decision.outcome

    def origin(name: str | None) -> str | None:
        ref = Ref(ROUTE, name or "")
        return str(resources[ref].origin) if ref in resources else None

    return {
        "request": {"method": request.method, "url": asked.url, "host": request.host,
                    "path": request.path, "headers": dict(request.headers)},
        "path": decision.path or None,
        "refused": decision.why or None,
        "reserved": outcome.kind is Kind.OPERATOR,
        "candidates": [
            {"route": one.name, "origin": origin(one.name), "failed": one.failed or None,
             "wins": one.name == decision.route}
            for one in decision.candidates
        ],
        "route": decision.route,
        "origin": origin(decision.route),
        "guards": _guards(resources, decision.route),
        "outcome": {"kind": outcome.kind.value, "status": outcome.status, "to": outcome.to or None,
                    "target": outcome.target or None, "headers": dict(outcome.headers)},
        "gateway": dict(gateway),
    }  # fmt: skip


def _guards(resources: Mapping[Ref, Resource[Any]], route: str | None) -> list[str]:
    """What a client must pass first, in words: who it is does not decide which route it gets."""
    resource = resources.get(Ref(ROUTE, route or ""))
    access = resource.spec.access if resource else None
    if access is None:
        return []
    proofs = access.auth.model_dump(exclude_none=True) if access.auth else {}
    by_address = ["its address"] if access.allow or access.deny else []
    return [*by_address, *(GUARDS.get(name, name) for name in proofs)]


def decision_lines(view: View, *, width: int) -> list[Line]:
    """The steps as text."""
    request = view["request"]
    rows = [line(Span(f"{request['method']} {tame(request['url'])}", Style.STRONG))]
    if view["refused"]:
        rows.append(_row("path", f"refused with 400: {view['refused']}", Style.BAD))
        return [*rows, _row(*_agreement(view))]
    written = "" if view["path"] == request["path"] else f" (written {tame(request['path'])})"
    rows.append(_row("path", f"{view['path']}{written}"))
    if view["reserved"]:
        return [*rows, _row("goes to", "the operator itself; no route is asked", Style.CALM)]
    rows += _candidates(view["candidates"], width=width)
    rows += [_row(name, text, style) for name, text, style in _comes_to(view)]
    return [*rows, _row(*_agreement(view))]


def _row(name: str, text: str, style: Style | None = None) -> Line:
    return line(Span(f"{name:<{WIDE}}", Style.FAINT), Span(tame(text), style))


def _candidates(candidates: Sequence[View], *, width: int) -> list[Line]:
    if not candidates:
        return [_row("candidates", "no route is for this host and path")]
    rows = []
    is_over = False
    for one in candidates:
        name = f"Route/{one['route']}"
        if one["failed"]:
            sign, why = Span("✘", Style.BAD), one["failed"]
        elif is_over:
            sign, why = Span("·", Style.FAINT), "would fit, but comes later"
        else:
            sign, why, is_over = Span("✔", Style.GOOD), "all it asks for holds", True
        rows.append((Span("  ", None), sign, Span(name), Span(str(one["origin"])), Span(tame(why))))
    return [_row("candidates", ""), *grid(rows, width=width, gap=1)]


def _comes_to(view: View) -> Iterator[tuple[str, str, Style | None]]:
    outcome = view["outcome"]
    if view["route"]:
        yield "served by", f"Route/{view['route']} ({view['origin']})", Style.GOOD
    if view["guards"]:
        yield "asks for", " and ".join(view["guards"]), Style.CHANGE
    kind = outcome["kind"]
    if kind == "proxy":
        by = "" if view["route"] else ", the default backend"
        yield "sent to", f"{outcome['to']}{by}", None
        yield "as", outcome["target"], None
        for name, value in outcome["headers"].items():
            yield "with", f"{name}: {value}", None
    else:
        yield from _answered(kind, outcome)


def _answered(kind: str, outcome: View) -> Iterator[tuple[str, str, Style | None]]:
    """What the gateway does by itself."""
    status, target = outcome["status"], outcome["target"]
    if kind == "redirect":
        yield "redirected", f"{status} to {target}", None
    elif kind == "respond":
        yield "answered", f"{status}, by the gateway itself", None
    elif kind == "static":
        yield "folder", f"{outcome['to']}: {target}", None
    elif kind == "nothing":
        yield "answered", "404: no route serves it, and there is no default backend", Style.CHANGE


def _agreement(view: View) -> tuple[str, str, Style | None]:
    gateway = view["gateway"]
    if not gateway["asked"]:
        return "gateway", f"not asked: {gateway['why']}", Style.FAINT
    if gateway["agrees"]:
        return "gateway", f"decides the same (table {gateway['table']})", Style.GOOD
    said = f"Route/{gateway['route']}" if gateway["route"] else "no route"
    if gateway["refused"]:
        said = f"a refusal: {gateway['refused']}"
    return "gateway", f"decides otherwise (table {gateway['table']}): {said}", Style.BAD
