"""What the API needs of the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

View: TypeAlias = Mapping[str, Any]


class Check(NamedTuple):
    """One question about the operator's own health.

    ``live``: does the loop turn; if not, a restart helps. ``ready``: is what it says fresh.
    """

    name: str
    ok: bool
    message: str
    kind: Literal["live", "ready"]


class OperatorView(Protocol):
    """The one object the API holds. Views are ready for JSON; failures are ReconcileError."""

    async def plan(self) -> View:
        """What would be done now; nothing is touched."""
        ...

    async def status(self) -> View:
        """The last known status, from memory: it answers while the world does not."""
        ...

    async def reconcile_now(self) -> View:
        """Run a pass now and say what came of it."""
        ...

    async def resource(self, kind: str, name: str) -> View | None:
        """Everything known of one resource, or None when there is none of that name."""
        ...

    def events(self, limit: int) -> Sequence[View]:
        """The newest events, newest first."""
        ...

    def history(self, limit: int) -> Sequence[View]:
        """The newest passes that changed something, newest first."""
        ...

    def checks(self) -> Sequence[Check]:
        """The checks as they stand, from memory."""
        ...
