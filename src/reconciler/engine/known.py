"""The secrets that a stack was given: all that stand sealed in its specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ..clients.git_errors import redact
from ..core.sealed import Sealed
from ..specs.load import Snapshot


class Known:
    """What the specs hold now; worked out once for each revision of them."""

    def __init__(self) -> None:
        self._of: Snapshot | None = None
        self._found: tuple[Sealed, ...] = ()

    def among(self, snapshot: Snapshot | None) -> tuple[Sealed, ...]:
        if snapshot is not self._of:
            self._of = snapshot
            specs = [one.spec for one in snapshot.resources.values()] if snapshot else []
            self._found = tuple(dict.fromkeys(found for spec in specs for found in _sealed(spec)))
        return self._found


def without_secrets(text: str, snapshot: Snapshot | None) -> str:
    """A text for others, without what is sealed in the specs of this moment."""
    return redact(text, tuple(one.reveal() for one in Known().among(snapshot) if one.known))


def _sealed(value: Any) -> Iterator[Sealed]:
    if isinstance(value, Sealed):
        yield value
    elif isinstance(value, BaseModel):
        yield from _sealed(vars(value))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _sealed(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _sealed(one)
