"""Which files a drill looks at: others each time, so that after some drills it was all of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable


def choose(paths: Iterable[str], count: int, after: str) -> tuple[list[str], str]:
    """The next ``count`` paths in an order of its own, and where the next drill goes on from.

    ``after`` is where the last one ended; empty for the beginning.
    """
    ranked = sorted((_rank(path), path) for path in paths)
    start = next((index for index, (rank, _) in enumerate(ranked) if rank > after), 0)
    chosen = (ranked[start:] + ranked[:start])[:count]
    return [path for _, path in chosen], chosen[-1][0] if chosen else ""


def _rank(path: str) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()
