"""`reconciler sync log`: the versions of a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.lines import Span, Style, grid, tame
from ...settings import Settings
from ..ages import local
from ..outcome import Exit
from ..stack import find_operator
from ..terminal import Terminal, structured


def log(
    settings: Settings,
    terminal: Terminal,
    name: str,
    *,
    output: str = "text",
    limit: int = 20,
    fetch: bool = False,
) -> int:
    """Print a row per version, newest first."""
    operator = find_operator(settings, deadline=120.0 if fetch else 10.0)
    found = operator.sync_log(name.rpartition("/")[2], limit, fetch=fetch)
    if output == "text":
        terminal.show(grid([*map(_cells, found["items"])], width=terminal.width))
        if not found["items"]:
            terminal.hint(
                f"{name} has no version yet; `reconciler sync now {name}` makes one"
                if fetch
                else f"no version of {name} is known here; --fetch asks the remote"
            )
    else:
        terminal.write(structured(found, output))
    return Exit.OK


def _cells(version: Mapping[str, Any]) -> tuple[Span, ...]:
    files = version["files"]
    return (
        Span(version["short"], Style.CHANGE),
        Span(local(version["time"])),
        Span(tame(version["host"] or version["author"])),
        Span("—" if files is None else f"{files} changed"),
        Span("" if version["pushed"] else "not pushed", Style.BAD),
        Span(tame(version["message"])),
    )
