"""The words of verbs for a terminal elsewhere: the operator writes, a thin client prints."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import apply, status
from .terminal import Terminal


class Said(NamedTuple):
    """What goes to stdout and to stderr, and how the command ends."""

    out: str
    talk: str
    code: int


class _Page(io.StringIO):
    """Text for a terminal that shows colours, or does not."""

    def __init__(self, *, coloured: bool) -> None:
        super().__init__()
        self._coloured = coloured

    def isatty(self) -> bool:
        return self._coloured


class _Elsewhere(Terminal):
    """A terminal known by what was told of it."""

    columns = 100

    @property
    def width(self) -> int:
        return self.columns


def speak(verb: str, view: Mapping[str, Any], wish: str) -> Said:
    """What ``verb`` prints about ``view`` where the terminal is as in ``wish``.

    A wish is columns, which of stdout and stderr show colours, and whether the verdict is the exit
    code: ``100 oe strict``, or ``80 -``. Raises ValueError when it is anything else.
    """
    columns, colours, *more = wish.split()
    out, err = _Page(coloured="o" in colours), _Page(coloured="e" in colours)
    terminal = _Elsewhere(out, err, environ={"TERM": "told"})
    terminal.columns = min(max(int(columns), 40), 1000)
    if verb == "status":
        code = status.tell(view, terminal, strict=more == ["strict"])
    else:
        code = apply.tell(view, terminal)
    return Said(out.getvalue(), err.getvalue(), int(code))
