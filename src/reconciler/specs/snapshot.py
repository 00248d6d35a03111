"""The specs of one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ..core.model import Ref, Resource
from .problem import Problem


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The specs of one moment. ``resources`` holds only what may be applied.

    A broken file and a frozen resource are there as they last were, if that is known.
    """

    revision: str
    resources: Mapping[Ref, Resource[Any]]
    problems: tuple[Problem, ...] = ()
    broken: frozenset[PurePath] = frozenset()
    pending: tuple[str, ...] = ()
    """Edits that are not committed: ``specs/web.yaml modified``."""
    frozen: frozenset[Ref] = frozenset()
    """Written, but held as they last were: a variable, file or other resource is missing."""
    source: str = ""
    """``git``, ``files`` or ``worktree``."""
    unproven: Mapping[str, str] = field(default_factory=dict)
    """Kinds whose tests in the specs fail, and how: nothing of them is changed meanwhile."""

    @property
    def whole(self) -> bool:
        """Whether every resource that is written is known: what is not written may be deleted."""
        return not self.broken and all(ref in self.resources for ref in self.frozen)
