"""Stays until a stack is healthy, and shows on a terminal what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from .client import Operator
from .outcome import Failure
from .terminal import Terminal

EVERY: Final = 0.2


def seconds(text: str, flag: str = "--timeout") -> float:
    """A duration such as ``5m``; a Failure that shows how to write one."""
    from ..core.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise Failure(f"{flag} {text!r}: {error}") from error


def lasts(text: str, flag: str) -> float:
    """The same for what must last: nothing at all is no length of time."""
    if not (length := seconds(text, flag)):
        raise Failure(f"{flag} {text!r} is over at once", hint="write for example 30m, 2h or 90d")
    return length


def until_ready(
    operator: Operator,
    terminal: Terminal,
    *,
    timeout: float,
    starting: bool = False,
    moving: bool = True,
) -> Mapping[str, Any]:
    """Look until all is ready or the time is over; the last status seen.

    ``starting``: an operator that does not answer yet is waited for too.
    ``moving``: on a terminal, what is waited for is shown meanwhile.
    """
    end = time.monotonic() + timeout
    with progress(terminal, moving=moving) as show:
        while True:
            view = _look(operator, starting=starting and time.monotonic() < end)
            if view and (settled(view) or hopeless(view) or time.monotonic() >= end):
                return view
            show(_named(waits_for(view)) if view else "the operator to answer")
            time.sleep(EVERY)


def until_answered(operator: Operator, terminal: Terminal, *, timeout: float) -> Mapping[str, Any]:
    """The status of an operator that may be starting yet."""
    end = time.monotonic() + timeout
    with progress(terminal, moving=True) as show:
        while (view := _look(operator, starting=time.monotonic() < end)) is None:
            show("the operator to answer")
            time.sleep(EVERY)
    return view


def _look(operator: Operator, *, starting: bool) -> Mapping[str, Any] | None:
    try:
        view: Mapping[str, Any] = operator.status()
    except Failure:
        if starting:
            return None
        raise
    return view


def settled(view: Mapping[str, Any]) -> bool:
    """Whether all is ready: what is suspended may differ."""
    return bool(view["verdict"]["ready"])


def hopeless(view: Mapping[str, Any]) -> bool:
    """Whether waiting longer is useless: all that is left waits for a person."""
    resources = [one for one in view.get("resources", ()) if not one.get("suspend")]
    left = [one for one in resources if _condition(one, "Ready") in {"False", "Unknown"}]
    if left or waits_for(view):
        return bool(left) and all(map(has_given_up, left))
    return bool(view.get("problems") or view.get("unknown"))


def has_given_up(resource: Mapping[str, Any]) -> bool:
    """Whether time alone will not mend it."""
    return _condition(resource, "Stalled") == "True"


def _condition(resource: Mapping[str, Any], name: str) -> str:
    told = (one["status"] for one in resource.get("conditions", ()) if one["type"] == name)
    return str(next(told, ""))


def waits_for(view: Mapping[str, Any]) -> list[str]:
    """The refs that are not well; what was asked to rest is, and the suspended is not judged."""
    well = {"Healthy", "Suspended"}
    resources = (one for one in view.get("resources", ()) if not one.get("suspend"))
    return [one["ref"] for one in resources if one["health"]["code"] not in well]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - a short line
    return ", ".join(names[:3]) + more or "the next pass"


@contextmanager
def progress(terminal: Terminal, *, moving: bool) -> Iterator[Callable[[str], None]]:
    """A line that says what is waited for; only on a terminal."""
    if not moving or not terminal.err.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(file=terminal.err).status("waiting") as shown:
        yield lambda text: shown.update(f"waiting for {text}")
