"""Stops that take their time: who waits for one looks less and less often."""

from __future__ import annotations

from time import monotonic
from typing import Final

from ...core.errors import Waiting

SOON: Final = 0.02
LATE: Final = 1.0


class Stopping:
    """Since when which program has been stopping."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def over(self, name: str) -> None:
        """It has stopped."""
        self._since.pop(name, None)

    def not_yet(self, name: str, where: str = "") -> Waiting:
        """It goes on; when to look again."""
        since = self._since.setdefault(name, monotonic())
        after = min(LATE, max(SOON, (monotonic() - since) / 4))
        return Waiting(f"{name} is stopping{where}", reason="Stopping", after=after)
