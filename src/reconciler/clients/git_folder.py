"""One local git folder of ours: its settings, notes, lock, and recovery from dead writers."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ..core.errors import Transient
from ..core.model import Json
from .files import list_files, write_atomic
from .git import LONG, Credential, Git, Terms
from .git_reader import ObjectReader, Whole
from .git_sweep import sweep
from .git_who import Who, who_are_we

OURS: Final = "reconciler"
"""The folder inside the git folder that holds what is ours and not git's."""
STALE: Final = 30.0
"""Seconds after which a lock in the way is its owner's no more: nothing of ours takes as long."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a Repository says, as written beside its objects: the mark that the folder is ours."""

    url: str
    branch: str
    base: str
    committer_name: str
    committer_email: str
    interval: float
    username: str | None = None
    digest: str | None = None
    """Names the password; the password itself lies in a file of its own."""
    lease: float = 0.0
    """Seconds a lease lasts; 0 when none is asked for."""
    holder: str | None = None


class GitFolder:
    """``<root>/<name>.git`` and the files around it."""

    def __init__(self, root: Path, name: str, git: Git, who: Who | None = None) -> None:
        self.name = name
        self.who = who or who_are_we(root)
        self.path = root / f"{name}.git"
        self.own = self.path / OURS
        self.git = git
        self._secret = root / f"{name}.credential"
        self._lock = asyncio.Lock()
        self._swept = False
        self._age = 0.0
        self._kept: dict[str, Whole] = {}

    @property
    def credential(self) -> Credential | None:
        return Credential(self._secret) if self._secret.exists() else None

    def reader(self) -> ObjectReader:
        """To read objects with in a worker thread."""
        return ObjectReader(self.path, self.git.batch, self._kept)

    def settings(self) -> Settings | None:
        """The settings; None when there are none or nobody could have written them so."""
        noted = self.read("settings")
        try:
            return None if noted is None else Settings(**noted)
        except TypeError:
            return None

    def demand_settings(self) -> Settings:
        found = self.settings()
        if found is None:
            raise Transient(
                f"Repository/{self.name} is not configured yet", reason="RepositoryMissing"
            )
        return found

    async def configure(self, settings: Settings, password: str | None) -> None:
        """Make the folder if need be, and write who and where. The settings file comes last."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.own.mkdir(exist_ok=True, mode=0o700)
        async with self.alone():
            await self._init()
            Credential(self._secret).keep(settings.username, password, f"Repository/{self.name}")
            self.write("settings", asdict(settings))

    async def _init(self) -> None:
        await self.git.run(self.path, "init", "--quiet", "--bare", f"--initial-branch={OURS}")

    def forget(self) -> None:
        """Remove everything local. The remote keeps all it has."""
        self._secret.unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def retire(self) -> None:
        """Stop being ours, but keep every object."""
        (self.own / "settings.json").unlink(missing_ok=True)
        self._secret.unlink(missing_ok=True)

    def read(self, note: str) -> Any:
        """A note of ours; None when there is none or it is broken (all but settings are caches)."""
        try:
            return json.loads((self.own / f"{note}.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as exc:
            raise Transient(
                f"cannot read {self.own / note}.json: {exc.strerror}", reason="Unreadable"
            ) from exc

    def write(self, note: str, value: Json) -> None:
        """Write a note of ours. A crash of ours never loses it; one of the machine may.

        Then what it says is found out again; but settings and targets say what is ours.
        """
        data = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        write_atomic(
            self.own / f"{note}.json", data, durable=note.startswith(("settings", "targets"))
        )

    def drop(self, note: str) -> None:
        (self.own / f"{note}.json").unlink(missing_ok=True)

    def notes(self, topic: str) -> Iterator[tuple[str, Any]]:
        """All readable notes ``topic/<name>``."""
        for path in list_files(self.own / topic, ".json"):
            value = self.read(f"{topic}/{path.stem}")
            if value is not None:
                yield path.stem, value

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Nobody else of ours writes here meanwhile; what dead writers left is cleared first."""
        async with self._lock:
            with self._locked_file():
                if not self._swept:
                    await asyncio.to_thread(self.sweep, self._age)
                    self._swept = True
                yield

    def suspect(self) -> None:
        """A lock was in the way: whoever held it may be dead. Look at the next opportunity."""
        self._swept, self._age = False, STALE

    def sweep(self, age: float = 0.0) -> None:
        """End what a killed operator left running, and remove what it left lying."""
        if sweep(self.path, self.git.incarnation, age):
            for part in (self.own / "scratch").glob("*"):
                with suppress(OSError):
                    shutil.rmtree(part) if part.is_dir() else part.unlink()

    def scratch(self) -> Path:
        """A place for temporary files, emptied at the next start."""
        folder = self.own / "scratch"
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    async def is_damaged(self) -> bool:
        """Whether something here is broken: what a remote sends may only look as if."""
        found = await self.git.attempt(
            self.path,
            "fsck",
            "--full",
            "--no-dangling",
            "--no-progress",
            terms=Terms(deadline=LONG),
        )
        return found.code != 0

    async def rebuild(self) -> None:
        """Begin anew with the objects: what counts lies in the files and in the remote."""
        await asyncio.to_thread(self._put_aside)
        await self._init()

    def _put_aside(self) -> None:
        self._kept.clear()
        aside = self.own / "damaged"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        for part in ("objects", "refs", "packed-refs", "shallow", "HEAD", "config"):
            with suppress(FileNotFoundError):
                (self.path / part).rename(aside / part)
        shutil.rmtree(self.own / "cache", ignore_errors=True)
        self.drop("lease")  # the file it names went with the objects

    @contextmanager
    def _locked_file(self) -> Iterator[None]:
        descriptor = os.open(self.own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as exc:
            raise Transient(f"{self.path} is in use by another operator", reason="Locked") from exc
        finally:
            os.close(descriptor)


class GitFolders:
    """All git folders of a stack; one object each, so that its lock is one."""

    def __init__(self, root: Path, git: Git) -> None:
        self.root = root
        self.who = who_are_we(root, git.surroundings)
        self._git = git
        self._known: dict[str, GitFolder] = {}

    def open(self, name: str) -> GitFolder:
        return self._known.setdefault(name, GitFolder(self.root, name, self._git, self.who))

    def configured(self) -> Iterator[tuple[GitFolder, Settings | None]]:
        """Every folder that is ours. Raises Transient when the place cannot be read."""
        try:
            paths = sorted(self.root.iterdir())
        except FileNotFoundError:
            return
        except OSError as exc:
            raise Transient(
                f"cannot read {self.root}: {exc.strerror}", reason="Unreadable"
            ) from exc
        for path in paths:
            folder = self.open(path.stem)
            if path.suffix == ".git" and (folder.own / "settings.json").exists():
                yield folder, folder.settings()
