"""`reconciler diff --simulate`: the last requests, decided by what is served and by the specs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..clients.document import OWNER, Content, Document
from ..clients.gateway import GatewayDown, GatewayWire
from ..core.errors import Transient
from ..core.lines import Line, Span, Style, line, tame
from ..core.model import Ref, Resource
from ..kinds.route.replay import Goal, Move, Past, Replay, Rules, read_past, replay
from ..kinds.route.review import ROUTE, rules_of
from ..kinds.route.state import Rule, from_wire
from ..settings import Settings
from .outcome import Exit, Failure
from .reading import read_specs
from .terminal import Terminal, structured

LARGEST: Final = 64 << 20


def simulate(
    settings: Settings, terminal: Terminal, *, output: str = "text", requests: Path | None = None
) -> int:
    """Print which requests would go elsewhere; 1 when any would, or may."""
    snapshot = read_specs(settings)
    document, remembered = asyncio.run(_look(settings, remember=requests is None))
    before = _served(document)
    after = _wanted(snapshot.resources, document, before)
    unseen = after.named() - before.named() if requests is None else frozenset()
    said = remembered if requests is None else list(_lines(requests))
    found = replay(_pasts(said, unseen), before, after)
    if output == "text":
        terminal.show(list(_told(found)))
        if snapshot.pending and not settings.worktree:
            terminal.hint("there are edits that are not committed: --worktree tries those")
    else:
        terminal.write(structured(_view(found), output))
    if snapshot.problems:
        terminal.hint("the specs have problems; `reconciler validate` names them")
    return Exit.DIFFERENCES if found.moves or found.undecided else Exit.OK


async def _look(settings: Settings, *, remember: bool) -> tuple[Content, list[dict[str, Any]]]:
    """The table that is served, and the requests that the gateway remembers."""
    wire = GatewayWire(settings.gateway_socket)
    try:
        written = await wire.table()
        content = Content.read(written[1])[0] if written else Content(Document())
        return content, await wire.recent() if remember else []
    except GatewayDown as error:
        text = "no gateway answers: there is nothing to compare with"
        raise Transient(text, reason="GatewayDown") from error
    finally:
        await wire.aclose()


def _served(document: Content) -> Rules:
    rules = {name: _rule(one) for name, one in document.rules.items()}
    return Rules(rules, document.default_backend)


def _rule(entry: Mapping[str, Any]) -> Rule:
    try:
        return from_wire(entry)
    except ValueError:  # somebody else's, who may say what a Route cannot
        return Rule()


def _wanted(resources: Mapping[Ref, Resource[Any]], document: Content, served: Rules) -> Rules:
    """What would be served: suspended routes and those of others stay as they are."""
    gateways = [one.spec for ref, one in resources.items() if ref.kind == "Gateway"]
    default = gateways[0].default_backend if gateways else served.default
    idle = {ref.name for ref, one in resources.items() if ref.kind == ROUTE and one.suspend}
    rules = {name: rule for name, rule in rules_of(resources).items() if name not in idle}
    others = {name for name, one in document.rules.items() if one.get("managed_by") != OWNER}
    kept = {name: rule for name, rule in served.rules.items() if name in idle | others}
    return Rules({**rules, **kept}, default)


def _lines(path: Path) -> Iterator[Any]:
    """The requests of a file of JSON lines. Raises Failure."""
    try:
        if path.stat().st_size > LARGEST:
            raise Failure(f"{path} has more than {LARGEST >> 20} MiB")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Failure(f"{path} cannot be read: {(why or '').lower()}") from error
    for number, said in enumerate(text.splitlines(), 1):
        if not said.strip():
            continue
        try:
            one = json.loads(said)
        except (ValueError, RecursionError):
            one = None
        if not isinstance(one, dict):
            hint = 'write {"path": "/a", "host": "h", "method": "GET", "referer": "…"}'
            raise Failure(f"{path}:{number} is no request", hint=hint)
        yield one


def _pasts(said: list[Any], unseen: frozenset[str]) -> Iterator[Past]:
    for number, one in enumerate(said, 1):
        try:
            yield read_past(one, unseen)
        except ValueError as error:
            raise Failure(f"request {number}: {error}") from error


def _told(found: Replay) -> Iterator[Line]:
    if not found.requests:
        yield line(Span("no request to try: the gateway remembers none", Style.FAINT))
        return
    moved = sum(move.times for move in found.moves)
    for move in found.moves:
        head = Span(f"{move.times:>5} × ", Style.CHANGE)
        yield line(head, f"{_where(move.before)} → {_where(move.after)}")
        yield line(Span(f"        such as {_example(move)}", Style.FAINT))
    if found.undecided:
        names = ", ".join(found.headers)
        text = f"{found.undecided} cannot be decided: the header {names} was not kept"
        yield line(Span(f"{text}", Style.CHANGE))
    sign = Span("✔ ", Style.GOOD) if not moved and not found.undecided else Span("~ ", Style.CHANGE)
    yield line(sign, f"{moved} of the last {found.requests} requests would go elsewhere")


def _where(goal: Goal) -> str:
    by = f"Route/{goal.route}" if goal.route else "no route"
    what = f"{goal.kind.value} {goal.status or ''}".strip()
    return tame(f"{by} ({goal.to or what})")


def _example(move: Move) -> str:
    asked = move.example
    said = f"{asked.method} {asked.host}{asked.path}"
    if asked.referer:
        said += f" (Referer {asked.referer})"
    old, new = move.targets
    return tame(said + (f", as {new} and not {old}" if old != new and old and new else ""))


def _view(found: Replay) -> dict[str, Any]:
    return {
        "requests": found.requests,
        "elsewhere": sum(move.times for move in found.moves),
        "undecided": found.undecided,
        "headers": list(found.headers),
        "moves": [
            {
                "from": {**_goal(move.before), "target": move.targets[0] or None},
                "to": {**_goal(move.after), "target": move.targets[1] or None},
                "count": move.times,
                "example": {**move.example._asdict(), "headers": sorted(move.example.headers)},
            }
            for move in found.moves
        ],
    }


def _goal(goal: Goal) -> dict[str, Any]:
    return {
        "route": goal.route,
        "kind": goal.kind.value,
        "status": goal.status,
        "to": goal.to or None,
    }
