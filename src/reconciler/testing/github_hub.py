"""What the GitHub of tests holds, and how it behaves just now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .github import Exchange


@dataclass
class Exchanged:
    """One request and its answer."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int
    answer: Any
    body: Any = None


@dataclass
class Asset:
    id: int
    name: str
    content: bytes
    state: str = "uploaded"


@dataclass
class Hub:
    """What GitHub holds and how it behaves just now.

    ``faults`` are for the next requests whose method they name: each is called once, with what the
    answer would be, and may do something else.
    """

    repo: str = "me/backup"
    token: str = ""
    digests: bool = True
    empty: bool = False
    """Without a commit there can be no release."""
    elsewhere: str = ""
    """Where downloads are sent to: another host."""
    releases: dict[str, dict[int, Asset]] = field(default_factory=dict)
    faults: dict[str, list[Callable[[Exchange], bool]]] = field(default_factory=dict)
    seen: list[Exchanged] = field(default_factory=list)
    _next: int = 1
    lock: threading.RLock = field(default_factory=threading.RLock)

    def assets(self, tag: str = "blobs") -> dict[str, bytes]:
        return {one.name: one.content for one in self.releases.get(tag, {}).values()}

    def add(
        self, name: str, content: bytes, *, tag: str = "blobs", state: str = "uploaded"
    ) -> Asset:
        with self.lock:
            asset = Asset(self._next, name, content, state)
            self._next += 1
            self.releases.setdefault(tag, {})[asset.id] = asset
            return asset

    def fail(self, method: str, *faults: Callable[[Exchange], bool]) -> None:
        """Have the next requests of a method go wrong, one after the other."""
        self.faults.setdefault(method, []).extend(faults)

    def count(self, method: str) -> int:
        return sum(one.method == method for one in self.seen)
