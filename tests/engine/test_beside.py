"""Files that specs refer to: an edit is heard of at once, whatever way it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconciler.engine.beside import Beside, places
from reconciler.testing import eventually_async


class Watch:
    """Counts what is heard of some files."""

    def __init__(self, *paths: Path) -> None:
        self.paths = frozenset(paths)
        self.hits = 0
        self.beside = Beside(lambda: self.paths, self._hit)

    async def _hit(self) -> None:
        self.hits += 1

    async def hears(self) -> None:
        """Wait for one more hit than there were."""
        before = self.hits
        await eventually_async(lambda: self.hits > before, 5)


@asynccontextmanager
async def watch(*paths: Path) -> AsyncIterator[Watch]:
    """Watches from the first look on."""
    one = Watch(*paths)
    task = asyncio.create_task(one.beside.run())
    try:
        if paths:
            await eventually_async(lambda: one.hits == 1, 5)  # there is a watch now
        yield one
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_every_way_to_edit_a_file_is_heard_of(tmp_path: Path) -> None:
    """Written in place, put in the place of the old one, removed, made again."""
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    async with watch(path) as one:
        path.write_text("A=2\n")
        await one.hears()
        (tmp_path / "draft").write_text("A=3\n")
        (tmp_path / "draft").rename(path)
        await one.hears()
        path.unlink()
        await one.hears()
        path.write_text("A=4\n")
        await one.hears()


async def test_others_beside_it_are_nothing(tmp_path: Path) -> None:
    """A log that grows in the same folder wakes nobody up."""
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    async with watch(path) as one:
        (tmp_path / "below").mkdir()
        (tmp_path / "below" / ".env").write_text("B=1\n")
        (tmp_path / "app.log").write_text("line\n")
        await asyncio.sleep(0.2)
        assert one.hits == 1
        path.write_text("A=2\n")
        await one.hears()


async def test_a_file_that_is_missing_is_awaited(tmp_path: Path) -> None:
    """With its folders, which may come one by one, and go again."""
    path = tmp_path / "run" / "secrets" / "key"
    async with watch(path) as one:
        for _ in range(2):
            path.parent.mkdir(parents=True)
            path.write_text("1")
            await one.hears()
            await eventually_async(lambda: one.hits > 1 and _settled(one), 5)
            path.write_text("2")
            await one.hears()
            path.unlink()
            path.parent.rmdir()
            path.parent.parent.rmdir()
            await one.hears()
            await eventually_async(lambda: _settled(one), 5)


def _settled(one: Watch) -> bool:
    """Whether nothing more is to come for now: the watch stands where it should."""
    last = getattr(one, "last", None)
    one.last = one.hits  # type: ignore[attr-defined]
    return last == one.hits


async def test_links_are_followed(tmp_path: Path) -> None:
    """What a link means may be edited, and a mounted folder is changed by one hidden link."""
    for version in ("1", "2"):
        (tmp_path / f"..v{version}").mkdir()
        (tmp_path / f"..v{version}" / "key").write_text(version)
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "key").symlink_to("..data/key")
    async with watch(tmp_path / "key") as one:
        (tmp_path / "..v1" / "key").write_text("other")
        await one.hears()
        (tmp_path / "..new").symlink_to("..v2")
        (tmp_path / "..new").replace(tmp_path / "..data")
        await one.hears()


async def test_other_files_may_be_wanted_later(tmp_path: Path) -> None:
    """The specs are edited, and refer to something else."""
    first, second = tmp_path / "first", tmp_path / "second"
    async with watch() as one:
        one.paths = frozenset({first})
        one.beside.look_again()
        await eventually_async(lambda: one.hits == 1, 5)
        one.paths = frozenset({second})
        one.beside.look_again()
        await eventually_async(lambda: one.hits == 2, 5)
        second.write_text("x")
        await one.hears()


@pytest.mark.parametrize("text", ["/", "/no-such-folder/at/all", "relative"])
def test_there_is_always_a_folder_to_watch(text: str) -> None:
    """However little of a path is there."""
    assert all(Path(one).is_dir() for one in places([Path(text)]).folders)
