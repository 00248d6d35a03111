"""What keeps processes, in whichever way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...core.kind import Driver
from .actions import ProcessAction
from .state import Program


class Backend(Driver[Program, ProcessAction], Protocol):
    """One way to keep programs."""

    async def last_lines(self, name: str) -> Sequence[str]:
        """The last output of ``name`` before its last end."""
        ...
