"""The watch over folders: it misses nothing, and says what is half done."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.clients.inotify import Inotify


def _ignored(path: str) -> bool:
    return path.endswith((".lock", "/objects"))


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Inotify]:
    with Inotify([tmp_path], _ignored) as watch:
        yield watch


def _most() -> int:
    """How many notes the kernel keeps for one reader."""
    return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


async def _all(notes: Inotify) -> set[str]:
    found: set[str] = set()
    while await notes.noted(0.05):
        found |= notes.take() or set()
    return found


async def test_a_replaced_file_is_told_by_its_name(tmp_path: Path, notes: Inotify) -> None:
    """A file that is moved over another is told, and nothing of it is half done."""
    (tmp_path / ".web").write_text("new")
    (tmp_path / ".web").rename(tmp_path / "web.yaml")
    assert str(tmp_path / "web.yaml") in await _all(notes)
    assert not notes.unfinished


async def test_a_file_is_unfinished_until_it_is_closed(tmp_path: Path, notes: Inotify) -> None:
    """Whoever reads in the middle of a write would read half a file."""
    path = tmp_path / "web.yaml"
    with path.open("w") as file:
        file.write("half")
        file.flush()
        assert str(path) in await _all(notes)
        assert notes.unfinished
    assert str(path) in await _all(notes)
    assert not notes.unfinished


async def test_a_file_that_went_may_come_back(tmp_path: Path) -> None:
    """An editor puts the old file away before it writes the new one."""
    path = tmp_path / "web.yaml"
    path.touch()
    with Inotify([tmp_path], _ignored) as notes:
        path.rename(tmp_path / "web.yaml.old")
        await _all(notes)
        assert notes.missing
        assert notes.put_away
        (tmp_path / "web.yaml.old").rename(path)
        await _all(notes)
        assert str(tmp_path / "web.yaml.old") in {*notes._missing}
        assert str(path) not in notes._missing


async def test_a_deleted_file_is_not_put_away(tmp_path: Path) -> None:
    """It may be created anew at once, or never."""
    path = tmp_path / "web.yaml"
    path.touch()
    with Inotify([tmp_path], _ignored) as notes:
        path.unlink()
        await _all(notes)
        assert notes.missing
        assert not notes.put_away
        path.touch()
        await _all(notes)
        assert not notes.missing


async def test_new_folders_are_watched_with_all_below(tmp_path: Path, notes: Inotify) -> None:
    """A tree that is moved in is watched to its leaves, one that is moved out is not."""
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    (outside / "a" / "b").mkdir(parents=True)
    outside.rename(tmp_path / "inside")
    assert str(tmp_path / "inside") in await _all(notes)
    (tmp_path / "inside" / "a" / "b" / "web.yaml").touch()
    assert str(tmp_path / "inside" / "a" / "b" / "web.yaml") in await _all(notes)
    (tmp_path / "inside").rename(outside)
    await _all(notes)
    (outside / "a" / "b" / "web.yaml").write_text("x")
    assert await _all(notes) == set()


async def test_noise_is_not_told(tmp_path: Path, notes: Inotify) -> None:
    """What is ignored wakes nobody to any use, nor does what lies below it."""
    (tmp_path / "HEAD.lock").touch()
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "ab").touch()
    assert await _all(notes) == set()


async def test_a_root_that_goes_is_an_error(tmp_path: Path) -> None:
    """A watch over nothing must not look like silence."""
    root = tmp_path / "specs"
    root.mkdir()
    with Inotify([root], _ignored) as notes:
        root.rmdir()
        with pytest.raises(FileNotFoundError):
            await _all(notes)
    with pytest.raises(FileNotFoundError):
        Inotify([root], _ignored)


async def test_a_flood_is_told_as_such(tmp_path: Path, notes: Inotify) -> None:
    """When the kernel drops notes, nobody may think that nothing happened."""
    paths = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for path in paths:
        path.touch()
    for number in range(_most() + 10):
        os.utime(paths[number % 2])
    told = set()
    while await notes.noted(0.05):
        told.add(notes.take() is None)
    assert True in told


async def test_an_idle_watch_sleeps(notes: Inotify) -> None:
    """Nothing happens: nothing is told, and waiting for it can be ended."""
    assert not await notes.noted(0.01)
    waiting = asyncio.create_task(notes.noted())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_what_is_told_is_there_until_it_is_taken(tmp_path: Path, notes: Inotify) -> None:
    """Whoever was told of it and did something else is told again, and nothing is calm."""
    (tmp_path / "web.yaml").touch()
    assert await notes.noted(1)
    assert notes.pending
    assert not notes.is_calm
    (tmp_path / "api.yaml").touch()
    assert await notes.noted(1)
    names = {str(tmp_path / name) for name in ("web.yaml", "api.yaml")}
    assert names <= (notes.take() or set())
    notes.forget()
    assert notes.is_calm


async def test_what_comes_while_nobody_waits_is_told_later(tmp_path: Path, notes: Inotify) -> None:
    """It stays with the kernel: the loop has nothing to do with it meanwhile."""
    assert not await notes.noted(0.01)
    (tmp_path / "web.yaml").touch()
    turns = 0
    for _ in range(20):
        await asyncio.sleep(0)
        turns += notes.pending > 0
    assert turns == 20
    assert await notes.noted(1)
    assert str(tmp_path / "web.yaml") in (notes.take() or set())


async def test_a_closed_watch_leaves_the_loop(tmp_path: Path) -> None:
    """The next file of that number is nobody's."""
    with Inotify([tmp_path], _ignored) as watch:
        assert not await watch.noted(0.01)
        number = watch._descriptor
    loop = asyncio.get_running_loop()
    assert not loop.remove_reader(number)


def test_each_loop_hears(tmp_path: Path) -> None:
    """A watch outlives the loop in which somebody waited for it."""
    with Inotify([tmp_path], _ignored) as watch:
        for name in ("a.yaml", "b.yaml"):
            assert not asyncio.run(watch.noted(0.01))
            (tmp_path / name).touch()
            assert asyncio.run(watch.noted(1))
            watch.take()
