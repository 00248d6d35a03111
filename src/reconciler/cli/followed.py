"""`reconciler events --watch`: what happens, as it happens."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from ..core.lines import Line, Span, Style, line, tame
from .ages import local, moment
from .client import NoOperator, Operator
from .outcome import Exit
from .terminal import Terminal

AGAIN: Final = 1.0
"""Seconds until an operator that went away is looked for again."""


def follow(
    operator: Operator, terminal: Terminal, query: Sequence[tuple[str, str]], *, as_json: bool
) -> int:
    """Print the last events, and then each that comes, until nobody reads it any more.

    An operator that is restarted is waited for.
    """
    since = ""
    for attempt in count():
        own = [*query, ("since", since)] if since else query
        try:
            for event in operator.follow_events(own):
                _tell(terminal, event, as_json=as_json)
                if terminal.closed:
                    return Exit.OK
                since = _after(event) or since
        except NoOperator:
            if not attempt:
                raise
        time.sleep(AGAIN)
    raise AssertionError("there is no end to counting")


def _after(event: Mapping[str, Any]) -> str:
    """Just behind an event, for who goes on there."""
    then = moment(event.get("time"))
    return f"{then.timestamp() + 0.001:.3f}" if then is not None else ""


def _tell(terminal: Terminal, event: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        terminal.write(json.dumps(event, ensure_ascii=False) + "\n")
    else:
        terminal.show([_row(event)])


def _row(event: Mapping[str, Any]) -> Line:
    style = Style.CHANGE if event["type"] == "Warning" else None
    often = event.get("count") or 1
    times = f" (×{often})" if often > 1 else ""
    return line(
        Span(f"{local(event['time'])}  "),
        Span(f"{event['ref']}  "),
        Span(f"{event['reason']}  ", style),
        Span(tame(f"{event['message']}{times}")),
    )
