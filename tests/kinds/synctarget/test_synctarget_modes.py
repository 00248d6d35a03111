"""Permissions: git keeps one bit of them, a backup keeps them all but what no remote may give."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.clients.git_objects import FILE, PROGRAM, TREE, Entry
from reconciler.kinds.synctarget.modes import Modes, decode, encode
from reconciler.testing.backup_worlds import GitWorld, open_world

NOTED = ".reconciler/modes/data.json"


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def modes(world: GitWorld) -> dict[str, str]:
    data = world.base / "app" / "data"
    return {
        str(path.relative_to(data)): f"{stat.S_IMODE(path.stat().st_mode):o}"
        for path in (data, *data.rglob("*"))
    }


def give(world: GitWorld, wanted: dict[str, int]) -> None:
    for path, mode in wanted.items():
        (world.base / "app/data" / path).chmod(mode)


async def start_anew(world: GitWorld) -> None:
    """The machine is another: only the remote is left."""
    world.wipe()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    assert (await world.settle()).plan.in_sync


async def test_permissions_come_back(world: GitWorld) -> None:
    """Files, programs, folders and the path itself have the permissions they had."""
    for name in ("a", "b", "c", "private", "deep/run", "deep/also", "shared/x"):
        world.write(f"app/data/{name}", name.encode())
    give(world, {"private": 0o600, "deep/run": 0o750, "deep/also": 0o644, "c": 0o640})
    (world.base / "app/data/empty").mkdir(mode=0o711)
    give(world, {"deep": 0o700, "shared": 0o1777, ".": 0o750})
    before = modes(world)
    await world.back_up()
    await start_anew(world)
    assert modes(world) == before


async def test_changed_permissions_are_a_version(world: GitWorld) -> None:
    """Changing only permissions is a change: of a file, a folder, to and from what is usual."""
    for name in "abc":
        world.write(f"app/data/{name}/{name}", b"x")
    await world.back_up()
    for path, mode in (("a/a", 0o640), ("b", 0o700), ("a/a", 0o644), ("c/c", 0o755)):
        count = world.commits()
        give(world, {path: mode})
        await world.back_up()
        assert world.commits() == count + 1
    before = modes(world)
    await start_anew(world)
    assert modes(world) == before


async def test_permissions_of_what_lies_here_already(world: GitWorld) -> None:
    """A default of the image that is the same but for its permissions gets those of the backup."""
    world.write("app/data/a", b"same")
    give(world, {"a": 0o640})
    await world.back_up()
    world.wipe()
    world.write("app/data/a", b"same")
    world.restart(stack=True)
    await world.settle()
    assert modes(world)["a"] == "640"


async def test_single_file_keeps_its_permissions(world: GitWorld) -> None:
    """A target that is one file is no exception."""
    world.targets = {"data": {"repository": "store", "path": "app/one.json", "settle": "0s"}}
    world.write("app/one.json", b"{}")
    (world.base / "app/one.json").chmod(0o604)
    await world.back_up()
    world.wipe("app/one.json")
    await world.settle()
    assert stat.S_IMODE((world.base / "app/one.json").stat().st_mode) == 0o604


async def test_remote_gives_no_special_rights(world: GitWorld) -> None:
    """Set-user-id comes from nowhere, and a broken note about permissions gives none at all."""
    world.push_as_other("app/data/a", b"x")
    world.push_as_other(NOTED, b'{"version":1,"files":"4666","others":{"b":"6640"}}')
    world.push_as_other("app/data/b", b"x")
    await world.settle()
    assert {name: mode for name, mode in modes(world).items() if name != "."} == {
        "a": "666",
        "b": "640",
    }
    world.push_as_other(NOTED, b"[" * 100_000)
    await start_anew(world)
    assert modes(world) == {".": "700", "a": "600", "b": "600"}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"files": 644}',
        b'{"others": 3}',
        b'{"files":"99"}',
        b'{"files":"-1"}',
        b"\xff",
    ],
)
def test_note_that_nobody_wrote_is_none(text: bytes) -> None:
    """What cannot be a note about permissions is not believed in part."""
    assert decode(text) is None


def test_note_says_what_it_was_told() -> None:
    """Odd names too; a folder and a file of one name are two."""
    told = Modes(0o644, 0, 0o755, {"a\udcff": 0o600, "b/": 0o700, "\n": 0o640})
    assert decode(encode(told)) == told
    assert told.of("b", Entry(TREE, "")) == 0o700
    assert told.of("b", Entry(FILE, "")) == 0o644
    assert told.of("p", Entry(PROGRAM, "")) == 0o700
