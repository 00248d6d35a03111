"""`reconciler sync log`: the versions of a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from ...core.lines import Span, Style, grid, tame
from ...settings import Settings
from ..ages import local
from ..client import Refused
from ..outcome import Exit, Failure
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
    name = name.rpartition("/")[2]
    operator = find_operator(settings, deadline=120.0 if fetch else 10.0)
    try:
        items = operator.sync_log(name, limit, fetch=fetch)["items"]
    except Refused as exc:
        if not fetch or exc.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise  # it is not the remote that refuses
        hint = exc.hint or f"`reconciler sync log {name}` lists what is known here"
        raise Failure(f"the remote could not be asked: {exc}", hint=hint) from exc
    if output == "text":
        terminal.show(grid([*map(_cells, items)], width=terminal.width))
        if hint := _hint(name, items, limit, fetch=fetch):
            terminal.hint(hint)
    else:
        terminal.write(structured({"items": items}, output))
    return Exit.OK


def _hint(name: str, items: Sequence[Mapping[str, Any]], limit: int, *, fetch: bool) -> str:
    """What to say where fewer versions are listed than were asked for."""
    if not items and fetch:
        return f"{name} has no version yet; `reconciler sync now {name}` makes one"
    if not items:
        return f"no version of {name} is known here; --fetch asks the remote"
    cut = len(items) < limit and any(one["files"] is None for one in items)
    if cut and fetch:
        return f"older ones are on the remote: `reconciler sync log {name} --fetch -n {limit * 10}`"
    return "older ones are not known here; --fetch asks the remote" if cut else ""


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
