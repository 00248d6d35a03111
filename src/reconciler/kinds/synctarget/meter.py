"""How far a long action on a target is; read while it goes on."""

from __future__ import annotations

from ...core.ordered import Progress


class Meter:
    """One target's. Worker threads count, the event loop reads: a number is never half written."""

    def __init__(self) -> None:
        self._now: Progress | None = None

    def read(self) -> Progress | None:
        """How far it is; None when nothing is being done."""
        return self._now

    def begin(self, stage: str, total: int = 0, unit: str = "files") -> None:
        """Something else is being done from now on: ``look``, ``push``, ``fetch``, ``restore``."""
        self._now = Progress(stage, 0, total, unit)

    def advance(self, count: int = 1) -> None:
        """So much more of it is done."""
        if self._now is not None:
            self._now = self._now._replace(done=self._now.done + count)

    def end(self) -> None:
        """Nothing is being done any more."""
        self._now = None
