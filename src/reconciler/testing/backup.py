"""A world of files, a remote and two drivers, all in memory: the backup plane without git."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from ..core.errors import ReconcileError
from ..core.model import Json, Observed
from ..kinds.repository.actions import Check, Configure, Forget, Leave, RepositoryAction
from ..kinds.repository.state import RepositoryState
from ..kinds.synctarget.state import SyncTargetState
from .fake_remote import FakeRemote, Files

__all__ = ["FakeBackup", "FakeRemote", "FakeRepositoryDriver", "Files", "Target"]


@dataclass
class Target:
    """What a fake remembers of one target."""

    state: SyncTargetState
    agreed: Files | None = None
    latched: str = ""
    held: bool = False
    inode: int = 0
    staged: Files | None = None
    """What is to be put in place, in this start of the stack."""
    vitals: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakeBackup:
    """The whole plane: a disk, one remote for all urls, and what the drivers remember."""

    remote: FakeRemote = field(default_factory=FakeRemote)
    disk: Files = field(default_factory=dict)
    inodes: dict[str, int] = field(default_factory=dict)
    """Counts how often a folder was made anew."""
    quarantine: Files = field(default_factory=dict)
    stack_start: str = "1"
    clock: Callable[[], float] = time.time
    repositories: dict[str, RepositoryState] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    contacts: dict[str, dict[str, Json]] = field(default_factory=dict)

    def under(self, path: str, files: Mapping[str, bytes]) -> Files:
        """The part of some files that a path names."""
        folder = path.endswith("/")
        return {
            name: content
            for name, content in files.items()
            if name == path or (folder and name.startswith(path))
        }


class FakeRepositoryDriver:
    """Repositories of a fake world."""

    def __init__(self, world: FakeBackup) -> None:
        self._world = world

    async def observe(self) -> Mapping[str, Observed[RepositoryState]]:
        return {
            name: Observed(
                state,
                owned=True,
                vitals={"meets": ["configured"], **self._world.contacts.get(name, {})},
            )
            for name, state in self._world.repositories.items()
        }

    async def apply(self, action: RepositoryAction) -> None:
        world = self._world
        match action:
            case Configure(name, state):
                world.repositories[name] = state
                world.contacts.pop(name, None)
            case Forget(name):
                world.repositories.pop(name, None)
                world.contacts.pop(name, None)
            case Check(name):
                self._check(name)
            case Leave():
                pass
            case _:
                assert_never(action)

    def _check(self, name: str) -> None:
        world = self._world
        contact: dict[str, Json] = {"checked": world.clock()}
        try:
            held = world.remote.tip(world.repositories[name].branch)
            world.contacts[name] = {**contact, "reachable": True, "empty": held is None}
        except ReconcileError as exc:
            facts = {"reachable": False, "reason": exc.reason, "message": str(exc)}
            world.contacts[name] = {**contact, **facts}
            raise
