"""What a backup test may ask for and do, and the world of memory it may do it in."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ..core.kind import Kinds
from ..core.model import Origin, Ref, Resource
from ..core.ordered import Order
from ..core.plan import Wish
from ..engine.obeying import Ended
from ..engine.reconcile import Outcome, reconcile
from ..kinds import repository, synctarget
from .backup import FakeBackup, FakeRepositoryDriver
from .backup_targets import FakeSyncTargetDriver

KINDS: Kinds = {"Repository": repository.KIND, "SyncTarget": synctarget.KIND}
KEY = b"k" * 32
PASSES = 6
"""An order is done within so many."""


def written(kind: str, name: str, spec: Mapping[str, Any]) -> Resource[Any]:
    """A resource as the loader would give it."""
    return Resource(
        ref=Ref(kind, name),
        spec=KINDS[kind].Spec.model_validate(spec, by_alias=True, by_name=False),
        origin=Origin(PurePath("specs/backup.yaml"), 1),
    )


class World(ABC):
    """What a backup test may ask for and do. Paths are relative to the base."""

    def __init__(self) -> None:
        self.password = "canary-" + secrets.token_hex(12)
        self.repository: dict[str, Any] = {}
        self.targets: dict[str, dict[str, Any]] = {
            "data": {"repository": "store", "path": "app/data/", "settle": "0s"}
        }
        self.drivers: dict[str, Any] = {}

    def desired(self) -> dict[Ref, Resource[Any]]:
        found = [written("Repository", "store", self.repository)]
        found += [written("SyncTarget", name, spec) for name, spec in self.targets.items()]
        return {resource.ref: resource for resource in found}

    async def look(self, *, due: bool = False) -> Outcome:
        """One pass; with ``due`` at an hour at which a backup is due."""
        now = time.time() + (1000 if due else 0)
        return await reconcile(KINDS, Wish(self.desired(), now=now), self.drivers)

    async def settle(self, passes: int = 4) -> Outcome:
        """Pass until nothing differs."""
        outcome = await self.look()
        for _ in range(passes):
            if outcome.plan.in_sync:
                break
            outcome = await self.look()
        return outcome

    async def back_up(self) -> Outcome:
        await self.settle()
        return await self.look(due=True)

    async def order(self, verb: str, name: str = "data", **arguments: Any) -> Ended:
        """What came of an order, once nothing differs; one that merely waits raises Waiting."""
        await self.settle()
        one = Order("1", Ref("SyncTarget", name), verb, arguments)
        wish = Wish(self.desired(), now=time.time(), orders={one.ref: one})
        outcome = await reconcile(KINDS, wish, self.drivers)
        for _ in range(PASSES):
            if one.id in outcome.ended:
                return outcome.ended[one.id]
            outcome = await reconcile(KINDS, wish, self.drivers)
        raise outcome.failures[one.ref]

    async def vitals(self, name: str = "data") -> Mapping[str, Any]:
        seen = await self.drivers["SyncTarget"].observe()
        return dict(seen[name].vitals)

    async def health(self, name: str = "data") -> tuple[str, str]:
        seen = await self.drivers["SyncTarget"].observe()
        judged = synctarget.KIND.health(seen[name])
        return judged.code.value, judged.reason

    @abstractmethod
    def write(self, path: str, content: bytes) -> None: ...

    @abstractmethod
    def files(self) -> dict[str, bytes]: ...

    @abstractmethod
    def wipe(self, path: str = "app/data/") -> None: ...

    @abstractmethod
    def remote_files(self, branch: str = "main") -> dict[str, bytes]:
        """What a branch holds, but for what is written about it."""

    @abstractmethod
    def remote_branches(self) -> list[str]: ...

    @abstractmethod
    def commits(self) -> int: ...

    @abstractmethod
    def push_as_other(self, path: str, content: bytes, branch: str = "main") -> None: ...

    @abstractmethod
    def reach(self, *, reachable: bool) -> None: ...

    @abstractmethod
    def lose_remote(self) -> None:
        """The remote is made anew, and empty."""

    @abstractmethod
    def restart(self, *, stack: bool) -> None:
        """A new operator; with ``stack`` everything was stopped and started."""


class MemoryWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeBackup()
        self.repository = {"url": "https://example.com/x.git"}
        self.restart(stack=False)

    def write(self, path: str, content: bytes) -> None:
        self.fake.disk[path] = content

    def files(self) -> dict[str, bytes]:
        return dict(self.fake.disk)

    def wipe(self, path: str = "app/data/") -> None:
        for name in self.fake.under(path, self.fake.disk):
            del self.fake.disk[name]
        self.fake.inodes[path] = self.fake.inodes.get(path, 0) + 1

    def remote_files(self, branch: str = "main") -> dict[str, bytes]:
        return dict(self.fake.remote.branches.get(branch, {}))

    def remote_branches(self) -> list[str]:
        return sorted(self.fake.remote.branches)

    def commits(self) -> int:
        return self.fake.remote.commits

    def push_as_other(self, path: str, content: bytes, branch: str = "main") -> None:
        self.fake.remote.commit(branch, {**self.remote_files(branch), path: content})

    def reach(self, *, reachable: bool) -> None:
        self.fake.remote.reachable = reachable

    def lose_remote(self) -> None:
        self.fake.remote.branches.clear()

    def restart(self, *, stack: bool) -> None:
        if stack:
            self.fake.stack_start += "x"
            for target in self.fake.targets.values():
                target.staged = None
        self.drivers = {
            "Repository": FakeRepositoryDriver(self.fake),
            "SyncTarget": FakeSyncTargetDriver(self.fake),
        }
