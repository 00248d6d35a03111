"""What is written -> what is to run: instances, with every port a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.kind import Kinds
from ..core.model import Ref, Resource
from ..specs.load import Snapshot
from .allocate import Ports

AnyResource = Resource[Any]


class Expansion:
    """Hands out the very same objects for what was not edited: all caches go by identity."""

    def __init__(self, kinds: Kinds, ports: Ports | None = None) -> None:
        self._kinds = kinds
        self._ports = ports
        self._known: dict[Ref, tuple[AnyResource, tuple[AnyResource, ...]]] = {}

    def expand(self, snapshot: Snapshot) -> dict[Ref, AnyResource]:
        """Every instance that is wanted."""
        found = dict(self._instances(snapshot))
        if self._ports is None:
            return found
        if snapshot.whole:
            self._ports.keep_only(found)
        return self._ports.placed(found)

    def _instances(self, snapshot: Snapshot) -> Iterator[tuple[Ref, AnyResource]]:
        expanded = {}
        for ref, written in snapshot.resources.items():
            known = self._known.get(ref)
            if known is None or known[0] is not written:
                known = (written, self._kinds[ref.kind].instances(written))
            expanded[ref] = known
            for instance in known[1]:
                yield instance.ref, instance
        self._known = expanded
