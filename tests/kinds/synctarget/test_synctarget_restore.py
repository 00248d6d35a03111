"""Restores: what waits for them and how long, what is staged, what is shown, what goes on."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.git_reader import ObjectReader
from reconciler.core.model import Ref
from reconciler.kinds.synctarget import staging
from reconciler.testing.backup_worlds import GitWorld

DATA = Ref("SyncTarget", "data")
KILLS = 200 if os.environ.get("RECONCILER_SOAK") == "1" else 2
FILES = 60

OPERATOR = """
import asyncio, sys
from pathlib import Path
from reconciler.testing.backup_worlds import GitWorld

async def main():
    world = GitWorld(Path(sys.argv[1]), None)
    print("ready", flush=True)
    await world.settle(1000)

asyncio.run(main())
"""


async def fill(world: GitWorld, count: int = FILES) -> dict[str, bytes]:
    """A backup of many files; then the machine is another one."""
    for number in range(count):
        world.write(f"app/data/{number % 7}/{number}", f"content of {number}\n".encode() * 50)
    await world.back_up()
    before = world.files()
    world.wipe()
    world.restart(stack=True)
    return before


async def backed_up(world: GitWorld) -> bool:
    """Whether a backup is due when one usually is."""
    return any(step.ref == DATA for step in (await world.look(due=True)).plan.due)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of blobs that were brought."""
    found: list[str] = []
    copy = ObjectReader.copy

    def count(self: ObjectReader, name: str, target: Any) -> None:
        found.append(name)
        copy(self, name, target)

    monkeypatch.setattr(ObjectReader, "copy", count)
    return found


async def test_without_a_remote_all_may_start(near: GitWorld) -> None:
    """No url: what waits for a restore starts at once, nothing is kept, and that is said."""
    near.repository = {"url": "", "base": str(near.base)}
    near.write("app/data/a", b"one")
    outcome = await near.settle()
    assert outcome.plan.in_sync
    assert "restored" in (await near.vitals())["meets"]
    assert await near.health() == ("Suspended", "Disabled")
    outcome = await near.look(due=True)
    assert not outcome.plan.due
    assert not outcome.failures


async def test_a_remote_that_is_configured_later(near: GitWorld) -> None:
    """Once there is a url its backup is restored, and what lay here is put aside."""
    url, near.repository["url"] = near.repository["url"], ""
    near.push_as_other("app/data/a", b"precious")
    near.write("app/data/a", b"default")
    await near.settle()
    near.repository["url"] = url
    await near.settle()
    assert near.files()["app/data/a"] == b"precious"
    assert (await near.vitals())["restore"]["result"] == "restored"


@pytest.mark.parametrize("away", ["unreachable", "forbidden", "branch"])
async def test_prefer_lets_go_and_backs_nothing_up(world: GitWorld, away: str) -> None:
    """Past the timeout its users may start; nothing is pushed until it was restored after all."""
    world.push_as_other("app/data/a", b"precious")
    world.write("app/data/a", b"default")
    world.targets["data"]["restore"] = {"onStart": "prefer", "timeout": "300ms"}
    expected = _take_away(world, away)
    await world.settle()
    seen = await world.vitals()
    assert seen["error"]["reason"] == expected
    assert seen["letsGoAt"] is not None or seen["letGo"]

    async def let_go() -> bool:
        return "restored" in (await world.vitals())["meets"]

    await _until(let_go)
    assert await world.health() == ("Degraded", "StartedWithout")
    world.write("app/data/b", b"written without a restore")
    assert not await backed_up(world)
    _bring_back(world, away)
    world.restart(stack=False)
    assert "restored" in (await world.vitals())["meets"]
    assert not (await world.look(due=True)).failures
    await world.settle()
    assert world.files()["app/data/a"] == b"precious"
    kept = {path.name for path in (world.folder / "stack" / "state" / "quarantine").rglob("?")}
    assert {"a", "b"} <= kept
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"precious"}


async def test_require_waits_on_and_says_so(near: GitWorld) -> None:
    """Past the timeout what requires a restore goes on waiting."""
    near.push_as_other("app/data/a", b"precious")
    near.targets["data"]["restore"] = {"timeout": "1ms"}
    near.reach(reachable=False)
    await near.settle()
    assert not (await near.vitals())["meets"]
    assert (await near.vitals())["overdue"]
    near.reach(reachable=True)
    await near.settle()
    assert (await near.vitals())["meets"]


async def test_empty_and_absent_are_told_apart(world: GitWorld) -> None:
    """A remote that holds nothing, and one that holds others' things only."""
    await world.settle()
    assert (await world.vitals())["restore"]["result"] == "empty"
    world.push_as_other("elsewhere/x", b"not ours")
    world.restart(stack=True)
    await world.settle()
    assert (await world.vitals())["restore"]["result"] == "absent"


async def test_what_is_staged_is_not_brought_again(
    near: GitWorld, copied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed halfway, the next restore checks what lies there and brings only the rest."""
    before = await fill(near)
    rename, done = Path.rename, 0

    def die(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done > FILES // 2:
            raise RuntimeError("killed")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", die)
    assert DATA in (await near.look()).failures
    monkeypatch.setattr(Path, "rename", rename)
    stage = near.base / "app" / "data" / ".reconciler-restore-data"
    whole = sorted(path for path in stage.iterdir() if path.suffix != ".part")
    assert len(whole) == FILES // 2
    whole[0].chmod(0o600)
    whole[0].write_bytes(b"torn")
    copied.clear()
    near.restart(stack=False)
    await near.settle()
    assert near.files() == before
    assert len(copied) == FILES // 2 + 1
    assert not stage.exists()


async def test_others_have_their_turn(near: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore works in slices, tells how far it is, and begins none of them anew."""
    before = await fill(near)
    monkeypatch.setattr(staging, "SLICE", -1.0)
    seen = []
    for _ in range(FILES + 5):
        outcome = await near.look()
        if DATA in outcome.failures:
            seen.append(outcome.failures[DATA].reason)
        if outcome.plan.in_sync:
            break
    assert seen.count("Restoring") == FILES - 1
    assert near.files() == before


async def test_progress_is_told(near: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """While files are brought, vitals say how many of how many, in files and in bytes."""
    before = await fill(near, 5)
    told: list[Any] = []
    one = staging.Staging._bring_one

    def look(self: Any, *arguments: Any) -> None:
        told.append(near.drivers["SyncTarget"]._look.run()["data"].vitals["progress"])
        one(self, *arguments)

    monkeypatch.setattr(staging.Staging, "_bring_one", look)
    await near.settle()
    assert [step["files"] for step in told] == [0, 1, 2, 3, 4]
    total = sum(map(len, before.values()))
    assert {(step["stage"], step["filesTotal"], step["bytesTotal"]) for step in told} == {
        ("restore", 5, total)
    }
    assert (await near.vitals())["progress"] is None


async def test_a_stack_restarted_takes_the_newest(near: GitWorld) -> None:
    """What was staged in an earlier start of the stack is not what is put in place."""
    near.push_as_other("app/data/a", b"old")
    near.write("app/data/a", b"default")
    for _ in range(2):
        await near.look()
    assert (await near.drivers["SyncTarget"].observe())["data"].state.staged
    near.push_as_other("app/data/a", b"new")
    near.restart(stack=True)
    await near.settle()
    assert near.files()["app/data/a"] == b"new"


async def test_no_marker_comes_from_the_remote(world: GitWorld) -> None:
    """What a repository holds cannot say that it was restored, nor slip in among what is staged."""
    stage = ".reconciler-restore-data"
    for path in (".backup.ready", f"{stage}/x", f"sub/{stage}/y", "a"):
        world.push_as_other(f"app/data/{path}", b"from the remote")
    world.write(f"app/data/{stage}/old", b"left by somebody")
    world.write("app/data/.backup.ready", b"default of the image")
    await world.look()
    await world.look()
    assert not (await world.vitals())["meets"]
    await world.settle()
    assert world.files() == dict.fromkeys(
        ("app/data/.backup.ready", "app/data/a"), b"from the remote"
    )
    assert (await world.settle()).plan.in_sync


async def test_missing_file_is_not_made(world: GitWorld) -> None:
    """A file that no backup has is not made up: nothing lies there, and its users may start."""
    world.targets = {"data": {"repository": "store", "path": "etc/app.json", "settle": "0s"}}
    world.push_as_other("elsewhere/x", b"not ours")
    assert (await world.settle()).plan.in_sync
    assert not (world.base / "etc" / "app.json").exists()
    assert (await world.vitals())["restore"]["result"] == "absent"
    assert "restored" in (await world.vitals())["meets"]
    did = await world.order("backup")
    assert isinstance(did, dict)
    assert "nothing lies there yet, and the remote has nothing of it" in did["notes"][0]
    assert await world.health() == ("Healthy", "NothingYet")
    world.write("etc/app.json", b"{}")
    await world.look(due=True)
    assert await world.health() == ("Healthy", "BackedUp")


async def test_hours_later_it_is_still_restored(
    near: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was restored once in this start of the stack stays so, however old that is."""
    await fill(near, 3)
    await near.settle()
    later = time.time() + 86400.0
    monkeypatch.setattr(time, "time", lambda: later)
    near.restart(stack=False)
    assert "restored" in (await near.vitals())["meets"]
    assert (await near.look()).plan.in_sync


@pytest.mark.timeout(600)
def test_restore_killed_at_any_moment(near: GitWorld) -> None:
    """However often the operator is killed in a restore, in the end all is there, byte for byte."""
    before = asyncio.run(fill(near, 300))
    dice = random.Random()
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", OPERATOR, str(near.folder)], stdout=subprocess.PIPE
        ) as operator:
            assert operator.stdout is not None
            assert operator.stdout.readline() == b"ready\n"
            try:
                operator.wait(dice.uniform(0.0, 0.3))
            except subprocess.TimeoutExpired:
                operator.kill()
            assert operator.wait() in {0, -signal.SIGKILL}
    near.restart(stack=False)
    near.stack = "1"
    near.restart(stack=False)
    asyncio.run(near.settle())
    assert near.files() == before
    asyncio.run(near.look(due=True))
    assert near.remote_files() == before


def _take_away(world: GitWorld, how: str) -> str:
    if how == "unreachable":
        world.reach(reachable=False)
        return "RemoteUnreachable" if world.server else "RemoteNotFound"
    if how == "forbidden" and world.server is not None:
        world.server.desk.forbidden = True
        return "Forbidden"
    world.repository["branch"] = "mian"
    return "WrongBranch"


def _bring_back(world: GitWorld, how: str) -> None:
    if how == "unreachable":
        world.reach(reachable=True)
    if world.server is not None:
        world.server.desk.forbidden = False
    world.repository.pop("branch", None)


async def _until(holds: Any) -> None:
    for _ in range(500):
        if await holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")
