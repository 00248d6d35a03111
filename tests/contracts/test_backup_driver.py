"""What every backup plane must do, the one in memory as well as real git over a path and HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import Terminal, Transient
from reconciler.core.model import Ref
from reconciler.testing.backup_world import World
from reconciler.testing.backup_worlds import open_world

DATA = Ref("SyncTarget", "data")
STORE = Ref("Repository", "store")


@pytest.fixture(params=["memory", "path", "http"])
def world(request: pytest.FixtureRequest, stack_dir: Path) -> Iterator[World]:
    with open_world(request.param, stack_dir) as found:
        yield found


async def test_backs_up_and_restores(world: World) -> None:
    """What was backed up is there again after the path was wiped."""
    world.write("app/data/a.txt", b"one")
    world.write("app/data/deep/b c.txt", b"two")
    await world.back_up()
    assert world.remote_files() == {"app/data/a.txt": b"one", "app/data/deep/b c.txt": b"two"}
    before = world.files()
    world.wipe()
    world.restart(stack=True)
    assert (await world.settle()).plan.in_sync
    assert world.files() == before


async def test_unchanged_makes_no_commit(world: World) -> None:
    """A backup of what did not change leaves the remote as it is."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    count = world.commits()
    for _ in range(3):
        await world.back_up()
    assert world.commits() == count == 1


async def test_in_sync_after_converging(world: World) -> None:
    """Once everything is in place a pass has nothing to do."""
    world.write("app/data/a.txt", b"one")
    outcome = await world.settle()
    assert outcome.plan.in_sync
    assert not outcome.plan.changes


async def test_unreachable_is_not_empty(world: World) -> None:
    """While the remote cannot be reached nothing is restored, nothing is pushed."""
    world.push_as_other("app/data/a.txt", b"precious")
    world.write("app/data/a.txt", b"default of the image")
    world.reach(reachable=False)
    outcome = await world.settle()
    assert isinstance(outcome.failures[DATA], Transient)
    assert not (await world.vitals())["meets"]
    await world.look(due=True)
    world.reach(reachable=True)
    assert world.remote_files() == {"app/data/a.txt": b"precious"}
    await world.settle()
    assert world.files()["app/data/a.txt"] == b"precious"
    assert (await world.vitals())["meets"]


async def test_empty_remote_lets_start(world: World) -> None:
    """An empty remote has nothing to restore: what needs the target may start at once."""
    outcome = await world.settle()
    assert outcome.plan.in_sync
    assert "restored" in (await world.vitals())["meets"]
    assert world.commits() == 0


async def test_wrong_branch_is_said(world: World) -> None:
    """A branch that is missing on a remote with others is an error that names it, not emptiness."""
    world.push_as_other("app/data/a.txt", b"x", branch="master")
    outcome = await world.settle()
    failure = outcome.failures[DATA]
    assert isinstance(failure, Terminal)
    assert failure.reason == "WrongBranch"
    await world.look(due=True)
    assert world.remote_branches() == ["master"]


async def test_backup_wins_over_defaults(world: World) -> None:
    """A new start puts the backup in place; files that differ are put aside, not lost."""
    world.push_as_other("app/data/config.json", b"mine")
    world.write("app/data/config.json", b"default")
    world.write("app/data/extra.txt", b"extra")
    await world.settle()
    assert world.files().get("app/data/config.json") == b"mine"
    assert "app/data/extra.txt" not in world.files()
    await world.back_up()
    assert world.remote_files() == {"app/data/config.json": b"mine"}


async def test_operator_restart_restores_nothing(world: World) -> None:
    """Restarting only the operator never puts an old version over live data."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.write("app/data/a.txt", b"newer")
    world.restart(stack=False)
    assert (await world.look()).plan.in_sync
    assert world.files()["app/data/a.txt"] == b"newer"


async def test_stack_restart_keeps_newer_files(world: World) -> None:
    """The same folder after a restart of everything is newer than its backup, and stays."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.write("app/data/a.txt", b"newer")
    world.restart(stack=True)
    await world.settle()
    assert world.files()["app/data/a.txt"] == b"newer"
    await world.back_up()
    assert world.remote_files() == {"app/data/a.txt": b"newer"}


async def test_wiped_path_is_restored_again(world: World) -> None:
    """A path that vanishes while the stack runs is restored, not backed up as empty."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.wipe()
    await world.look(due=True)
    await world.settle()
    assert world.files() == {"app/data/a.txt": b"one"}
    assert world.remote_files() == {"app/data/a.txt": b"one"}


async def test_others_are_left_alone(world: World) -> None:
    """What others keep in the same repository stays, and their pushes do not stop ours."""
    world.push_as_other("elsewhere/x", b"theirs")
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.push_as_other("elsewhere/y", b"theirs too")
    world.write("app/data/a.txt", b"two")
    await world.back_up()
    assert world.remote_files() == {
        "elsewhere/x": b"theirs",
        "elsewhere/y": b"theirs too",
        "app/data/a.txt": b"two",
    }


async def test_conflict_keeps_both(world: World) -> None:
    """Changed here and there: theirs stays, ours is kept beside it, and that is said."""
    world.write("app/data/a.txt", b"base")
    await world.back_up()
    world.push_as_other("app/data/a.txt", b"theirs")
    world.write("app/data/a.txt", b"ours")
    await world.back_up()
    assert world.remote_files() == {"app/data/a.txt": b"theirs"}
    beside = [branch for branch in world.remote_branches() if branch.startswith("conflict/")]
    assert len(beside) == 1
    assert world.remote_files(beside[0]) == {"app/data/a.txt": b"ours"}
    assert await world.health() == ("Degraded", "Conflicted")
    assert world.files()["app/data/a.txt"] == b"ours"
    world.write("app/data/a.txt", b"ours again")
    await world.back_up()
    assert [name for name in world.remote_branches() if name.startswith("conflict/")] == beside
    assert world.remote_files(beside[0]) == {"app/data/a.txt": b"ours again"}


async def test_excludes_are_prefixes(world: World) -> None:
    """An exclude counts at its slashes only, is not kept, and survives a restore."""
    world.targets["data"]["excludes"] = ["cache/"]
    world.write("app/data/cache/x", b"no")
    world.write("app/data/cache2/x", b"yes")
    await world.back_up()
    assert world.remote_files() == {"app/data/cache2/x": b"yes"}
    world.restart(stack=True)
    await world.settle()
    assert world.files()["app/data/cache/x"] == b"no"


async def test_file_target(world: World) -> None:
    """A single file is a target too; while it is missing none is made up."""
    world.targets = {"data": {"repository": "store", "path": "app/one.json", "settle": "0s"}}
    await world.back_up()
    assert world.files() == {}
    assert world.commits() == 0
    world.write("app/one.json", b"{}")
    await world.back_up()
    assert world.remote_files() == {"app/one.json": b"{}"}
    world.wipe("app/one.json")
    await world.settle()
    assert world.files() == {"app/one.json": b"{}"}


async def test_skip_never_restores(world: World) -> None:
    """With skip what lies here is the truth; the remote's history keeps what it replaces."""
    world.targets["data"]["restore"] = {"onStart": "skip"}
    world.push_as_other("app/data/a.txt", b"old")
    world.write("app/data/a.txt", b"mine")
    await world.back_up()
    assert world.files() == {"app/data/a.txt": b"mine"}
    assert world.remote_files() == {"app/data/a.txt": b"mine"}


async def test_deleting_the_specs_deletes_no_data(world: World) -> None:
    """Without its spec a target is left alone, here and on the remote."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.targets = {}
    await world.settle()
    assert world.files() == {"app/data/a.txt": b"one"}
    assert world.remote_files() == {"app/data/a.txt": b"one"}
    assert await world.drivers["SyncTarget"].observe() == {}


async def test_two_targets_of_one_repository(world: World) -> None:
    """Targets backed up side by side do not lose each other's commits."""
    world.targets["more"] = {"repository": "store", "path": "app/more/", "settle": "0s"}
    world.write("app/data/a.txt", b"one")
    world.write("app/more/b.txt", b"two")
    outcome = await world.back_up()
    assert not outcome.failures
    assert world.remote_files() == {"app/data/a.txt": b"one", "app/more/b.txt": b"two"}


async def test_remote_that_lost_everything_gets_it_again(world: World) -> None:
    """A remote that was made anew is filled again, although nothing changed here."""
    world.write("app/data/a.txt", b"one")
    await world.back_up()
    world.lose_remote()
    await world.look(due=True)
    await world.look(due=True)
    assert world.remote_files() == {"app/data/a.txt": b"one"}


class Killed(BaseException):
    """The operator dies."""


class Dies:
    """A driver that passes actions on, and dies after the n-th."""

    def __init__(self, driver: Any, lives: list[int]) -> None:
        self._driver = driver
        self._lives = lives

    async def observe(self) -> Any:
        return await self._driver.observe()

    async def apply(self, action: Any) -> None:
        await self._driver.apply(action)
        self._lives[0] -= 1
        if self._lives[0] <= 0:
            raise Killed


@pytest.mark.parametrize("after", [1, 2, 3, 4])
async def test_killed_after_any_action(world: World, after: int) -> None:
    """An operator that dies after any action leaves what the next one finishes."""
    world.push_as_other("app/data/a.txt", b"restored")
    lives = [after]
    world.drivers = {name: Dies(driver, lives) for name, driver in world.drivers.items()}
    try:
        await world.back_up()
    except* Killed:
        pass
    world.restart(stack=False)
    await world.settle()
    assert world.files() == {"app/data/a.txt": b"restored"}
    world.write("app/data/b.txt", b"new")
    await world.back_up()
    assert world.remote_files() == {"app/data/a.txt": b"restored", "app/data/b.txt": b"new"}
