"""`reconciler apply`: make it so, now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..core.lines import Span, Style, line, tame
from ..core.render import SHORT_REVISION, plan_lines
from ..core.status import STUCK
from ..settings import Settings
from .client import NoOperator
from .diff import plan_view, suggest
from .outcome import Exit, Failure
from .saved import demand_same, load
from .stack import find_operator
from .terminal import Terminal, structured
from .waiting import settled, until_ready, waits_for


class Order(NamedTuple):
    """How to apply. ``confirm`` names the revision whose many deletions are allowed."""

    output: str = "text"
    confirm: str = ""
    wait: bool = False
    timeout: float = 300.0
    plan: Path | None = None
    """A saved plan: when it is not what would be done now, nothing is."""


def apply(settings: Settings, terminal: Terminal, order: Order) -> int:
    """Run one pass and say what it did; when asked, stay until everything is healthy."""
    result, running = _applied(settings, terminal, order)
    if order.output == "text":
        code = tell(result, terminal)
    else:
        terminal.write(structured(result, order.output))
        code = judge(result)
    if not order.wait or code is not Exit.OK:
        return code
    if not running:
        raise Failure(
            "nobody is there to wait for: no operator is running",
            hint="start one with `reconciler up`, or leave out --wait",
        )
    return wait_healthy(settings, terminal, order.timeout)


def _applied(settings: Settings, terminal: Terminal, order: Order) -> tuple[Any, bool]:
    if order.plan is not None:
        demand_same(load(order.plan), plan_view(settings, terminal), terminal)
    confirm = _whole(order.confirm, settings, terminal) if order.confirm else ""
    try:
        return find_operator(settings, deadline=max(order.timeout, 1)).reconcile(confirm), True
    except NoOperator:
        terminal.talk(line(Span("no operator is running; applying by itself", Style.FAINT)))
    from ..app import apply_once

    return asyncio.run(apply_once(settings, confirm=confirm)), False


def _whole(confirm: str, settings: Settings, terminal: Terminal) -> str:
    """The revision in full, when it is the one whose plan was read."""
    revision = str(plan_view(settings, terminal)["revision"])
    if len(confirm) < SHORT_REVISION or not revision.startswith(confirm):
        raise Failure(
            f"--confirm {confirm} does not name the present revision",
            hint=f"read `reconciler diff`; then confirm {revision[:SHORT_REVISION]}",
        )
    return revision


def tell(result: Mapping[str, Any], terminal: Terminal) -> int:
    """Say to a person what was done; the exit code."""
    plan, failures = result["plan"], result.get("failures", ())
    terminal.show(plan_lines(plan, width=terminal.width))
    for failure in failures:
        text = f" {failure['ref']}  {failure['reason']}: {failure['message']}"
        terminal.show([line(Span("✘", Style.BAD), tame(text))])
    suggest(result.get("after") or plan, terminal)
    if plan["changes"] and not failures:
        count = len(plan["changes"])
        terminal.talk(line(Span(f"✔ applied {count} change{'s' * (count != 1)}", Style.GOOD)))
    return judge(result)


def judge(result: Mapping[str, Any]) -> Exit:
    """0 done, 1 something is left that needs a person, 2 something failed or was not seen."""
    left = result.get("after") or result["plan"]
    if result.get("failures") or left.get("unknown"):
        return Exit.FAILED
    stuck = any(change.get("reason") in STUCK for change in left.get("held", ()))
    return Exit.DIFFERENCES if stuck or left.get("problems") else Exit.OK


def wait_healthy(settings: Settings, terminal: Terminal, timeout: float) -> int:
    """Stay until the stack is healthy and as it should be; 3 when it is not in time."""
    view = until_ready(find_operator(settings), terminal, timeout=timeout)
    if settled(view):
        terminal.talk(line(Span("✔ everything is healthy", Style.GOOD)))
        return Exit.OK
    waits = waits_for(view)
    terminal.error(
        f"not healthy after {timeout:g} s: {', '.join(waits) or 'not in sync'}",
        f"`reconciler describe {waits[0]}` says why" if waits else "`reconciler diff` says why",
    )
    return Exit.UNHEALTHY
