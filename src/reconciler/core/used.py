"""Who is used by whom: those that need a resource, and those that point at it."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Ref
from .order import Shape


def used_by(shape: Shape) -> Mapping[Ref, tuple[Ref, ...]]:
    """Of each written ref that is used, by whom, in order."""
    found: dict[Ref, set[Ref]] = {ref: set(own) for ref, own in shape.users.items()}
    for ref, targets in shape.targets.items():
        for target in targets:
            found.setdefault(target.ref, set()).add(ref)
    return {ref: tuple(sorted(own)) for ref, own in found.items()}
