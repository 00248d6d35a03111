"""The worlds the backup contract is checked in: one of memory, two of real git."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ..clients.git import Git
from ..clients.git_folder import GitFolders
from ..core.sealed import Sealed
from ..engine.records import Records
from ..kinds.repository.driver import RepositoryDriver
from ..kinds.synctarget.driver import SyncTargetDriver
from ..kinds.synctarget.latch import Latches
from . import eventually
from .backup_world import KEY, MemoryWorld, World
from .git_nginx import serving_with_nginx
from .git_server import Desk, Server, files_of, git, make_bare, serving


class GitWorld(World):
    """Real files, real git; the remote is a folder or behind HTTP with a password."""

    def __init__(self, folder: Path, server: Server | None) -> None:
        super().__init__()
        self.folder = folder
        self.base = folder / "base"
        self.base.mkdir(exist_ok=True)
        self.bare = make_bare(folder / "remote" / "x.git")
        self.server = server
        self.records = Records(folder / "stack" / "state" / "records.db")
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
        return self.folder / "stack" / "state" / "repos" / "store.git"

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
        found = files_of(self.bare, branch)
        return {name: found[name] for name in found if not name.startswith(".reconciler/")}

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

    def lose_remote(self) -> None:
        for branch in self.remote_branches():
            git(self.bare, "update-ref", "-d", f"refs/heads/{branch}")

    def restart(self, *, stack: bool) -> None:
        if stack:
            self.stack += "x"
        folders = GitFolders(self.folder / "stack" / "state" / "repos", self.git)
        latches = Latches(self.records, self.stack)
        self.drivers = {
            "Repository": RepositoryDriver(folders),
            "SyncTarget": SyncTargetDriver(folders, latches, host="here"),
        }


class LargeWorld(GitWorld):
    """A path as the remote, and large files in a folder beside it: only their newest version."""

    def __init__(self, folder: Path, threshold: str = "4Ki") -> None:
        super().__init__(folder, None)
        self.blobs = folder / "blobs"
        self.blobs.mkdir(exist_ok=True)
        how = {"threshold": threshold, "store": "directory", "directory": str(self.blobs)}
        self.targets["data"]["largeFiles"] = {**how, "keepVersions": 1}

    def stored(self) -> list[bytes]:
        """The content of every large file that the store holds; a write cut short is none."""
        found = (path for path in self.blobs.rglob("*") if path.is_file())
        return [path.read_bytes() for path in found if not path.name.startswith(".")]

    async def files_elsewhere(self) -> dict[str, bytes]:
        """What another machine has after its restore: it knows only the remote and the store."""
        other = self.folder / "elsewhere"
        for part in ("remote", "blobs"):
            eventually(partial(_copy, self.folder / part, other / part))
        world = LargeWorld(other)
        assert (await world.settle(8)).plan.in_sync
        found = world.files()
        world.records.close()
        shutil.rmtree(other)
        return found


def _copy(source: Path, to: Path) -> Path:
    """All of a folder; a remote that is cleaning itself up is copied again."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(source, to))


@contextmanager
def open_world(kind: str, folder: Path) -> Iterator[World]:
    """A fresh world of the kind asked for."""
    if kind == "memory":
        yield MemoryWorld()
    elif kind == "path":
        world = GitWorld(folder, None)
        yield world
        world.records.close()
    elif kind == "nginx":
        world = GitWorld(folder, None)
        root, password = folder / "remote", world.password
        with serving_with_nginx(root, folder / "nginx", user="me", password=password) as url:
            world.repository["url"] = f"{url}/x.git"
            world.sign_in(password)
            yield world
        world.records.close()
    else:
        with serving(Desk(folder)) as server:
            world = GitWorld(folder, server)
            yield world
            world.records.close()
