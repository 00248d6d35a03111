"""What is written -> what is to run: instances, with every port a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.kind import Kinds
from ..core.model import Ref, Resource
from ..core.moved import Version, moved
from ..specs.load import Snapshot
from .allocate import Ports

AnyResource = Resource[Any]


class Expansion:
    """Hands out the very same objects for what was not edited: all caches go by identity."""

    def __init__(self, kinds: Kinds, ports: Ports | None = None) -> None:
        self._kinds = kinds
        self._ports = ports
        self._written: Mapping[Ref, AnyResource] = {}
        self._found: Mapping[Ref, AnyResource] = Version({}, {})
        self._names: dict[Ref, tuple[Ref, ...]] = {}

    def expand(self, snapshot: Snapshot) -> Mapping[Ref, AnyResource]:
        """Every instance that is wanted."""
        self._take(snapshot.resources)
        if self._ports is None:
            return self._found
        if snapshot.whole:
            self._ports.keep_only(self._found)
        return self._ports.placed(self._found)

    def _take(self, written: Mapping[Ref, AnyResource]) -> None:
        """Ask those that were edited what they stand for."""
        edited = sorted(moved(self._written, written))
        asked = ((ref, written[ref]) for ref in edited if ref in written)
        fresh = {ref: self._kinds[ref.kind].instances(one) for ref, one in asked}
        left = {name for ref in edited for name in self._names.pop(ref, ())}
        come = {one.ref: one for instances in fresh.values() for one in instances}
        found = Version.edited(self._found, {**dict.fromkeys(left), **come})
        self._names |= {ref: tuple(one.ref for one in own) for ref, own in fresh.items()}
        self._written, self._found = written, found
