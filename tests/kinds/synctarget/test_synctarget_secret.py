"""The password of a backup appears nowhere but in its own file."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from reconciler.clients.git_folder import GitFolders
from reconciler.kinds.repository.driver import RepositoryDriver
from reconciler.kinds.synctarget.driver import SyncTargetDriver
from reconciler.kinds.synctarget.latch import Latches
from reconciler.testing.backup_worlds import GitWorld, open_world


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("http", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


class Watcher(threading.Thread):
    """Reads the command line and the variables of every process, over and over."""

    def __init__(self, forms: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._forms = forms
        self._stop_asked = threading.Event()
        self.found: list[str] = []
        self.looks = 0

    def run(self) -> None:
        while not self._stop_asked.is_set():
            for entry in Path("/proc").glob("[0-9]*"):
                self._look(entry)
            self.looks += 1

    def _look(self, entry: Path) -> None:
        for name in ("cmdline", "environ"):
            try:
                content = (entry / name).read_bytes()
            except OSError:
                continue
            self.found += [f"{entry}/{name}" for form in self._forms if form in content]

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()


def forms_of(secret: str) -> list[bytes]:
    basic = base64.b64encode(f"me:{secret}".encode())
    return [secret.encode(), quote(secret).encode(), base64.b64encode(secret.encode()), basic]


async def test_the_stack_itself_is_in_no_backup(world: GitWorld) -> None:
    """A target that holds the state directory keeps all but that: every secret lies there."""
    stack = world.base / "app/data/.local"
    folders = GitFolders(stack / "state" / "repos", world.git)
    world.drivers = {
        "Repository": RepositoryDriver(folders),
        "SyncTarget": SyncTargetDriver(folders, Latches(world.records, world.stack), host="here"),
    }
    world.write("app/data/.local/run/environ", world.password.encode())
    world.write("app/data/a", b"one")
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"one"}


async def test_password_is_nowhere(world: GitWorld, caplog: pytest.LogCaptureFixture) -> None:
    """In backup, restore and failure it shows in no argv, variable, file, log or error."""
    caplog.set_level(logging.DEBUG)
    forms = forms_of(world.password)
    watcher = Watcher(forms)
    watcher.start()
    said: list[str] = []
    try:
        world.write("app/data/a", b"one")
        said.append(repr(await world.back_up()))
        world.wipe()
        said.append(repr(await world.settle()))
        assert world.server is not None
        for trouble in ("broken", "forbidden"):
            setattr(world.server.desk, trouble, True)
            world.write("app/data/a", trouble.encode())
            said.append(repr(await world.look(due=True)))
            setattr(world.server.desk, trouble, False)
        world.server.desk.password = "changed there"
        outcome = await world.look(due=True)
        said += [str(error) for error in outcome.failures.values()]
        assert outcome.failures
    finally:
        await asyncio.to_thread(watcher.stop)
    said += [repr(await driver.observe()) for driver in world.drivers.values()]
    said.append(caplog.text)
    assert watcher.looks > 1
    assert not watcher.found
    assert not [text for text in said for form in forms if form.decode() in text]
    assert _holding(world.folder, forms) == [world.store.with_name("store.credential")]


def _holding(folder: Path, forms: list[bytes]) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if any(form in path.read_bytes() for form in forms)]
