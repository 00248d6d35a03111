"""The worlds the backup contract is checked in: one of memory, two of real git."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from ..clients.git import Git
from ..clients.git_folder import GitFolders
from ..core.kind import Kinds
from ..core.model import Origin, Ref, Resource
from ..core.plan import Wish
from ..core.sealed import Sealed
from ..engine.reconcile import Outcome, reconcile
from ..engine.records import Records
from ..kinds import repository, synctarget
from ..kinds.repository.driver import RepositoryDriver
from ..kinds.synctarget.driver import SyncTargetDriver
from ..kinds.synctarget.latch import Latches
from .backup import (
    FakeBackup,
    FakeRepositoryDriver,
    FakeSyncTargetDriver,
)
from .git_server import Desk, Server, git, make_bare, serving

KINDS: Kinds = {"Repository": repository.KIND, "SyncTarget": synctarget.KIND}
KEY = b"k" * 32


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
    def remote_files(self, branch: str = "main") -> dict[str, bytes]: ...

    @abstractmethod
    def remote_branches(self) -> list[str]: ...

    @abstractmethod
    def commits(self) -> int: ...

    @abstractmethod
    def push_as_other(self, path: str, content: bytes, branch: str = "main") -> None: ...

    @abstractmethod
    def reach(self, *, reachable: bool) -> None: ...

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

    def restart(self, *, stack: bool) -> None:
        if stack:
            self.fake.stack_start += "x"
        self.drivers = {
            "Repository": FakeRepositoryDriver(self.fake),
            "SyncTarget": FakeSyncTargetDriver(self.fake),
        }


class GitWorld(World):
    """Real files, real git; the remote is a folder or behind HTTP with a password."""

    def __init__(self, folder: Path, server: Server | None) -> None:
        super().__init__()
        self.folder = folder
        self.base = folder / "base"
        self.base.mkdir(exist_ok=True)
        self.bare = make_bare(folder / "remote" / "x.git")
        self.server = server
        self.records = Records(folder / "state" / "records.db")
        self.stack = "1"
        self.git = Git(os.environ)
        self.repository = {"url": str(self.bare), "base": str(self.base)}
        if server is not None:
            server.desk.root = folder / "remote"
            server.desk.password = self.password
            self.repository["url"] = f"{server.url}/x.git"
            self.sign_in(self.password)
        self.restart(stack=False)

    def sign_in(self, password: str) -> None:
        self.repository["auth"] = {"username": "me", "password": Sealed.of(password, KEY)}

    @property
    def store(self) -> Path:
        return self.folder / "state" / "repos" / "store.git"

    def write(self, path: str, content: bytes) -> None:
        full = self.base / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content)

    def files(self) -> dict[str, bytes]:
        found = (path for path in sorted(self.base.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.base)): path.read_bytes() for path in found}

    def wipe(self, path: str = "app/data/") -> None:
        full = self.base / path
        if full.is_dir():
            shutil.rmtree(full)
        else:
            full.unlink(missing_ok=True)

    def remote_files(self, branch: str = "main") -> dict[str, bytes]:
        if branch not in self.remote_branches():
            return {}
        names = git(self.bare, "ls-tree", "-r", "-z", "--name-only", branch).split(b"\0")[:-1]
        return {
            os.fsdecode(name): git(self.bare, "show", f"{branch}:{os.fsdecode(name)}")
            for name in names
        }

    def remote_branches(self) -> list[str]:
        told = git(self.bare, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
        return told.decode().split()

    def commits(self) -> int:
        if not self.remote_branches():
            return 0
        return int(git(self.bare, "rev-list", "--count", "--all"))

    def push_as_other(self, path: str, content: bytes, branch: str = "main") -> None:
        with self._clone(branch) as clone:
            full = clone / path
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_bytes(content)
            git(clone, "add", "-f", "--", path)
            git(clone, "commit", "--quiet", "-m", "by another host")
            git(clone, "push", "--quiet", str(self.bare), f"HEAD:refs/heads/{branch}")

    @contextmanager
    def _clone(self, branch: str) -> Iterator[Path]:
        clone = self.folder / "other"
        git(self.folder, "init", "--quiet", f"--initial-branch={branch}", str(clone))
        if branch in self.remote_branches():
            git(clone, "pull", "--quiet", str(self.bare), branch)
        yield clone
        shutil.rmtree(clone)

    def reach(self, *, reachable: bool) -> None:
        if self.server is not None:
            self.server.desk.broken = not reachable
            return
        away = self.bare.with_name("away.git")
        (away.rename(self.bare) if reachable else self.bare.rename(away))

    def restart(self, *, stack: bool) -> None:
        if stack:
            self.stack += "x"
        folders = GitFolders(self.folder / "state" / "repos", self.git)
        latches = Latches(self.records, self.stack)
        self.drivers = {
            "Repository": RepositoryDriver(folders),
            "SyncTarget": SyncTargetDriver(folders, latches, host="here"),
        }


@contextmanager
def open_world(kind: str, folder: Path) -> Iterator[World]:
    """A fresh world of the kind asked for."""
    if kind == "memory":
        yield MemoryWorld()
    elif kind == "path":
        world = GitWorld(folder, None)
        yield world
        world.records.close()
    else:
        with serving(Desk(folder)) as server:
            world = GitWorld(folder, server)
            yield world
            world.records.close()
