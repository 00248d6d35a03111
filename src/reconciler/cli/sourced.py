"""`reconciler reconcile`: ask the source of the specs now, and apply what is new."""

from __future__ import annotations

import re
from typing import Final

from ..core.lines import Span, Style, line
from ..core.standing import remote_lines
from ..settings import Settings
from .apply import Order, apply
from .outcome import Exit, Failure
from .stack import find_operator
from .terminal import Terminal

_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")


def reconcile(
    settings: Settings, terminal: Terminal, *, accept: str, wait: bool, timeout: float
) -> int:
    """Fetch, then do what `apply` does; 2 when the source could not be asked."""
    if accept and not _COMMIT.fullmatch(accept):
        raise Failure(
            f"--accept {accept!r} is no commit", hint="write at least seven of its digits"
        )
    found = find_operator(settings, deadline=max(timeout, 60)).fetch(accept)["source"]
    if found is None:
        terminal.talk(
            line(Span("the specs are those beside; nothing is to be fetched", Style.FAINT))
        )
    else:
        terminal.show(remote_lines(found, width=terminal.width))
    code = apply(settings, terminal, Order(wait=wait, timeout=timeout))
    if found is None or code is not Exit.OK:
        return code
    if not found["ok"]:
        return Exit.FAILED
    return Exit.DIFFERENCES if found.get("refused") or found.get("held") else code
