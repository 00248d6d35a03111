"""What the API needs of the operator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ..core.model import Ref
from ..engine.journal import ALL, Picked

View: TypeAlias = Mapping[str, Any]


class Spoken(Protocol):
    """What a verb prints to stdout and stderr, and how it ends."""

    @property
    def out(self) -> str: ...
    @property
    def talk(self) -> str: ...
    @property
    def code(self) -> int: ...


Speak: TypeAlias = Callable[[str, View, str], Spoken]
"""Puts a view into the words of a verb, for a terminal as described; raises ValueError."""


class Check(Protocol):
    """One question about the operator's own health.

    ``kind`` is ``live`` (does the loop turn; if not, a restart helps) or ``ready`` (is what it
    says fresh and applied). ``message`` says what is wrong when it is not ``ok``.
    """

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def message(self) -> str: ...
    @property
    def kind(self) -> str: ...


class OperatorView(Protocol):
    """The one object the API holds. Views are ready for JSON; failures are ReconcileError."""

    async def plan(self) -> View:
        """What would be done now; nothing is touched."""
        ...

    async def status(self) -> View:
        """The last known status, from memory: it answers while the world does not."""
        ...

    async def reconcile_now(self, *, confirm: str = "") -> View:
        """Run a pass now and say what came of it.

        ``confirm`` names a revision whose deletions are allowed.
        """
        ...

    async def ask(
        self,
        refs: Sequence[Ref],
        verb: str,
        *,
        reason: str,
        author: str,
        seconds: float | None = None,
    ) -> Sequence[View]:
        """Ask resources to ``stop``, ``start``, ``restart`` or ``reload`` for the moment.

        ``seconds`` says for how long where that means something. Raises a ReconcileError that
        says why it cannot be asked of one of them; then it is asked of none.
        """
        ...

    async def release(self, ref: Ref, *, author: str) -> View | None:
        """Take back what was asked of a resource; None when nothing was."""
        ...

    def requests(self) -> Sequence[View]:
        """What is asked for the moment, by whom, why and until when."""
        ...

    async def resource(self, kind: str, name: str) -> View | None:
        """Everything known of one resource, or None when there is none of that name."""
        ...

    def spec(self, kind: str, name: str) -> View | None:
        """What is written for a resource, without any secret; None when it is not wanted."""
        ...

    def events(self, limit: int, picked: Picked = ALL) -> Sequence[View]:
        """The newest events, newest first; only what is asked for, where anything is."""
        ...

    def history(self, limit: int) -> Sequence[View]:
        """The newest passes that changed something, newest first."""
        ...

    def checks(self) -> Sequence[Check]:
        """The checks as they stand, from memory."""
        ...

    def measure(self) -> None:
        """Hand the metrics what is true now, from memory; they are read right after."""
        ...


class BackupsView(Protocol):
    """What may be asked of backups. Failures are ReconcileError."""

    def targets(self, names: Collection[str] = ()) -> Sequence[Ref]:
        """All targets, or those of these names; raises when there is none of a name."""
        ...

    def order(
        self,
        refs: Sequence[Ref],
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        author: str,
        reason: str = "",
    ) -> Sequence[View]:
        """Have something done once with each, of all or of none."""
        ...

    def orders(self, limit: int) -> Sequence[View]:
        """What was ordered, newest first."""
        ...

    async def ordered(self, id: str, *, seconds: float = 0.0) -> View | None:  # noqa: A002 (its name)
        """One order, once it has ended or so many seconds have gone; None when there is none."""
        ...

    def status(self) -> Sequence[View]:
        """How each target is."""
        ...

    def repositories(self) -> Sequence[View]:
        """Where things are kept: {name, url, branch, base, path, tip}."""
        ...

    async def log(self, name: str, limit: int, *, fetch: bool = False) -> Sequence[View]:
        """The versions of a target, newest first."""
        ...

    async def files(self, name: str, limit: int, at: str = "", *, large: bool = False) -> View:
        """What a version of a target holds; or only the large files of it."""
        ...
