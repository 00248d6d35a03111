"""`reconciler status`: how everything is. Imports nothing heavy: it is typed all day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..settings import Settings
from .outcome import Exit
from .overview import status_lines
from .stack import find_operator
from .terminal import Terminal, structured


def status(
    settings: Settings, terminal: Terminal, *, output: str = "text", strict: bool = False
) -> int:
    """Print the verdict and one row per resource."""
    view = find_operator(settings).status()
    if output == "text":
        return tell(view, terminal, strict=strict)
    terminal.write(structured(view, output))
    return judge(view) if strict else Exit.OK


def tell(view: Mapping[str, Any], terminal: Terminal, *, strict: bool = False) -> int:
    """Say it to a person; ``strict`` makes the verdict the exit code."""
    terminal.show(status_lines(view, now=datetime.now(UTC), width=terminal.width))
    _suggest(view, terminal)
    return judge(view) if strict else Exit.OK


def judge(view: Mapping[str, Any]) -> Exit:
    """The exit code of what a status says."""
    verdict = view["verdict"]
    if not verdict["inSync"]:
        return Exit.DIFFERENCES
    return Exit.OK if verdict["ready"] else Exit.UNHEALTHY


def _suggest(view: Mapping[str, Any], terminal: Terminal) -> None:
    sick = [one for one in view.get("resources", ()) if one["health"]["code"] == "Degraded"]
    if sick:
        terminal.hint(f"`reconciler describe {sick[0]['ref']}` says why")
    elif not view["verdict"]["inSync"]:
        terminal.hint("`reconciler diff` says what differs")
