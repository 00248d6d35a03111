"""Large files on real files with real git: pointers there, content in a store, and back again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import Transient
from reconciler.core.sealed import Sealed
from reconciler.kinds.synctarget import take
from reconciler.kinds.synctarget.actions import Verify
from reconciler.kinds.synctarget.large import collect
from reconciler.testing.backup_world import KEY
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git
from reconciler.testing.github import Exchange
from reconciler.testing.github import serving as serving_github
from reconciler.testing.github_hub import Hub

BIG = os.urandom(5000)
OTHER = os.urandom(6000)
MARKS = ".reconciler/large/data.json"


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    """Large is what has more than 4 KiB; the store is a folder."""
    with open_world("path", stack_dir) as found:
        assert isinstance(found, GitWorld)
        (stack_dir / "blobs").mkdir()
        keep_large(found, store="directory", directory=str(stack_dir / "blobs"))
        yield found


@pytest.fixture
def hub(world: GitWorld) -> Iterator[Hub]:
    """The store is a release, behind a token."""
    hub = Hub(token="canary-token")
    with serving_github(hub) as server:
        token = Sealed.of(hub.token, KEY)
        keep_large(world, store="release", api=server.url, repo=hub.repo, token=token)
        yield hub


def keep_large(world: GitWorld, **how: Any) -> None:
    how = {"threshold": "4Ki", "retries": 1, **how}
    world.targets["data"] = {**world.targets["data"], "largeFiles": how}


def blobs(world: GitWorld) -> dict[str, bytes]:
    """What lies in the folder, by the start of its hash."""
    top = world.folder / "blobs"
    return {p.name[:12]: p.read_bytes() for p in sorted(top.rglob("*")) if p.is_file()}


def start(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


async def start_anew(world: GitWorld) -> None:
    """The machine is another: only the remote and the store are left."""
    world.wipe()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    assert (await world.settle(8)).plan.in_sync


async def reasons(world: GitWorld) -> dict[str, str]:
    return {one["path"]: one["reason"] for one in (await world.vitals())["skipped"]}


def pointer(world: GitWorld, path: str = "app/data/big") -> dict[str, Any]:
    return json.loads(world.remote_files()[path])


async def test_large_goes_to_the_store_and_comes_back(world: GitWorld) -> None:
    """Git holds a pointer, the store the content, the disk what it always had."""
    world.write("app/data/big", BIG)
    world.write("app/data/small", b"x")
    await world.back_up()
    assert world.files() == {"app/data/big": BIG, "app/data/small": b"x"}
    assert blobs(world) == {start(BIG): BIG}
    told = pointer(world)
    assert told["type"] == "release-asset"
    assert (told["sha256"], told["size"]) == (hashlib.sha256(BIG).hexdigest(), len(BIG))
    assert await world.health() == ("Healthy", "BackedUp")
    await start_anew(world)
    assert world.files() == {"app/data/big": BIG, "app/data/small": b"x"}


async def test_unchanged_costs_nothing(world: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """No commit, no upload, not even a look at the store."""
    monkeypatch.setattr(take, "RACY", -1.0)
    world.write("app/data/big", BIG)
    await world.back_up()
    count, tip = world.commits(), git(world.bare, "rev-parse", "main")
    shutil.rmtree(world.folder / "blobs")
    for _ in range(2):
        await world.back_up()
    world.restart(stack=False)
    await world.back_up()
    assert (world.commits(), git(world.bare, "rev-parse", "main")) == (count, tip)
    assert await world.health() == ("Healthy", "BackedUp")


async def test_hashed_again_is_the_same_pointer(world: GitWorld) -> None:
    """A machine that knows nothing comes to the very same bytes: no commit, no second upload."""
    world.write("app/data/big", BIG)
    await world.back_up()
    await start_anew(world)
    tip = git(world.bare, "rev-parse", "main")
    await world.back_up()
    assert git(world.bare, "rev-parse", "main") == tip


async def test_failed_upload_publishes_nothing(world: GitWorld) -> None:
    """The last pointer stays, the file too, the others go on, and it is said."""
    world.write("app/data/big", BIG)
    await world.back_up()
    before = world.remote_files()["app/data/big"]
    (world.folder / "blobs").rename(world.folder / "away")
    world.write("app/data/big", OTHER)
    world.write("app/data/small", b"x")
    await world.back_up()
    assert world.remote_files() == {"app/data/big": before, "app/data/small": b"x"}
    assert world.files()["app/data/big"] == OTHER
    assert await reasons(world) == {"big": "UploadFailed"}
    assert await world.health() == ("Degraded", "UploadFailed")
    (world.folder / "away").rename(world.folder / "blobs")
    await world.back_up()
    assert pointer(world)["size"] == len(OTHER)
    assert await world.health() == ("Healthy", "BackedUp")


async def test_kept_pointer_stays_marked(world: GitWorld) -> None:
    """A pointer that stayed though its file could not be taken comes back as what it stood for."""
    world.write("app/data/big", BIG)
    await world.back_up()
    (world.folder / "blobs").rename(world.folder / "away")
    world.write("app/data/big", OTHER)
    world.write("app/data/small", b"x")
    await world.back_up()
    (world.folder / "away").rename(world.folder / "blobs")
    await start_anew(world)
    assert world.files() == {"app/data/big": BIG, "app/data/small": b"x"}


async def test_what_looks_like_a_pointer_is_a_file(world: GitWorld) -> None:
    """Nobody's own file is taken for a pointer, nor one that a stranger pushed."""
    world.write("app/data/big", BIG)
    await world.back_up()
    fake = world.remote_files()["app/data/big"]
    world.write("app/data/mine", fake)
    world.write("app/data/mine.pointer", fake)
    await world.back_up()
    world.push_as_other("app/data/theirs.pointer", fake)
    await start_anew(world)
    assert world.files() == {
        "app/data/big": BIG,
        "app/data/mine": fake,
        "app/data/mine.pointer": fake,
        "app/data/theirs.pointer": fake,
    }


async def test_versions_are_kept_and_no_more(world: GitWorld) -> None:
    """So many versions stay as are asked for, and what came back is never dropped."""
    world.targets["data"]["largeFiles"]["keepVersions"] = 2
    versions = [bytes([n]) * 5000 for n in range(4)]
    for content in versions[:3]:
        world.write("app/data/big", content)
        await world.back_up()
    assert set(blobs(world)) == {start(versions[1]), start(versions[2])}
    world.write("app/data/big", versions[1])
    await world.back_up()
    world.write("app/data/big", versions[3])
    await world.back_up()
    assert set(blobs(world)) == {start(versions[1]), start(versions[3])}
    await start_anew(world)
    assert world.files()["app/data/big"] == versions[3]


async def test_what_a_branch_needs_is_never_dropped(world: GitWorld) -> None:
    """A version that any branch has at its tip stays, however old it is."""
    world.targets["data"]["largeFiles"]["keepVersions"] = 1
    world.write("app/data/big", BIG)
    await world.back_up()
    git(world.bare, "branch", "conflict/there/1", "main")
    for content in (OTHER, BIG + b"1", BIG + b"2"):
        world.write("app/data/big", content)
        await world.back_up()
    assert set(blobs(world)) == {start(BIG), start(BIG + b"2")}


async def test_strangers_blobs_are_nobodys_garbage(world: GitWorld) -> None:
    """What others put into the same store stays."""
    stranger = world.folder / "blobs" / "theirs"
    stranger.write_bytes(b"x")
    world.targets["data"]["largeFiles"]["keepVersions"] = 1
    for content in (BIG, OTHER):
        world.write("app/data/big", content)
        await world.back_up()
    assert stranger.exists()
    assert set(blobs(world)) == {start(OTHER), "theirs"}


async def test_nothing_is_deleted_while_the_remote_is_unknown(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Garbage stays when it cannot be told what the branches need."""
    world.targets["data"]["largeFiles"]["keepVersions"] = 1
    world.write("app/data/big", BIG)
    await world.back_up()

    async def refuse(_: Any) -> set[str]:
        raise Transient("nobody there", reason="RemoteUnreachable")

    with monkeypatch.context() as patch:
        patch.setattr(collect, "_needed", refuse)
        world.write("app/data/big", OTHER)
        await world.back_up()
    assert set(blobs(world)) == {start(BIG), start(OTHER)}
    world.write("app/data/small", b"x")
    await world.back_up()
    assert set(blobs(world)) == {start(OTHER)}


async def test_crossing_the_threshold_both_ways(world: GitWorld) -> None:
    """A file that grows becomes a pointer, and a file again when it shrinks."""
    for content in (b"small", BIG, b"small again"):
        world.write("app/data/a", content)
        await world.back_up()
        await start_anew(world)
        assert world.files() == {"app/data/a": content}
    assert world.remote_files() == {"app/data/a": b"small again"}


async def test_a_database_is_one_moment_of_it(world: GitWorld) -> None:
    """A large database goes to the store as its backup interface gives it."""
    folder = world.base / "app" / "data"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "x.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (v)")
        db.executemany("INSERT INTO t VALUES (?)", [(os.urandom(500).hex(),) for _ in range(100)])
        db.commit()
        await world.back_up()
    await start_anew(world)
    with closing(sqlite3.connect(folder / "x.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM t").fetchone() == (100,)


async def test_modes_and_two_of_the_same(world: GitWorld) -> None:
    """Each path gets a file of its own, with its own permissions."""
    world.write("app/data/a", BIG)
    world.write("app/data/deep/b", BIG)
    (world.base / "app/data/deep/b").chmod(0o755)
    await world.back_up()
    assert len(blobs(world)) == 1
    await start_anew(world)
    one, two = (world.base / "app/data" / name for name in ("a", "deep/b"))
    assert one.read_bytes() == two.read_bytes() == BIG
    assert one.stat().st_ino != two.stat().st_ino
    assert two.stat().st_mode & 0o777 == 0o755


async def test_a_single_file(world: GitWorld) -> None:
    """A target may be one large file, and the remote still empty."""
    world.targets["data"]["path"] = "app/one.bin"
    world.write("app/one.bin", BIG)
    await world.back_up()
    assert pointer(world, "app/one.bin")["sha256"] == hashlib.sha256(BIG).hexdigest()
    world.wipe("app/one.bin")
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    await world.settle(8)
    assert world.files() == {"app/one.bin": BIG}


async def test_damaged_blob_touches_nothing(world: GitWorld) -> None:
    """Content that is not what the pointer says is not put in place, nor is anything else."""
    world.write("app/data/big", BIG)
    world.write("app/data/small", b"x")
    await world.back_up()
    (path,) = (p for p in (world.folder / "blobs").rglob("*") if p.is_file())
    path.write_bytes(BIG[:-1] + b"?")
    world.wipe()
    world.write("app/data/small", b"default")
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    await world.settle()
    assert world.files()["app/data/small"] == b"default"
    assert not (await world.vitals())["meets"]
    path.write_bytes(BIG)
    await world.settle(8)
    assert world.files()["app/data/big"] == BIG


async def test_lies_there_already(world: GitWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file that is right is not brought again."""
    world.write("app/data/big", BIG)
    await world.back_up()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    (world.folder / "blobs").rename(world.folder / "away")
    await world.settle(8)
    assert (await world.vitals())["meets"]
    assert (await world.vitals())["putAside"] is None


async def test_a_changed_large_file_is_put_aside(world: GitWorld) -> None:
    """The backup wins, and what lay there can be found."""
    world.write("app/data/big", BIG)
    await world.back_up()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.write("app/data/big", OTHER)
    world.restart(stack=True)
    await world.settle(8)
    assert world.files()["app/data/big"] == BIG
    assert (Path((await world.vitals())["putAside"]) / "big").read_bytes() == OTHER


async def test_both_sides_large_files_come_back(world: GitWorld) -> None:
    """A merge keeps the marks of what only the other side has."""
    world.write("app/data/big", BIG)
    await world.back_up()
    marks = json.loads(git(world.bare, "show", f"main:{MARKS}"))
    told = world.remote_files()["app/data/big"]
    marks["files"]["theirs"] = marks["files"]["big"]
    world.push_as_other(MARKS, json.dumps(marks).encode())
    world.push_as_other("app/data/theirs", told)
    world.write("app/data/other", OTHER)
    await world.back_up()
    await start_anew(world)
    assert world.files() == {
        "app/data/big": BIG,
        "app/data/theirs": BIG,
        "app/data/other": OTHER,
    }


@pytest.mark.parametrize("form", ["A", "C"])
async def test_pointers_of_earlier_tools(world: GitWorld, hub: Hub, form: str) -> None:
    """Both forms that others wrote come back, from a private repository, checked by their hash."""
    sha = hashlib.sha256(BIG).hexdigest()
    if form == "A":
        told = {
            "type": "release-asset",
            "repo": "me/backup",
            "release_tag": "blobs",
            "asset_name": f"{sha}-big file.bin",
            "asset_id": 1,
            "download_url": "https://evil.example/x",
            "original_path": "app/data/big file.bin",
            "size": len(BIG),
            "sha256": sha,
            "generated_at": "2025-01-01T00:00:00Z",
        }
        hub.add(f"{sha}-big.file.bin", BIG)  # the host writes a dot for the blank
    else:
        told = {
            "version": 1,
            "type": "lfs-pointer",
            "hash": f"sha256:{sha}",
            "size": len(BIG),
            "filename": "big file.bin",
            "release_tag": "large-files-v1",
            "asset_name": f"{sha[:12]}-big_file.bin",
        }
        hub.add(told["asset_name"], BIG, tag="large-files-v1")
    world.push_as_other("app/data/big file.bin.pointer", json.dumps(told).encode())
    world.push_as_other("app/data/odd.pointer", b'{"type": "release-asset"}')
    await world.settle(8)
    assert world.files() == {
        "app/data/big file.bin": BIG,
        "app/data/odd.pointer": b'{"type": "release-asset"}',
    }
    await world.back_up()
    assert set(world.remote_files()) == {"app/data/big file.bin", "app/data/odd.pointer"}
    await start_anew(world)
    assert world.files()["app/data/big file.bin"] == BIG


async def test_a_single_file_of_an_earlier_tool(world: GitWorld, hub: Hub) -> None:
    """A target that is one file comes back from the pointer beside its place, and goes on there."""
    world.targets["data"]["path"] = "app/one.bin"
    sha = hashlib.sha256(BIG).hexdigest()
    told = {"type": "lfs-pointer", "version": 1, "hash": f"sha256:{sha}", "size": len(BIG)}
    told |= {"filename": "one.bin", "release_tag": "old", "asset_name": f"{sha[:12]}-one.bin"}
    hub.add(f"{sha[:12]}-one.bin", BIG, tag="old")
    world.push_as_other("app/one.bin.pointer", json.dumps(told).encode())
    await world.settle(8)
    assert world.files() == {"app/one.bin": BIG}
    await world.drivers["SyncTarget"].apply(Verify("data", 1.0))
    world.write("app/one.bin", OTHER)
    world.restart(stack=True)
    await world.settle(8)
    assert world.files() == {"app/one.bin": OTHER}, "what lies here grew out of the backup"
    await world.back_up()
    assert pointer(world, "app/one.bin")["size"] == len(OTHER)
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.wipe("app/one.bin")
    world.restart(stack=True)
    await world.settle(8)
    assert world.files() == {"app/one.bin": OTHER}


async def test_a_single_file_beside_what_is_no_pointer(world: GitWorld) -> None:
    """A file of anybody's that is only called like a pointer stands for nothing."""
    world.targets["data"]["path"] = "app/one.bin"
    world.push_as_other("app/one.bin.pointer", b"{}")
    await world.settle(8)
    assert world.files() == {}
    assert (await world.vitals())["restore"]["result"] == "absent"


async def test_earlier_pointers_stay_until_there_is_a_new_one(world: GitWorld, hub: Hub) -> None:
    """What an earlier tool uploaded is not forgotten while it cannot be uploaded anew."""
    sha = hashlib.sha256(BIG).hexdigest()
    told = {
        "version": 1,
        "type": "lfs-pointer",
        "hash": f"sha256:{sha}",
        "size": len(BIG),
        "filename": "big",
        "release_tag": "old",
        "asset_name": f"{sha[:12]}-big",
    }
    hub.add(told["asset_name"], BIG, tag="old")
    world.push_as_other("app/data/big.pointer", json.dumps(told).encode())
    hub.fail("POST", *[refuse_all] * 99)
    await world.settle(8)
    world.write("app/data/small", b"x")
    await world.back_up()
    assert await world.health() == ("Degraded", "UploadFailed")
    assert pointer(world)["type"] == "lfs-pointer"
    await start_anew(world)
    assert world.files() == {"app/data/big": BIG, "app/data/small": b"x"}
    hub.faults.clear()
    await world.back_up()
    assert pointer(world)["type"] == "release-asset"


def refuse_all(exchange: Exchange) -> bool:
    exchange.tell(400, {"message": "no"})
    return True


async def test_a_release_end_to_end(world: GitWorld, hub: Hub) -> None:
    """More than one page of assets, an upload that was told as failed, and all comes back."""
    for number in range(105):
        hub.add(f"{number:012x}-other", b"x")
    world.write("app/data/big", BIG)
    world.write("app/data/more", OTHER)

    def done_but_502(exchange: Exchange) -> bool:
        exchange.tell, tell = lambda *_: None, exchange.tell  # type: ignore[method-assign]
        exchange.act()
        exchange.tell = tell  # type: ignore[method-assign]
        exchange.tell(502, b"bad gateway")
        return True

    hub.fail("POST", done_but_502)
    await world.back_up()
    assert await world.health() == ("Healthy", "BackedUp")
    assert f"{start(BIG)}-big" in hub.assets()
    assert hub.count("POST") == 2
    await start_anew(world)
    assert world.files() == {"app/data/big": BIG, "app/data/more": OTHER}
    before = len(hub.seen)
    await world.back_up()
    await world.back_up()
    assert all(one.method == "GET" for one in hub.seen[before:])


async def test_a_drill_fetches_from_the_store(world: GitWorld) -> None:
    """A drill proves the content of large files, not that of their pointers."""
    world.write("app/data/big", BIG)
    await world.back_up()
    await world.drivers["SyncTarget"].apply(Verify("data", 1.0))
    drill = (await world.vitals())["drill"]
    assert (drill["ok"], drill["bytes"]) == (True, len(BIG))
    (path,) = (p for p in (world.folder / "blobs").rglob("*") if p.is_file())
    path.write_bytes(OTHER[: len(BIG)])
    with pytest.raises(Transient, match="not what its pointer says"):
        await world.drivers["SyncTarget"].apply(Verify("data", 1.0))
    drill = (await world.vitals())["drill"]
    assert (drill["ok"], drill["path"]) == (False, "big")


async def test_secrets_lie_in_one_file(world: GitWorld, hub: Hub) -> None:
    """A store's own token is in a file that only we may read, and nowhere else."""
    world.write("app/data/big", BIG)
    await world.back_up()
    assert await world.health() == ("Healthy", "BackedUp")
    holding = [
        path
        for path in world.folder.rglob("*")
        if path.is_file() and hub.token.encode() in path.read_bytes()
    ]
    assert holding == [world.store / "reconciler" / "keys" / "data.json"]
    assert holding[0].stat().st_mode & 0o077 == 0
    holding[0].unlink()
    assert not (await world.look()).plan.in_sync
    assert (await world.settle()).plan.in_sync
    assert holding[0].exists()
    world.targets.clear()
    await world.settle()
    assert not holding[0].exists()


async def test_a_broken_restore_goes_on(world: GitWorld, hub: Hub) -> None:
    """What was brought before the connection broke is not asked for again."""
    world.write("app/data/big", BIG)
    await world.back_up()

    def cut(exchange: Exchange) -> bool:
        if "/assets/" not in exchange.path_only:
            return False
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(len(BIG)))
        exchange.end_headers()
        exchange.wfile.write(BIG[:3000])
        exchange.hang_up()
        return True

    world.wipe()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    for _ in range(4):
        hub.fail("GET", cut)
    await world.settle(8)
    assert world.files() == {"app/data/big": BIG}
    ranges = [one.headers["Range"] for one in hub.seen if "Range" in one.headers]
    assert ranges == ["bytes=3000-"]


async def test_without_a_store_nothing_is_lost(world: GitWorld) -> None:
    """A backup with pointers is not restored as text when the spec names no store."""
    world.write("app/data/big", BIG)
    await world.back_up()
    how = world.targets["data"].pop("largeFiles")
    world.wipe()
    shutil.rmtree(world.folder / "stack" / "state" / "repos")
    world.restart(stack=True)
    await world.settle()
    assert world.files() == {}
    assert (await world.vitals())["error"]["reason"] == "LargeFilesMissing"
    world.targets["data"]["largeFiles"] = how
    await world.settle(8)
    assert world.files() == {"app/data/big": BIG}


async def test_what_a_command_leaves_goes_in_one_go(world: GitWorld, hub: Hub) -> None:
    """A command runs once for a backup, and its large file starts even an empty repository."""
    script = world.folder / "dump"
    line = f"echo >> {world.folder}/runs; cp {world.folder}/dump.bin $RECONCILER_SNAPSHOT/big"
    script.write_text(f"#!/bin/sh\n{line}\n")
    script.chmod(0o755)
    (world.folder / "dump.bin").write_bytes(BIG)
    world.targets["data"]["snapshot"] = {"exec": [str(script)]}
    world.write("app/data/live", b"x")
    await world.settle()
    runs, tip = (world.folder / "runs").read_text(), git(world.bare, "rev-parse", "main")
    assert pointer(world)["size"] == len(BIG)
    assert world.commits() == 2  # the empty one, for the release
    await world.look(due=True)
    assert (world.folder / "runs").read_text() == runs + "\n"
    assert git(world.bare, "rev-parse", "main") == tip
    assert hub.assets() == {f"{start(BIG)}-big": BIG}
