"""Both sides go on: what only one changed is kept from both, what both changed is kept twice."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.git_objects import EMPTY_TREE, FILE, TREE, Entry, encode_tree, object_id
from reconciler.clients.git_trees import Trees
from reconciler.core.errors import Transient
from reconciler.core.model import Ref
from reconciler.kinds.synctarget import beside, publish
from reconciler.kinds.synctarget.job import Job
from reconciler.kinds.synctarget.merge import Sides, merge
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

DATA = Ref("SyncTarget", "data")
CASES = 5000 if os.environ.get("RECONCILER_SOAK") == "1" else 300


@pytest.fixture
def world(request: pytest.FixtureRequest, stack_dir: Path) -> Iterator[GitWorld]:
    with open_world(getattr(request, "param", "path"), stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


async def start_anew(world: GitWorld) -> None:
    """The machine is another: only the remote is left."""
    world.wipe()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    assert (await world.settle()).plan.in_sync


@pytest.mark.parametrize("world", ["path", "http"], indirect=True)
async def test_changes_of_different_files_are_merged(world: GitWorld) -> None:
    """Somebody edits one file on the remote, a program another here: the remote gets both."""
    for name in ("a", "b", "deep/c"):
        world.write(f"app/data/{name}", b"base")
    await world.back_up()
    world.push_as_other("app/data/a", b"edited there")
    world.push_as_other("app/data/deep/new", b"added there")
    world.write("app/data/deep/c", b"changed here")
    await world.back_up()
    there = {
        "app/data/a": b"edited there",
        "app/data/b": b"base",
        "app/data/deep/c": b"changed here",
        "app/data/deep/new": b"added there",
    }
    assert world.remote_files() == there
    assert world.remote_branches() == ["main"]
    assert await world.health() == ("Healthy", "BackedUp")
    assert world.files()["app/data/a"] == b"base", "live files are never touched by a backup"
    assert (await world.vitals())["remoteAhead"]
    world.write("app/data/b", b"later")
    (world.base / "app/data/deep/c").unlink()
    await world.back_up()
    del there["app/data/deep/c"]
    assert world.remote_files() == {**there, "app/data/b": b"later"}
    await start_anew(world)
    assert world.files() == {**there, "app/data/b": b"later"}
    assert not (await world.vitals())["remoteAhead"]


async def test_one_clash_holds_up_nothing_else(world: GitWorld) -> None:
    """Of a file changed on both sides both versions are kept; all other files go on."""
    world.write("app/data/a", b"base")
    world.write("app/data/b", b"base")
    await world.back_up()
    world.push_as_other("app/data/a", b"theirs")
    world.write("app/data/a", b"ours")
    for version in (b"1", b"2"):
        world.write("app/data/b", version)
        await world.back_up()
        assert world.remote_files() == {"app/data/a": b"theirs", "app/data/b": version}
    assert await world.health() == ("Degraded", "Conflicted")
    assert len(world.remote_branches()) == 2
    world.write("app/data/a", b"ours again")
    await world.back_up()
    (beside,) = (name for name in world.remote_branches() if name != "main")
    log = git(world.bare, "log", "--format=%H", "-2", beside).decode().split()
    kept = [git(world.bare, "show", f"{commit}:app/data/a") for commit in log]
    assert kept == [b"ours again", b"ours"]
    assert world.files()["app/data/a"] == b"ours again"
    world.write("app/data/a", b"theirs")
    await world.back_up()
    assert await world.health() == ("Healthy", "BackedUp")
    world.write("app/data/a", b"agreed")
    await world.back_up()
    assert world.remote_files()["app/data/a"] == b"agreed"


def besides(world: GitWorld) -> list[str]:
    return [name for name in world.remote_branches() if name != "main"]


async def test_forgotten_clash_is_found_again(world: GitWorld) -> None:
    """When all notes of a clash are lost, its branch on the remote is found by what it holds."""
    world.write("app/data/a", b"base")
    await world.back_up()
    world.push_as_other("app/data/a", b"theirs")
    world.write("app/data/a", b"ours")
    await world.back_up()
    (there,) = besides(world)
    shutil.rmtree(world.store)
    world.restart(stack=False)
    world.write("app/data/b", b"more")
    await world.back_up()
    assert besides(world) == [there]
    assert (await world.vitals())["conflict"]["branch"] == there


async def test_branch_that_a_person_works_on_is_left_alone(world: GitWorld) -> None:
    """Whoever pushes onto the branch of a clash has it; a newer version of ours goes elsewhere."""
    world.write("app/data/a", b"base")
    await world.back_up()
    world.push_as_other("app/data/a", b"theirs")
    world.write("app/data/a", b"ours")
    await world.back_up()
    (there,) = besides(world)
    world.push_as_other("app/data/a", b"by hand", branch=there)
    world.write("app/data/a", b"ours again")
    assert DATA not in (await world.back_up()).failures
    assert world.remote_files(there)["app/data/a"] == b"by hand"
    (other,) = {*besides(world)} - {there}
    assert world.remote_files(other)["app/data/a"] == b"ours again"


async def test_old_branches_go(world: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host's branches the newest stay, and all young ones; nobody else's are touched."""
    monkeypatch.setattr(beside, "KEPT", 2)
    world.push_as_other("app/data/a", b"base")
    await world.settle()
    tip = git(world.bare, "rev-parse", "main").decode().strip()
    today = time.strftime("%Y%m%d", time.gmtime())
    old = [f"conflict/here/2020010{day}-000000-00000000" for day in (1, 2, 3)]
    others = ["conflict/there/20200101-000000-00000000", "conflict/here/by-hand", "old"]
    young = [f"conflict/here/{today}-00000{number}-00000000" for number in range(3)]
    for name in (*old, *others, *young):
        git(world.bare, "update-ref", f"refs/heads/{name}", tip)
    world.push_as_other("app/data/a", b"theirs")
    world.write("app/data/a", b"ours")
    await world.back_up()
    left = set(besides(world))
    assert not left & {*old}
    assert left > {*others, *young}
    assert len(left) == 7


class Killed(BaseException):
    """The operator dies."""


async def test_killed_between_push_and_note(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator that dies right after a push, merged or not, sees its own work afterwards."""
    for name in "ab":
        world.write(f"app/data/{name}", b"base")
    await world.back_up()
    agree = Job.agree

    async def die(*_: Any, **__: Any) -> None:
        raise Killed

    for turn in (b"1", b"2"):
        world.push_as_other("app/data/a", b"theirs" + turn)
        world.write("app/data/b", b"ours" + turn)
        monkeypatch.setattr(Job, "agree", die)
        with pytest.raises(BaseExceptionGroup):
            await world.look(due=True)
        monkeypatch.setattr(Job, "agree", agree)
        world.restart(stack=False)
        world.write("app/data/b", b"more" + turn)
        await world.back_up()
        assert world.remote_files() == {
            "app/data/a": b"theirs" + turn,
            "app/data/b": b"more" + turn,
        }
        assert world.remote_branches() == ["main"]


async def test_remote_that_moves_all_the_time(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who pushes before each of our pushes costs a few tries, and loses nothing."""
    world.write("app/data/a", b"0")
    await world.back_up()
    count = [0]
    push = publish.Publishing._push

    async def late(self: Any, *arguments: Any) -> None:
        if count[0] < 3:
            count[0] += 1
            world.push_as_other(f"app/data/n{count[0]}", b"theirs")
        await push(self, *arguments)

    monkeypatch.setattr(publish.Publishing, "_push", late)
    world.write("app/data/a", b"1")
    await world.back_up()
    theirs = {f"app/data/n{number}": b"theirs" for number in (1, 2, 3)}
    assert world.remote_files() == {"app/data/a": b"1", **theirs}


async def test_lock_of_a_dead_writer_goes(world: GitWorld) -> None:
    """A lock left in the way while the operator runs is cleared once nobody can be holding it."""
    world.write("app/data/a", b"1")
    await world.back_up()
    lock = world.store / "refs/reconciler/saved/data.lock"
    lock.touch()
    world.write("app/data/a", b"2")
    outcome = await world.look(due=True)
    assert isinstance(outcome.failures[DATA], Transient)
    assert outcome.failures[DATA].reason == "Locked"
    await world.look(due=True)
    assert lock.exists(), "a young lock may be somebody's"
    old = time.time() - 60
    os.utime(lock, (old, old))
    await world.look(due=True)
    await world.look(due=True)
    assert not lock.exists()
    assert world.remote_files() == {"app/data/a": b"2"}


class Shelf:
    """Trees in memory, read as from a git folder."""

    def __init__(self) -> None:
        self.trees: dict[str, bytes] = {EMPTY_TREE.id: b""}

    def whole(self, name: str) -> tuple[str, bytes]:
        return "tree", self.trees[name]

    def put(self, files: Mapping[str, str]) -> Entry:
        children: dict[str, Entry] = {}
        below: dict[str, dict[str, str]] = {}
        for path, text in files.items():
            name, _, rest = path.partition("/")
            if rest:
                below.setdefault(name, {})[rest] = text
            else:
                children[name] = Entry(FILE, object_id("blob", text.encode()))
        children |= {name: self.put(part) for name, part in below.items()}
        content = encode_tree(children)
        self.trees[object_id("tree", content)] = content
        return Entry(TREE, object_id("tree", content))

    def files(self, entry: Entry, fresh: Mapping[str, bytes], path: str = "") -> dict[str, str]:
        """The files of a tree, by path."""
        self.trees.update(fresh)
        found: dict[str, str] = {}
        for name, child in Trees(self).children(entry.id).items():  # type: ignore[arg-type]
            below = f"{path}{name}"
            deeper = self.files(child, {}, f"{below}/") if child.mode == TREE else {below: child.id}
            found |= deeper
        return found


def _merged(base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]) -> Any:
    """File by file, as a person would: the result, and what both changed."""
    result, clashes = dict(theirs), set()
    for path in {*base, *ours, *theirs}:
        was, mine, other = base.get(path), ours.get(path), theirs.get(path)
        if mine in {was, other}:
            continue
        if other != was:
            clashes.add(path)
        elif mine is None:
            del result[path]
        else:
            result[path] = mine
    return result, clashes


def test_merge_is_file_by_file() -> None:
    """Whatever each side did to its files, the merge is what comparing each file gives."""
    paths = [f"{folder}{name}" for folder in ("", "d/", "d/e/", "f/") for name in ("x", "y", "z")]
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)

    def some() -> dict[str, str]:
        return {path: dice.choice("123") for path in paths if dice.random() < 0.7} | {"x": "1"}

    for _ in range(CASES):
        base, other = some(), some()
        sides = []
        for _ in range(2):
            after = base | dict(dice.sample(sorted(other.items()), 1))
            sides.append({p: text for p, text in after.items() if p == "x" or dice.random() < 0.8})
        shelf = Shelf()
        was, ours, theirs = (shelf.put(files) for files in (base, *sides))
        found = merge(Trees(shelf), Sides(was, ours, theirs))  # type: ignore[arg-type]
        expected, clashes = _merged(base, *sides)
        assert set(found.clashes) == clashes, f"seed {seed}"
        assert shelf.files(found.entry, found.fresh) == shelf.files(shelf.put(expected), {})


def test_folders_are_merged_too() -> None:
    """An emptied or new folder is kept as such, unless the other side has files in it."""
    shelf = Shelf()
    base = shelf.put({"a": "1", "d/x": "1", "gone/x": "1"})
    ours = {"a": Entry(FILE, object_id("blob", b"1")), "d": EMPTY_TREE, "new": EMPTY_TREE}
    content = encode_tree(ours)
    shelf.trees[object_id("tree", content)] = content
    theirs = shelf.put({"a": "2", "d/x": "1", "d/more": "2", "gone/x": "1", "new/y": "3"})
    found = merge(Trees(shelf), Sides(base, Entry(TREE, object_id("tree", content)), theirs))  # type: ignore[arg-type]
    assert not found.clashes
    assert sorted(shelf.files(found.entry, found.fresh)) == ["a", "d/more", "new/y"]
    top = Trees(shelf)  # type: ignore[arg-type]
    shelf.trees.update(found.fresh)
    assert sorted(top.children(found.entry.id)) == ["a", "d", "new"]
