"""SyncTarget on real files with real git: what is kept, how it comes back, what stops it."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from reconciler.clients.git_objects import ObjectStore
from reconciler.core.errors import Waiting
from reconciler.core.model import Ref
from reconciler.kinds.synctarget import stamp, take
from reconciler.testing import eventually
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

DATA = Ref("SyncTarget", "data")


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


def folder(world: GitWorld) -> Path:
    found = world.base / "app" / "data"
    found.mkdir(parents=True, exist_ok=True)
    return found


async def start_anew(world: GitWorld) -> None:
    """The machine is another: only the remote is left."""
    world.wipe()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    assert (await world.settle()).plan.in_sync


async def reasons(world: GitWorld) -> dict[str, str]:
    return {one["path"]: one["reason"] for one in (await world.vitals())["skipped"]}


async def test_odd_names_come_back(world: GitWorld) -> None:
    """Any name a file system allows is kept and restored byte for byte."""
    names = [
        "a b",
        "ünï",
        "new\nline",
        "[br]{ac}*?",
        "-dash",
        '"quoted"',
        "my.github.io/x",
        "\\",
        ":(top)",
    ]
    for name in names:
        world.write(f"app/data/{name}", name.encode())
    raw = b"\xff\xfe"
    world.write(f"app/data/{os.fsdecode(raw)}", b"raw")
    await world.back_up()
    before = world.files()
    assert len(before) == len(names) + 1
    await start_anew(world)
    assert world.files() == before


async def test_links_programs_and_empty_folders_come_back(world: GitWorld) -> None:
    """Links stay links, programs stay executable, empty folders stay."""
    data = folder(world)
    world.write("app/data/run.sh", b"#!/bin/sh\n")
    (data / "run.sh").chmod(0o755)
    (data / "dangling").symlink_to("/no/where")
    (data / "near").symlink_to("run.sh")
    (data / "empty" / "below").mkdir(parents=True)
    await world.back_up()
    await start_anew(world)
    assert (data / "run.sh").stat().st_mode & stat.S_IXUSR
    assert (data / "dangling").readlink() == Path("/no/where")
    assert (data / "near").is_symlink()
    assert (data / "empty" / "below").is_dir()


async def test_what_git_cannot_keep_is_said(world: GitWorld) -> None:
    """Sockets, pipes and repositories inside are named, and the rest is kept."""
    data = folder(world)
    os.mkfifo(data / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(data / "sock"))
        world.write("app/data/plugin/.git/HEAD", b"ref")
        world.write("app/data/plugin/code.py", b"x")
        await world.back_up()
    assert await reasons(world) == {
        "pipe": "Special",
        "sock": "Special",
        "plugin/.git": "NestedGit",
    }
    assert world.remote_files() == {"app/data/plugin/code.py": b"x"}


async def test_too_large_keeps_the_last_version(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grew too large is said, and the version that fitted stays in the backup."""
    monkeypatch.setattr(take, "LIMIT", 10)
    world.write("app/data/grows", b"small")
    world.write("app/data/huge", b"x" * 100)
    await world.back_up()
    world.write("app/data/grows", b"y" * 100)
    world.write("app/data/other", b"new")
    await world.back_up()
    assert world.remote_files() == {"app/data/grows": b"small", "app/data/other": b"new"}
    assert await reasons(world) == {"grows": "TooLarge", "huge": "TooLarge"}
    assert await world.health() == ("Degraded", "Incomplete")


async def test_unchanged_files_are_not_read(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look reads only what changed, also in a new operator."""
    monkeypatch.setattr(take, "RACY", -1.0)
    for name in "abc":
        world.write(f"app/data/{name}", name.encode())
    await world.back_up()
    world.restart(stack=False)
    world.write("app/data/b", b"changed")
    read: list[int] = []
    blob = ObjectStore.blob

    def count(self: ObjectStore, source: BinaryIO, size: int) -> str:
        read.append(size)
        return blob(self, source, size)

    monkeypatch.setattr(ObjectStore, "blob", count)
    await world.back_up()
    assert read == [len(b"changed")]
    assert world.remote_files()["app/data/b"] == b"changed"


async def test_same_size_and_moment_is_noticed(world: GitWorld) -> None:
    """A change right after a backup is seen even if size and time look the same."""
    for content in (b"one", b"two", b"six"):
        world.write("app/data/a", content)
        await world.back_up()
        assert world.remote_files() == {"app/data/a": content}


async def test_file_changing_while_read_is_read_again(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is the file as it was at one moment."""
    world.write("app/data/a", b"old" * 1000)
    blob = ObjectStore.blob
    tries: list[int] = []

    def meddle(self: ObjectStore, source: BinaryIO, size: int) -> str:
        if not tries:
            world.write("app/data/a", b"new")
        tries.append(size)
        return blob(self, source, size)

    monkeypatch.setattr(ObjectStore, "blob", meddle)
    await world.back_up()
    assert tries[:2] == [3000, 3]
    assert world.remote_files() == {"app/data/a": b"new"}


async def test_put_aside_files_can_be_found(world: GitWorld) -> None:
    """What a restore replaces lies in quarantine, and the status says where."""
    world.push_as_other("app/data/a", b"backup")
    world.write("app/data/a", b"default")
    world.write("app/data/deep/extra", b"extra")
    await world.settle()
    aside = Path((await world.vitals())["putAside"])
    assert aside.is_relative_to(world.folder / "stack" / "state" / "quarantine" / "data")
    assert (aside / "a").read_bytes() == b"default"
    assert (aside / "deep" / "extra").read_bytes() == b"extra"
    assert not (folder(world) / "deep").exists()


async def test_restore_does_not_follow_links(world: GitWorld) -> None:
    """A link where the backup has a folder is put aside: nothing is written through it."""
    world.push_as_other("app/data/sub/a", b"backup")
    outside = world.folder / "outside"
    outside.mkdir()
    (folder(world) / "sub").symlink_to(outside)
    await world.settle()
    assert not list(outside.iterdir())
    assert (folder(world) / "sub" / "a").read_bytes() == b"backup"


async def test_damaged_backup_touches_nothing(world: GitWorld) -> None:
    """While one file of a backup cannot be had, none is put in place, and no backup is taken."""
    world.push_as_other("app/data/a", b"good")
    world.push_as_other("app/data/b", b"bad")
    world.write("app/data/a", b"local")
    blob = git(world.bare, "rev-parse", "main:app/data/b").decode().strip()
    lost = world.bare / "objects" / blob[:2] / blob[2:]
    kept = lost.read_bytes()
    lost.chmod(0o600)
    lost.write_bytes(b"")
    outcome = await world.settle()
    assert outcome.failures[DATA]
    await world.look(due=True)
    assert world.files() == {"app/data/a": b"local"}
    lost.write_bytes(kept)
    await world.settle()
    assert world.files() == {"app/data/a": b"good", "app/data/b": b"bad"}


async def test_half_done_restore_is_finished(world: GitWorld) -> None:
    """A restore that was killed in the middle is completed by the next."""
    for name in "abc":
        world.push_as_other(f"app/data/{name}", name.encode())
    stage = folder(world) / ".reconciler-restore-data"
    stage.mkdir()
    (stage / "0").write_bytes(b"half")
    world.write("app/data/a", b"a")
    await world.settle()
    assert world.files() == {f"app/data/{name}": name.encode() for name in "abc"}


async def test_restored_files_are_private(world: GitWorld) -> None:
    """What comes back is its owner's alone."""
    world.push_as_other("app/data/deep/a", b"secret")
    await world.settle()
    assert stat.S_IMODE((folder(world) / "deep" / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder(world) / "deep").stat().st_mode) == 0o700


async def test_versions_taken_offline_reach_the_remote(world: GitWorld) -> None:
    """Copies taken while the remote was away are in its history afterwards, though it moved."""
    world.write("app/data/a", b"0")
    await world.back_up()
    world.push_as_other("elsewhere", b"theirs")
    world.reach(reachable=False)
    for version in (b"1", b"2", b"3"):
        world.write("app/data/a", version)
        await world.back_up()
    assert (await world.vitals())["unpushed"] == 3
    world.reach(reachable=True)
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"3", "elsewhere": b"theirs"}
    log = git(world.bare, "log", "--format=%H", "main").decode().split()
    seen = {git(world.bare, "show", f"{c}:app/data/a") for c in log}
    assert {b"1", b"2", b"3"} <= seen
    git(world.bare, "fsck", "--strict", "--full")


async def test_unpushed_copy_is_restored(world: GitWorld) -> None:
    """A path lost before its copy was pushed comes back from the copy."""
    world.write("app/data/a", b"0")
    await world.back_up()
    world.reach(reachable=False)
    world.write("app/data/a", b"1")
    await world.back_up()
    world.wipe()
    world.reach(reachable=True)
    await world.settle()
    assert world.files() == {"app/data/a": b"1"}


async def test_rewritten_remote_is_not_forced(world: GitWorld) -> None:
    """A remote whose history was replaced keeps its new history, and gets our path again."""
    world.write("app/data/a", b"ours")
    await world.back_up()
    await world.back_up()
    git(world.bare, "update-ref", "-d", "refs/heads/main")
    world.push_as_other("fresh", b"start")
    await world.look(due=True)
    await world.look(due=True)
    assert world.remote_files() == {"app/data/a": b"ours", "fresh": b"start"}
    world.write("app/data/a", b"again")
    await world.back_up()
    assert world.remote_files()["app/data/a"] == b"again"


async def test_resolved_conflict_goes_away(world: GitWorld) -> None:
    """Once a person put one version on the branch and here, all is well again."""
    world.write("app/data/a", b"base")
    await world.back_up()
    world.push_as_other("app/data/a", b"theirs")
    world.write("app/data/a", b"ours")
    await world.back_up()
    await world.back_up()
    assert len(world.remote_branches()) == 2
    world.push_as_other("app/data/a", b"ours")
    await world.back_up()
    assert await world.health() == ("Healthy", "BackedUp")
    world.write("app/data/a", b"more")
    await world.back_up()
    assert world.remote_files() == {"app/data/a": b"more"}


async def test_refused_push_is_said(world: GitWorld) -> None:
    """A push that the remote's rules refuse fails the backup, with the remote's words."""
    hook = world.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho too big for us >&2\nexit 1\n")
    hook.chmod(0o755)
    world.write("app/data/a", b"one")
    outcome = await world.back_up()
    assert outcome.failures[DATA].reason == "PushRefused"
    assert "too big for us" in str(outcome.failures[DATA])
    assert await world.health() == ("Degraded", "PushRefused")
    hook.unlink()
    await world.back_up()
    assert await world.health() == ("Healthy", "BackedUp")


async def test_file_saved_by_rename_stays_restored(world: GitWorld) -> None:
    """An editor that saves by renaming makes a new inode: no reason to restore the old version."""
    world.targets = {"data": {"repository": "store", "path": "app/one.json", "settle": "0s"}}
    world.write("app/one.json", b"1")
    await world.back_up()
    world.write("app/.tmp", b"2")
    (world.base / "app/.tmp").rename(world.base / "app/one.json")
    assert (await world.look()).plan.in_sync
    assert world.files() == {"app/one.json": b"2"}


async def test_another_folder_in_its_place_is_restored(world: GitWorld) -> None:
    """After a restart of everything a folder that is not the same one gets the backup."""
    world.write("app/data/a", b"mine")
    await world.back_up()
    world.wipe()
    world.write("app/data/a", b"default of the image")
    world.restart(stack=True)
    await world.settle()
    assert world.files() == {"app/data/a": b"mine"}


async def test_emptied_under_skip_is_not_kept(world: GitWorld) -> None:
    """With skip an emptied folder is said, and does not replace its backup."""
    world.targets["data"]["restore"] = {"onStart": "skip"}
    world.write("app/data/a", b"mine")
    await world.back_up()
    (folder(world) / "a").unlink()
    outcome = await world.look(due=True)
    assert outcome.failures[DATA].reason == "Emptied"
    assert world.remote_files() == {"app/data/a": b"mine"}


async def test_waits_for_quiet_but_not_for_ever(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup waits until writing has paused; a path that is never quiet is taken all the same."""
    world.targets["data"]["settle"] = "60s"
    await world.settle()
    world.write("app/data/a", b"busy")
    outcome = await world.look(due=True)
    assert isinstance(outcome.failures[DATA], Waiting)
    assert world.commits() == 0
    monkeypatch.setattr("reconciler.kinds.synctarget.backup.PATIENCE", 0.0)
    await world.look(due=True)
    assert world.commits() == 1


async def test_wrong_kind_of_path_is_said(world: GitWorld) -> None:
    """A folder written as a file is an error that says what to write."""
    world.targets["data"]["path"] = "app/data"
    world.write("app/data/a", b"x")
    outcome = await world.back_up()
    assert "end its path in /" in str(outcome.failures[DATA])


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_database_under_a_writer(world: GitWorld, mode: str) -> None:
    """A SQLite database that is written to all the time comes back whole."""
    path = folder(world) / "app.db"
    stop = threading.Event()
    wrote: list[int] = []
    writer = threading.Thread(target=_write, args=(path, mode, stop, wrote))
    writer.start()
    try:
        eventually(lambda: len(wrote) > 5)
        for _ in range(3):
            before = len(wrote)
            await world.back_up()
            eventually(lambda count=before: len(wrote) > count)
    finally:
        stop.set()
        writer.join()
    await world.back_up()
    assert set(world.remote_files()) == {"app/data/app.db"}
    await start_anew(world)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT sum(a), sum(b) FROM t").fetchone()[0] == len(wrote)
        assert db.execute("SELECT count(*) FROM t WHERE a <> b").fetchone() == (0,)


def _write(path: Path, mode: str, stop: threading.Event, wrote: list[int]) -> None:
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode={mode}")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("CREATE TABLE t (a, b, filler)")
        while not stop.wait(0.002):
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO t VALUES (1, 1, ?)", ("x" * 2000,))
            db.execute("COMMIT")
            wrote.append(1)


async def test_quiet_database_folder_is_left_as_it_was(world: GitWorld) -> None:
    """Taking a database leaves no log beside it, and an unchanged one makes no second version."""
    path = folder(world) / "app.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=wal")
        db.execute("CREATE TABLE t (a)")
        db.commit()
    before = world.files()
    await world.back_up()
    assert world.files() == before
    count = world.commits()
    os.utime(path)
    await world.back_up()
    assert world.commits() == count


async def test_stale_log_does_not_meet_a_restored_database(world: GitWorld) -> None:
    """The log of a replaced database goes aside with it: applied to another it would destroy it."""
    path = folder(world) / "app.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a)")
        db.execute("INSERT INTO t VALUES ('kept')")
        db.commit()
    await world.back_up()
    shutil.rmtree(folder(world))
    for suffix in ("", "-wal", "-shm", "-journal"):
        world.write(f"app/data/app.db{suffix}", b"other" * 1000)
    world.restart(stack=True)
    await world.settle()
    assert set(world.files()) == {"app/data/app.db"}
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT a FROM t").fetchone() == ("kept",)


async def test_file_that_only_says_it_is_a_database(world: GitWorld) -> None:
    """A file that is no database behind its header is said, and does not stop the rest."""
    world.write("app/data/fake.db", stamp.sqlite.HEADER + b"nonsense" * 100)
    world.write("app/data/a", b"one")
    await world.back_up()
    assert world.remote_files()["app/data/a"] == b"one"
    assert "fake.db" in world.remote_files().keys() | await reasons(world)


async def test_shared_paths_are_refused(world: GitWorld) -> None:
    """Of two targets that share a path the second is refused, with both names."""
    world.targets["inner"] = {"repository": "store", "path": "app/data/in/", "settle": "0s"}
    outcome = await world.settle()
    (failure,) = outcome.failures.values()
    assert "SyncTarget/inner" in str(failure)
    assert "SyncTarget/data" in str(failure)


async def test_overlapping_actions(world: GitWorld) -> None:
    """Many targets of one repository, backed up at once, all arrive."""
    names = [f"t{index}" for index in range(5)]
    world.targets = {
        name: {"repository": "store", "path": f"app/{name}/", "settle": "0s"} for name in names
    }
    for name in names:
        world.write(f"app/{name}/x", name.encode())
    outcome: Any = await world.back_up()
    assert not outcome.failures
    assert set(world.remote_files()) == {f"app/{name}/x" for name in names}


async def test_path_in_the_state_directory_is_refused(world: GitWorld) -> None:
    """Secrets lie there: such a target is refused until it is edited, and nothing is pushed."""
    world.repository["base"] = str(world.folder)
    world.targets = {"data": {"repository": "store", "path": "stack/state/", "settle": "0s"}}
    outcome = await world.look()
    for _ in range(3):
        outcome = await world.look()
    assert [error.reason for error in outcome.failures.values()] == ["PathRefused"]
    assert world.remote_files() == {}


async def test_command_makes_the_copy(world: GitWorld) -> None:
    """With snapshot: {exec} the backup is what a command left, and nothing of it stays behind."""
    script = world.folder / "dump.sh"
    script.write_text(
        '#!/bin/sh\nset -e\ntest -z "$GITHUB_PAT"\n'
        'tr a-z A-Z < "$RECONCILER_SOURCE/live" > "$RECONCILER_SNAPSHOT/dump"\n'
    )
    script.chmod(0o700)
    world.git.surroundings = {**os.environ, "GITHUB_PAT": "canary"}
    world.targets["data"]["snapshot"] = {"exec": [str(script)]}
    world.write("app/data/live", b"one")
    await world.back_up()
    assert world.remote_files() == {"app/data/dump": b"ONE"}
    count = world.commits()
    await world.back_up()
    assert world.commits() == count
    world.write("app/data/live", b"two")
    await world.back_up()
    assert world.remote_files() == {"app/data/dump": b"TWO"}
    assert not list((world.store / "reconciler" / "scratch").iterdir())
    await start_anew(world)
    assert world.files() == {"app/data/dump": b"TWO"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sh", "-c", "echo no room >&2; exit 3"], "no room"),
        (["true"], "left nothing"),
        (["./no-such-program"], "cannot run"),
    ],
)
async def test_command_that_fails_keeps_the_last_copy(
    world: GitWorld, command: list[str], said: str
) -> None:
    """A snapshot that failed is said with the command's words; the last backup stays."""
    world.targets["data"]["snapshot"] = {"exec": ["sh", "-c", "echo x >$RECONCILER_SNAPSHOT/a"]}
    await world.back_up()
    world.targets["data"]["snapshot"] = {"exec": command}
    outcome = await world.back_up()
    assert outcome.failures[DATA].reason == "SnapshotFailed"
    assert said in str(outcome.failures[DATA])
    assert world.remote_files() == {"app/data/a": b"x\n"}
    assert await world.health() == ("Degraded", "SnapshotFailed")
