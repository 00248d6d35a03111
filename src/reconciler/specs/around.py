"""What a spec may refer to, and which of that is a secret in one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .outside import Outside

TELLING: Final = 6
"""A value of fewer characters is no secret, and stands in every other word."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a spec may refer to."""

    root: Path
    environ: Mapping[str, str] = field(repr=False)
    key: bytes = field(repr=False)
    outside: Outside = field(repr=False)
    kept: set[str] = field(default_factory=set)
    """Variables that any spec took as a secret so far."""
    shown: set[str] = field(default_factory=set)
    """Variables that any spec filled in so far where it can be read."""

    def spilled(self) -> tuple[str, ...]:
        """Secrets that a spec names as such and another one fills in like any other word."""
        both = sorted(self.kept & self.shown) if self.shown else ()
        return tuple(value for name in both if len(value := self.environ.get(name, "")) >= TELLING)
