"""What keeps processes, in whichever way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ...core.errors import ReconcileError
from ...core.kind import Driver
from .actions import ProcessAction
from .state import Program


class Backend(Driver[Program, ProcessAction], Protocol):
    """One way to keep programs."""

    async def apply_all(
        self, work: Mapping[str, Sequence[ProcessAction]]
    ) -> Mapping[str, ReconcileError | None]:
        """Do the steps of many at once; what is not in the answer was not touched."""
        ...

    async def last_lines(self, name: str) -> Sequence[str]:
        """The last output of ``name`` before its last end."""
        ...
