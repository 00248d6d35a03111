"""Causes to look: none blocks the operator, none is lost by where the specs lie."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.clients.mounts import are_local
from reconciler.engine.wake import Watch, file_changes, open_bell
from reconciler.testing import eventually, eventually_async


async def _ring(folder: Path, touched: Path) -> None:
    """Watch ``folder`` until a write to ``touched`` is told."""
    rang = asyncio.Event()

    async def watch() -> None:
        async for _ in file_changes(lambda: [folder]):
            rang.set()

    watching = asyncio.create_task(watch())
    try:
        for number in range(100):  # the watch begins at a moment nobody tells
            await asyncio.to_thread(touched.write_text, str(number))
            try:
                async with asyncio.timeout(0.1):
                    await rang.wait()
            except TimeoutError:
                continue
            return
        pytest.fail("nobody heard of the write")
    finally:
        watching.cancel()
        await asyncio.wait([watching])


@pytest.mark.parametrize("name", ["info", "hooks", "objects", "node_modules"])
async def test_specs_may_lie_anywhere(tmp_path: Path, name: str) -> None:
    """Folders called as git calls its own are watched like any other."""
    specs = tmp_path / name / "specs"
    specs.mkdir(parents=True)
    await _ring(specs, specs / "web.yaml")


async def test_branches_may_be_called_anything(tmp_path: Path) -> None:
    """A commit to the branch info/web is heard of."""
    refs = tmp_path / ".git" / "refs"
    (refs / "heads" / "info").mkdir(parents=True)
    await _ring(refs, refs / "heads" / "info" / "web")


async def test_asking_where_to_look_blocks_nobody(tmp_path: Path) -> None:
    """Git may take its time to say what to watch: the loop goes on meanwhile."""
    threads = []

    def paths() -> Iterator[Path]:
        threads.append(threading.current_thread())
        yield tmp_path

    async def watch() -> None:
        async for _ in file_changes(paths):
            pass

    watching = asyncio.create_task(watch())
    await asyncio.to_thread(eventually, lambda: threads)
    watching.cancel()
    await asyncio.wait([watching])
    assert threading.main_thread() not in threads


async def test_the_bell_is_its_owners(stack_dir: Path) -> None:
    """Nobody else may ring, and what is made meanwhile has the rights it asks for."""
    usual = os.umask(0o022)
    os.umask(usual)
    opening = asyncio.create_task(open_bell(stack_dir / "wake.sock", lambda: None))
    seen = set()
    while not opening.done():
        await asyncio.sleep(0)
        now = os.umask(usual)
        seen.add(now)
    (await opening).close()
    assert seen == {usual}
    assert stat.S_IMODE((stack_dir / "wake.sock").stat().st_mode) == 0o600


async def test_a_draft_is_not_waited_for(tmp_path: Path) -> None:
    """A file that is written beside and moved into its place is told of, the draft is not."""
    told: set[str] = set()

    async def watch() -> None:
        async for touched in file_changes(lambda: [tmp_path]):
            told.update(touched or ())

    watching = asyncio.create_task(watch())
    for number in range(100):  # the watch begins at a moment nobody tells
        (tmp_path / ".web.yaml").write_text(str(number))
        (tmp_path / ".web.yaml").rename(tmp_path / "web.yaml")
        await asyncio.sleep(0.02)
        if told:
            break
    watching.cancel()
    await asyncio.wait([watching])
    assert told == {str(tmp_path / "web.yaml")}


async def test_a_mounted_config_map_is_followed(tmp_path: Path) -> None:
    """Kubernetes edits such a folder by putting one hidden link in the place of another."""
    for version in ("1", "2"):
        (tmp_path / f"..v{version}").mkdir()
        (tmp_path / f"..v{version}" / "web.yaml").write_text(version)
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "web.yaml").symlink_to("..data/web.yaml")
    rang = asyncio.Event()

    async def watch() -> None:
        async for _ in file_changes(lambda: [tmp_path]):
            rang.set()

    watching = asyncio.create_task(watch())
    for number in range(100):  # the watch begins at a moment nobody tells
        (tmp_path / "..data_tmp").symlink_to(f"..v{2 - number % 2}")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        await asyncio.sleep(0.02)
        if rang.is_set():
            break
    watching.cancel()
    await asyncio.wait([watching])
    assert rang.is_set()


async def test_a_quiet_watch_is_proof(tmp_path: Path) -> None:
    """Of a folder of this machine in which nothing was noted since everything was looked at."""
    watch = Watch()
    told: list[tuple[set[str] | None, bool]] = []
    (tmp_path / "web.yaml").write_text("1")

    async def follow() -> None:
        async for touched in file_changes(lambda: [tmp_path], watch):
            told.append((touched, watch.is_quiet))  # noqa: PERF401 (as it comes)

    watching = asyncio.create_task(follow())
    await eventually_async(lambda: watch.notes is not None)
    assert not watch.is_quiet  # something may have happened before there was a watch
    watch.proven = watch.notes
    assert watch.is_quiet == are_local([tmp_path])
    watch.is_local = True
    (tmp_path / "web.yaml").write_text("2")
    assert not watch.is_quiet
    await eventually_async(lambda: told)
    assert told == [({str(tmp_path / "web.yaml")}, True)]
    watch.is_local = False
    assert not watch.is_quiet
    watching.cancel()
    await asyncio.wait([watching])
    assert watch.notes is None


@pytest.mark.parametrize("path", ["/proc", "/no/such/folder"])
def test_not_every_file_is_of_this_machine(path: str) -> None:
    """What is not known to be, is not taken for it."""
    assert not are_local([Path(path)])
