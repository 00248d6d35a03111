"""An operator killed again and again, at random and at every boundary of a backup.

Whatever it had said to be on the remote is there, byte for byte; and the next one goes on at once.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.testing.backup_worlds import LargeWorld
from reconciler.testing.git_server import git

SOAK = os.environ.get("RECONCILER_SOAK") == "1"
MINUTE = 60.0
THRESHOLD = "100Ki"

BOUNDARIES = [
    *("clients.git_objects:ObjectStore.settle", "clients.git_pack:PackWriter.finish"),
    *("clients.git_history:History.commit", "clients.git_history:History.move"),
    *("clients.git_refs:write_refs@clients.git_history", "clients.files:write_atomic"),
    *("clients.git_near:_copy", "clients.git_near:_move", "clients.git_remote:Remote.push"),
    *("clients.git_remote:Remote._push_near", "clients.git_remote:Remote._push"),
    *("clients.git_remote:Remote._read_back", "clients.git_remote:Remote.fetch"),
    *("clients.git_lease:Lease.take", "clients.git_tidy:_pack", "clients.git_tidy:shorten"),
    *("kinds.synctarget.cache:FileCache.commit", "kinds.synctarget.job:Job.agree"),
    *("kinds.synctarget.job:Job.note", "kinds.synctarget.publish:Publishing.run"),
    *(f"clients.blobs_directory:DirectoryStore.{name}" for name in ("put", "fetch", "delete")),
    "kinds.synctarget.large.upload:Uploads.take",
    "kinds.synctarget.large.collect:collect@kinds.synctarget.backup",
]
"""What is written, packed, committed, pointed at, pushed, read back, noted, collected."""
LARGE = "large.", "blobs_directory:"
"""The boundaries of large files: the gate comes to one of them each time."""

OPERATOR = """
import asyncio, importlib, itertools, os, signal, sys, time
from pathlib import Path
from reconciler.clients import git_objects, git_tidy
from reconciler.testing.backup_worlds import LargeWorld

git_objects.FEW = 4       # packs are made all the time,
git_tidy.LOOSE = 64       # joined,
git_tidy.ROOM = 300_000   # and cleaned, with the past cut off
git_tidy.KEPT = 5
git_tidy.UNREACHED = "now"

def arm(boundary, moment, after):
    left = [after]
    def dies():
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    place, _, where = boundary.partition("@")
    module, _, path = place.partition(":")
    *above, name = path.split(".")
    owner = importlib.import_module("reconciler." + (where or module))
    for part in above:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    def before(*given, **named):
        if moment == "before":
            dies()
        return real(*given, **named)
    def plain(*given, **named):
        found = before(*given, **named)
        dies()
        return found
    async def waiting(*given, **named):
        found = await before(*given, **named)
        dies()
        return found
    wrapped = waiting if asyncio.iscoroutinefunction(real) else plain
    setattr(owner, name, before if moment == "before" else wrapped)

async def live(label, boundary, moment, after):
    world = LargeWorld(Path(sys.argv[1]), sys.argv[2])
    await world.settle()
    print("ready", flush=True)
    if boundary != "-":
        arm(boundary, moment, int(after))
    for count in itertools.count():
        world.write("app/data/count", f"{label}.{count}".encode())
        for part in range(count % 6 + 1):
            world.write(f"app/data/files/{part}", os.urandom(3000))
        world.write(f"app/data/wide/{count % 3}", os.urandom(60_000))
        world.write(f"app/data/large/{count % 3}", os.urandom(150_000))
        outcome = await world.look(due=True)
        status = world.drivers["Repository"]._folders.open("store").read("status/data") or {}
        if not outcome.failures and status.get("agreed"):
            print("acked", status["agreed"][1], flush=True)

for line in sys.stdin:  # each life is a process of its own, born ready
    pid = os.fork()
    if not pid:
        asyncio.run(live(*line.split()))
    print("born", pid, flush=True)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Ledger:
    """What one operator after the other said, and how long the next one took to be ready."""

    def __init__(self, world: LargeWorld) -> None:
        self.world = world
        self.said: list[str] = []
        self.slowest = 0.0
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", OPERATOR, str(world.folder), THRESHOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, told: str, seconds: float) -> None:
        """One operator lives until it is killed."""
        nursery, began, killer = self._nursery, time.monotonic(), None
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        nursery.stdin.write(told + "\n")
        nursery.stdin.flush()
        pid, line = 0, [""]
        while line[0] != "ended":
            line = nursery.stdout.readline().split()
            if line[0] == "born":
                pid = int(line[1])
            elif line[0] == "ready":
                self.slowest = max(self.slowest, time.monotonic() - began)
                killer = threading.Timer(seconds, _kill, (pid,))
                killer.start()
            elif line[0] == "acked":
                self.said.append(line[1])
        if killer is not None:
            killer.cancel()
        assert line == ["ended", str(-signal.SIGKILL)], told

    def close(self) -> None:
        """No more are born."""
        self._nursery.communicate()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _demand_kept(world: LargeWorld, said: list[str]) -> None:
    """Each tree is in the history of the remote, whole; and the newest one restores."""
    clone = world.folder / "clone.git"
    git(world.folder, "clone", "--quiet", "--bare", "--no-local", str(world.bare), str(clone))
    git(clone, "fsck", "--strict", "--full")
    there = git(clone, "log", "-m", "--raw", "--no-abbrev", "-t", "--format=", "main").decode()
    kept = {line.split()[3] for line in there.splitlines() if line.endswith("\tapp/data")}
    assert kept >= {*said}
    shutil.rmtree(clone)
    asyncio.run(world.files_elsewhere())  # the newest, large files too: each checked by its hash


def _lives() -> Iterator[tuple[str, float]]:
    """Which boundary, before or after it, at which time of reaching it; for how long at most."""
    dice = random.Random()
    places = [(boundary, moment) for boundary in BOUNDARIES for moment in ("before", "after")]
    if not SOAK:
        large = [place for place in places if any(part in place[0] for part in LARGE)]
        places = [*dice.sample(places, 3), dice.choice(large)]
    for boundary, moment in places * (8 if SOAK else 1):
        yield f"{boundary} {moment} {dice.randrange(4)}", 3.0
    for _ in range(500 - 8 * len(places) if SOAK else 2):
        yield "- - 0", dice.uniform(0.0, 1.0)


@pytest.fixture
def world(stack_dir: Path) -> Iterator[LargeWorld]:
    made = LargeWorld(stack_dir, THRESHOLD)
    yield made
    made.records.close()


@pytest.mark.timeout(3600)
def test_what_was_acknowledged_is_kept(world: LargeWorld, stack_dir: Path) -> None:
    """Hundreds of killed backups: what was said to be kept restores, and no lock stops the next."""
    world.push_as_other("app/data/precious", b"restored")
    ledger = Ledger(world)
    for number, (told, seconds) in enumerate(_lives()):
        ledger.live(f"{number} {told}", seconds)
        if number % 20 == 0:
            _demand_kept(world, ledger.said)
    ledger.close()
    _demand_kept(world, ledger.said)
    assert ledger.said
    assert ledger.slowest < MINUTE, "a lock outlived its owner"
    world.restart(stack=False)
    asyncio.run(world.settle())
    assert not asyncio.run(world.look(due=True)).failures
    assert world.remote_branches() == ["main"]
    assert not list(world.store.rglob("*.lock"))
    before = world.files()
    assert asyncio.run(world.files_elsewhere()) == before
    large = [content for content in before.values() if len(content) > 100 * 1024]
    assert sorted(world.stored()) == sorted(large), "nothing is lost, nothing is left over"
    world.wipe()
    shutil.rmtree(stack_dir / "stack/state/repos")
    world.restart(stack=True)
    asyncio.run(world.settle())
    assert world.files() == before
    assert before["app/data/precious"] == b"restored"
    said = f"killed {number + 1}, acknowledged {len(ledger.said)}, all kept"
    sys.stdout.write(f"{said}; the next one was ready within {ledger.slowest:.1f} s\n")
