"""Opens what lies at a place, and nothing that a link leads to.

Somebody may put a link in the place of a folder after we looked at it: what lies behind that is not
the target's, and perhaps not for everybody's eyes.
"""

from __future__ import annotations

import os
from pathlib import Path

from .place import Place


class Spot:
    """Where one target really lies, whatever links lead to it."""

    def __init__(self, place: Place) -> None:
        self._top = os.path.realpath(place.folder)

    def has(self, below: str, descriptor: int) -> bool:
        """Whether what was opened lies where it was looked for."""
        return os.readlink(f"/proc/self/fd/{descriptor}") == f"{self._top}/{below}"  # noqa: PTH115 (the text)

    def names(self, below: str, path: Path) -> list[str]:
        """What is in a folder. Raises FileNotFoundError for one that a link took the place of."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not self.has(below, descriptor):
                raise FileNotFoundError(below)
            return sorted(os.listdir(descriptor))  # noqa: PTH208 (names, not paths)
        finally:
            os.close(descriptor)
