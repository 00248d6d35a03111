"""What lies around a spec, for it to refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .outside import Outside


@dataclass(frozen=True, slots=True)
class Around:
    """What a spec may refer to."""

    root: Path
    environ: Mapping[str, str] = field(repr=False)
    key: bytes = field(repr=False)
    outside: Outside = field(repr=False)
