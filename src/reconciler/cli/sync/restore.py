"""`reconciler sync restore`: a version of a target, in place or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...settings import Settings
from ..outcome import Failure
from ..terminal import Terminal
from .ordering import Wish, order


class What(NamedTuple):
    """Which version, of which paths, and where to; in place unless said."""

    at: str | None = None
    to: Path | None = None
    paths: Sequence[str] = ()


def restore(settings: Settings, terminal: Terminal, what: What, wish: Wish) -> int:
    """Have it restored. In place what lies there is taken first, and put aside."""
    if what.at == "":
        raise Failure("--at is empty", hint="leave it out for the newest version")
    arguments = {
        "at": what.at,
        "to": str(what.to.absolute()) if what.to is not None else "",
        "paths": list(what.paths),
    }
    given = {name: value for name, value in arguments.items() if value}
    return order(settings, terminal, "restore", wish._replace(arguments=given))
