"""How far a long action on a target is; read while it goes on."""

from __future__ import annotations

from ...core.model import Json
from ...core.ordered import Progress


class Meter:
    """One target's. Worker threads count, the event loop reads: a number is never half written."""

    def __init__(self) -> None:
        self._now: Progress | None = None

    def read(self) -> Progress | None:
        """How far it is; None when nothing is being done."""
        return self._now

    def begin(self, stage: str, total: int = 0, unit: str = "files", *, size: int = 0) -> None:
        """Something else is being done from now on.

        That is ``look``, ``push``, ``fetch``, ``restore``, ``swap`` or ``verify``.
        """
        self._now = Progress(stage, 0, total, unit, 0, size)

    def advance(self, count: int = 1, *, size: int = 0) -> None:
        """So much more of it is done."""
        now = self._now
        if now is not None:
            self._now = now._replace(done=now.done + count, bytes=now.bytes + size)

    def end(self) -> None:
        """Nothing is being done any more."""
        self._now = None

    def told(self) -> Json:
        """As vitals."""
        now = self._now
        if now is None:
            return None
        facts = {"stage": now.stage, now.unit: now.done, f"{now.unit}Total": now.total}
        return {**facts, "bytes": now.bytes, "bytesTotal": now.bytes_total}
