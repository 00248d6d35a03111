"""Many files become one file, the git folder does not grow for ever, and all can be read."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.clients import git_objects, git_tidy
from reconciler.clients.git_objects import Changed, ObjectStore, object_id
from reconciler.clients.git_pack import PackWriter, _index
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git, make_bare

SOAK = os.environ.get("RECONCILER_SOAK") == "1"
ROUNDS = 300 if SOAK else 12
MANY = 1000 if SOAK else 300


@pytest.fixture
def world(request: pytest.FixtureRequest, stack_dir: Path) -> Iterator[GitWorld]:
    with open_world(getattr(request, "param", "path"), stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def at(world: GitWorld, *arguments: str) -> bytes:
    """Git in the stack's own folder."""
    return git(world.store, "--git-dir", str(world.store), *arguments)


def loose(world: GitWorld) -> int:
    return len(list((world.store / "objects").glob("[0-9a-f][0-9a-f]/*")))


def packs(world: GitWorld) -> list[Path]:
    return list((world.store / "objects/pack").glob("*.pack"))


async def start_anew(world: GitWorld) -> None:
    world.wipe()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    assert (await world.settle()).plan.in_sync


@pytest.mark.parametrize("world", ["path", "nginx"], indirect=True)
async def test_first_backup_of_many_is_one_file(world: GitWorld) -> None:
    """Hundreds of new files are a pack, pushed and restored; a change is a loose object again."""
    dice = random.Random(1)
    for number in range(MANY):
        content = dice.randbytes(
            dice.choice([0, 5, 15, 16, 200, 5000, 200_000 if number < 9 else 1])
        )
        world.write(f"app/data/d{number % 20}/f{number}", content)
    world.write("app/data/twice", b"the same")
    world.write("app/data/again", b"the same")
    assert not (await world.back_up()).failures
    assert len(packs(world)) == 1
    assert loose(world) <= git_objects.FEW + 20
    at(world, "fsck", "--strict", "--full")
    git(world.bare, "fsck", "--strict", "--full")
    before, count = world.files(), loose(world)
    assert world.remote_files() == before
    world.write("app/data/d1/f1", b"changed")
    await world.back_up()
    assert len(packs(world)) == 1
    assert count < loose(world) < count + 10
    before["app/data/d1/f1"] = b"changed"
    await start_anew(world)
    assert world.files() == before


async def test_files_are_not_packed_twice(world: GitWorld) -> None:
    """When all that was remembered of the files is lost they are read, and found to be kept."""
    for number in range(500):
        world.write(f"app/data/f{number}", str(number).encode())
    await world.back_up()
    shutil.rmtree(world.store / "reconciler" / "cache")
    world.restart(stack=False)
    before = packs(world)
    await world.back_up()
    assert packs(world) == before
    assert not list(world.store.rglob("tmp_*"))


def test_pack_is_what_git_would_write(tmp_path: Path) -> None:
    """Git's strict check takes a pack of ours: any sizes, what is left out, what was cut short."""
    bare = make_bare(tmp_path / "x.git")
    dice = random.Random()
    pack, contents = PackWriter(bare / "objects"), {}
    for size in [*range(40), 127, 128, 2047, 2048, 70_000, 300_000]:
        content = dice.randbytes(size)
        contents[pack.write("blob", [content], size)] = content
        assert pack.write("blob", iter([content[:3], content[3:]]), size) == object_id(
            "blob", content
        )

    def short() -> Iterator[bytes]:
        yield b"begun"
        raise Changed

    with pytest.raises(Changed):
        pack.write("blob", short(), 100)
    pack.finish()
    git(bare, "fsck", "--strict", "--full")
    told = git(bare, "verify-pack", "-v", *map(str, (bare / "objects/pack").glob("*.idx")))
    assert told.count(b" blob ") == len(contents)
    for name, content in contents.items():
        assert git(bare, "cat-file", "blob", name) == content
    again = PackWriter(bare / "objects")
    assert all(name in again for name in contents)
    assert "1" * 40 not in again
    again.finish()
    assert len(list((bare / "objects/pack").glob("*"))) == 2


def test_places_beyond_two_gigabytes(tmp_path: Path) -> None:
    """Far places in a pack stand in the index's second table, where git looks for them."""
    held = {bytes([number]) * 20: (number << 30) << 32 | number for number in range(5)}
    index = b"".join(_index(held, b"d" * 20))
    index += hashlib.sha1(index, usedforsecurity=False).digest()
    (tmp_path / "x.idx").write_bytes(index)
    with (tmp_path / "x.idx").open("rb") as file:
        told = subprocess.run(
            ["git", "show-index", "--object-format=sha1"],
            stdin=file,
            capture_output=True,
            check=True,
        )
    places = [int(line.split()[0]) for line in told.stdout.splitlines()]
    assert places == [number << 30 for number in range(5)]


def test_store_that_is_left_keeps_nothing_half(tmp_path: Path) -> None:
    """What was not settled leaves no file behind."""
    bare = make_bare(tmp_path / "x.git")
    with ObjectStore(bare) as store:
        for number in range(git_objects.FEW + 50):
            store.blob(io.BytesIO(b"%d" % number), len(str(number)))
        assert list((bare / "objects/pack").glob("tmp_*"))
    assert not list((bare / "objects/pack").glob("*"))


async def test_folder_stays_small_for_ever(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many backups there are, the folder holds some times what one of them is."""
    every = [f"{number:02x}" for number in range(256)]  # so few objects are counted, not guessed
    monkeypatch.setattr(git_tidy, "_SAMPLE", every)
    monkeypatch.setattr(git_tidy, "_SAMPLED", 1)
    monkeypatch.setattr(git_tidy, "LOOSE", 40)
    monkeypatch.setattr(git_tidy, "ROOM", 100_000)
    monkeypatch.setattr(git_tidy, "KEPT", 3)
    monkeypatch.setattr(git_tidy, "UNREACHED", "now")
    world.push_as_other("readme", b"history of before")
    await world.settle()
    for number in range(ROUNDS):
        world.write("app/data/a", os.urandom(20_000))
        world.write(f"app/data/f{number % 5}", os.urandom(2000))
        assert not (await world.back_up()).failures
    size = sum(
        path.stat().st_size for path in (world.store / "objects").rglob("*") if path.is_file()
    )
    assert size < 700_000
    assert loose(world) < 250
    assert int(git(world.bare, "rev-list", "--count", "main")) == ROUNDS + 1
    assert int(at(world, "rev-list", "--count", "refs/reconciler/upstream")) < ROUNDS
    at(world, "fsck", "--full")
    git(world.bare, "fsck", "--strict", "--full")
    before = world.files()
    await start_anew(world)
    assert world.files() == before


@pytest.mark.parametrize("world", ["nginx"], indirect=True)
async def test_shortened_history_is_pushed_on(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its past cut off here, a stack pushes, merges and keeps what was never pushed."""
    monkeypatch.setattr(git_tidy, "LOOSE", -1)
    monkeypatch.setattr(git_tidy, "ROOM", -(1 << 40))
    monkeypatch.setattr(git_tidy, "KEPT", 2)
    monkeypatch.setattr(git_tidy, "UNREACHED", "now")
    for number in range(5):
        world.write("app/data/a", b"%d" % number)
        await world.back_up()
    assert int(at(world, "rev-list", "--count", "refs/reconciler/upstream")) <= 2
    kept = at(world, "rev-parse", "refs/reconciler/saved/data").decode().strip()
    at(world, "update-ref", "refs/reconciler/kept/data/x", kept)
    world.push_as_other("app/data/b", b"theirs")
    world.write("app/data/a", b"offline 1")
    for number in range(5, 9):
        world.write("app/data/a", b"%d" % number)
        assert not (await world.back_up()).failures
    assert world.remote_files() == {"app/data/a": b"8", "app/data/b": b"theirs"}
    assert at(world, "show", f"{kept}:app/data/a") == b"4"
    assert int(git(world.bare, "rev-list", "--count", "main")) >= 9
    git(world.bare, "fsck", "--strict", "--full")


async def test_young_unreachable_objects_stay(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nothing points at goes by its age, not at once."""
    monkeypatch.setattr(git_tidy, "LOOSE", -1)
    monkeypatch.setattr(git_tidy, "ROOM", -(1 << 40))
    world.write("app/data/a", b"one")
    await world.back_up()
    young, old = (at(world, "hash-object", "-w", str(_file(world, text))) for text in ("y", "o"))
    path = world.store / "objects" / old[:2].decode() / old[2:].decode().strip()
    then = time.time() - 3 * 86400
    os.utime(path, (then, then))
    world.write("app/data/a", b"two")
    await world.back_up()
    assert at(world, "cat-file", "blob", young.decode().strip()) == b"y"
    with pytest.raises(AssertionError):
        at(world, "cat-file", "blob", old.decode().strip())


def _file(world: GitWorld, text: str) -> Path:
    path = world.folder / "some"
    path.write_text(text)
    return path
