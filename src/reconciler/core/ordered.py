"""What is asked of a resource to be done once: a backup now, a restore, a check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

from .model import Json, Ref, Resource

PATIENT: Final = 3600.0
"""Seconds after which an order that could not be begun is given up."""

Arguments: TypeAlias = Mapping[str, Json]
NOTHING: Final[Arguments] = {}


class Ending(NamedTuple):
    """How an order ended; ``did`` is what it did, in facts. ``reason`` says why it failed."""

    ok: bool
    at: float
    reason: str = ""
    message: str = ""
    did: Mapping[str, Json] = NOTHING


class Order(NamedTuple):
    """Something to be done once, by whom it is wanted and why. It is given up at ``until``."""

    id: str
    ref: Ref
    verb: str
    arguments: Arguments = NOTHING
    author: str = "somebody"
    reason: str = ""
    at: float = 0.0
    until: float = 0.0
    ended: Ending | None = None


class Obeys(NamedTuple):
    """One verb that may be ordered. ``actions`` raises ValueError for arguments without sense.

    ``unsettled``: it is done even while the resource is not as its spec says.
    """

    actions: Callable[[Resource[Any], Arguments], tuple[Any, ...]]
    unsettled: bool = False


class Progress(NamedTuple):
    """How far something is that takes a while; ``total`` 0 where nobody knows how much it is."""

    stage: str
    done: int = 0
    total: int = 0
    unit: str = "files"
    bytes: int = 0
    bytes_total: int = 0


@runtime_checkable
class Tells(Protocol):
    """A driver whose actions may take a while, and that knows how far they are."""

    def progress(self, name: str) -> Progress | None:
        """How far what is being done is; None when nothing is."""
        ...


@runtime_checkable
class Keeps(Protocol):
    """A driver that keeps versions of its things."""

    async def log(self, name: str, limit: int, *, fetch: bool = False) -> list[dict[str, Json]]:
        """The versions, newest first; ``fetch`` asks the place they are kept for older ones."""
        ...

    async def files(
        self, name: str, limit: int, at: str = "", *, large: bool = False
    ) -> dict[str, Json]:
        """What the version ``at`` holds, the newest unless said: {files, total}.

        ``large``: only what is too large to be kept with the others.
        """
        ...


def takes_nothing(arguments: Arguments) -> None:
    """Raises ValueError when there are any."""
    if arguments:
        raise ValueError(f"it takes no {', '.join(sorted(arguments))}")
