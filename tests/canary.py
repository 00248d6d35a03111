"""Looks, all through a run, whether a password of a backup shows where it must not."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from reconciler.core.errors import ReconcileError
from reconciler.testing.backup_world import World

EVERY: Final = 0.1
LOOKS: Final = 4
"""So often a process is looked at: what it is born with shows in its first moments."""
MOST: Final = 4 << 20


def forms_of(secret: str) -> list[bytes]:
    """Every way in which a password might be written."""
    basic = base64.b64encode(f"me:{secret}".encode())
    coded = base64.b64encode(secret.encode())
    return [secret.encode(), quote(secret, safe="").encode(), coded, basic]


class Canary(logging.Handler):
    """Knows every password that a test made, and where any was seen."""

    def __init__(self) -> None:
        super().__init__(0)
        self.forms: list[bytes] = []
        self.found: list[str] = []
        self._over = threading.Event()
        self._looked: dict[tuple[str, int], int] = {}
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def know(self, password: str) -> None:
        self.forms += forms_of(password)
        if self._watcher.ident is None:
            self._watcher.start()

    def judge(self, where: str, content: bytes, since: int = 0) -> None:
        """Note where a password is seen; ``since`` leaves out those of earlier tests."""
        if any(form in content for form in self.forms[since:]):
            self.found.append(where)

    def emit(self, record: logging.LogRecord) -> None:
        """Judge what is logged."""
        if self.forms:
            self.judge("a log", record.getMessage().encode("utf-8", "replace"))

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        if self._watcher.ident is not None:
            self._watcher.join()
        super().close()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            with suppress(OSError):  # a test plays a disk that fails, and this thread lives in it
                for entry in Path("/proc").glob("[0-9]*"):
                    self._look(entry)

    def _look(self, entry: Path) -> None:
        try:
            key = (entry.name, entry.stat().st_ino)
            if self._looked.get(key, 0) >= LOOKS:
                return
            self._looked[key] = self._looked.get(key, 0) + 1
            for name in ("cmdline", "environ"):
                self.judge(f"{entry}/{name}", (entry / name).read_bytes())
        except OSError:
            return


def look_through(canary: Canary, folder: Path, since: int = 0) -> None:
    """All files, and all that git keeps, but the data of users and the file that is for it."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.suffix == ".credential" or "base" in inside.parts or path.is_symlink():
            continue
        if path.is_file() and path.stat().st_size <= MOST:
            canary.judge(str(path), path.read_bytes(), since)
        if path.suffix == ".git" and (path / "objects").is_dir():
            canary.judge(f"{path} (objects)", _objects(path), since)


def _objects(repository: Path) -> bytes:
    """All that git has, but what is as large as no file is read: a bomb is not set off here."""
    how = "--batch-check=%(objectsize) %(objectname)"
    sizes = _cat(repository, "--batch-all-objects", how).decode().splitlines()
    found = [one.split() for one in sizes]
    small = "".join(  # of a damaged one git says no size
        f"{name}\n" for size, name in found if name != "missing" and int(size) <= MOST
    )
    return _cat(repository, "--batch", asked=small.encode())


def _cat(repository: Path, *how: str, asked: bytes = b"") -> bytes:
    environ = {**os.environ, "GIT_DIR": str(repository), "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", "cat-file", "--buffer", *how]
    return subprocess.run(
        command, env=environ, input=asked, capture_output=True, check=False
    ).stdout


async def _observed(driver: Any) -> str:
    """What a driver sees, or says when it cannot see."""
    try:
        return repr(await driver.observe())
    except ReconcileError as exc:
        return str(exc)


@pytest.fixture(scope="session")
def canary() -> Iterator[Canary]:
    """What every backup test of the run is looked at by."""
    found, patch = Canary(), pytest.MonkeyPatch()
    init, look = World.__init__, World.look

    def make(self: World) -> None:
        init(self)
        found.know(self.password)

    async def judged(self: World, **how: Any) -> Any:
        outcome = await look(self, **how)
        found.judge("an outcome", repr(outcome).encode("utf-8", "replace"))
        for error in outcome.failures.values():
            found.judge("an error", str(error).encode("utf-8", "replace"))
        for driver in self.drivers.values():
            seen = await _observed(driver)
            found.judge("what is observed", seen.encode("utf-8", "replace"))
        return outcome

    patch.setattr(World, "__init__", make)
    patch.setattr(World, "look", judged)
    logging.getLogger().addHandler(found)
    yield found
    logging.getLogger().removeHandler(found)
    patch.undo()
    found.close()
    assert not found.found


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that makes a password leaves it in no file, log, error, argument, variable, commit."""
    if "stack_dir" not in request.fixturenames:
        yield
        return
    folder: Path = request.getfixturevalue("stack_dir")
    found: Canary = request.getfixturevalue("canary")
    before = len(found.forms)
    yield
    if len(found.forms) > before:
        look_through(found, folder, before)
    seen, found.found = found.found, []
    assert not seen, f"a password of a backup shows where it must not: {seen}"
