"""Whatever a remote holds: nothing is written elsewhere, nothing is run, what was here stays.

The remote is git behind nginx with a password; what it holds is made by hand, object by object.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients import git as git_client
from reconciler.clients import git_transfer
from reconciler.clients.git_objects import FILE, LINK, PROGRAM, TREE, ObjectStore, object_id
from reconciler.core.model import Ref
from reconciler.kinds.synctarget import restore
from reconciler.testing.backup_worlds import GitWorld, open_world
from reconciler.testing.git_server import git

DATA = Ref("SyncTarget", "data")
GITLINK = "160000"


@pytest.fixture
def world(stack_dir: Path) -> Iterator[GitWorld]:
    with open_world("nginx", stack_dir) as found:
        assert isinstance(found, GitWorld)
        yield found


class Forge:
    """Makes objects that no git would make."""

    def __init__(self, bare: Path) -> None:
        self._bare = bare
        self._store = ObjectStore(bare)

    def blob(self, content: bytes = b"hostile") -> str:
        return self._store.content("blob", content)

    def tree(self, *entries: tuple[str, str | bytes, str]) -> str:
        parts = [
            mode.encode()
            + b" "
            + (name if isinstance(name, bytes) else os.fsencode(name))
            + b"\0"
            + bytes.fromhex(id_)
            for mode, name, id_ in entries
        ]
        return self._store.content("tree", b"".join(parts))

    def publish(self, data: str) -> None:
        """Make ``data`` what the remote has of app/data/."""
        root = self.tree((TREE, "app", self.tree((TREE, "data", data))))
        who = "m <m@m> 1700000000 +0000"
        told = f"tree {root}\nauthor {who}\ncommitter {who}\n\nhostile\n"
        commit = self._store.content("commit", told.encode())
        self._store.settle()
        git(self._bare, "update-ref", "refs/heads/main", commit)


@pytest.fixture
def forge(world: GitWorld) -> Forge:
    return Forge(world.bare)


def outside(world: GitWorld) -> set[str]:
    """All there is, but for the target itself and where our own state lies."""
    ours = ("stack/", "remote/", "nginx/", "base/app/data/")
    found = (str(path.relative_to(world.folder)) for path in world.folder.rglob("*"))
    return {path for path in found if not path.startswith(ours)}


async def refused(world: GitWorld, reason: str) -> str:
    """Restore, and back up: both touch nothing and say why. The message."""
    world.write("app/data/live", b"good")
    before, tip = outside(world), git(world.bare, "rev-parse", "main")
    outcome = await world.settle()
    failure = outcome.failures[DATA]
    assert failure.reason == reason, failure
    assert not (await world.vitals())["meets"]
    await world.look(due=True)
    assert world.files() == {"app/data/live": b"good"}
    assert outside(world) == before
    assert git(world.bare, "rev-parse", "main") == tip
    return str(failure)


NAMES = [
    *("..", ".", ".git", ".GIT", ".git.", ".git ", "git~1", "GIT~1", ".git::$INDEX_ALLOCATION"),
    *(".g\u200cit", "\ufeff.git", "a\\.git", "../escape", "/etc/escape", ".git/hooks/x", "a//b"),
]


@pytest.mark.parametrize("name", NAMES)
async def test_path_that_leads_elsewhere(world: GitWorld, forge: Forge, name: str) -> None:
    """A name that is another folder, or git's own on any system, stops the restore."""
    blob = forge.blob()
    forge.publish(forge.tree((FILE, "fine", blob), (FILE, name, blob)))
    assert "no folder may have" in await refused(world, "BadPath")


async def test_folder_that_leads_elsewhere(world: GitWorld, forge: Forge) -> None:
    """Neither does a folder so named lead anywhere."""
    inner = forge.tree((PROGRAM, "post-checkout", forge.blob(b"#!/bin/sh\ntouch canary\n")))
    forge.publish(forge.tree((TREE, ".Git", forge.tree((TREE, "hooks", inner)))))
    await refused(world, "BadPath")


async def test_strange_mode(world: GitWorld, forge: Forge) -> None:
    """What is neither a file nor a folder nor a link is not guessed at."""
    forge.publish(forge.tree(("060000", "device", forge.blob())))
    await refused(world, "BadPath")


@pytest.mark.parametrize("target", [b"", b"a\0b"])
async def test_link_to_nowhere(world: GitWorld, forge: Forge, target: bytes) -> None:
    """A link that no system makes stops the restore before anything is put in place."""
    forge.publish(forge.tree((FILE, "a", forge.blob()), (LINK, "link", forge.blob(target))))
    await refused(world, "BadPath")


async def test_link_of_gigabytes(world: GitWorld, forge: Forge) -> None:
    """A link's target is read only when it is one."""
    forge.publish(forge.tree((LINK, "link", forge.blob(b"x" * 5_000_000))))
    await refused(world, "TooLarge")


async def test_hooks_and_settings_are_files(world: GitWorld, forge: Forge) -> None:
    """Hooks, attributes and module lists are restored as what they are, and nobody heeds them."""
    canary = world.folder / "canary"
    script = forge.blob(f"#!/bin/sh\ntouch {canary}\n".encode())
    hooks = forge.tree((PROGRAM, "post-checkout", script), (PROGRAM, "pre-push", script))
    settings = forge.blob(f"[core]\n\thooksPath = hooks\n\tfsmonitor = touch {canary}\n".encode())
    modules = forge.blob(b'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% canary\n')
    attributes = forge.blob(b"* filter=evil\n")
    forge.publish(
        forge.tree(
            (FILE, ".gitattributes", attributes),
            (FILE, ".gitmodules", modules),
            (FILE, "config", settings),
            (TREE, "hooks", hooks),
        )
    )
    assert not (await world.settle()).failures
    assert len(world.files()) == 5
    world.write("app/data/new", b"x")
    assert not (await world.look(due=True)).failures
    assert not list(world.folder.rglob("canary"))


async def test_repository_inside_is_left_out(
    world: GitWorld, forge: Forge, caplog: pytest.LogCaptureFixture
) -> None:
    """A gitlink, as ``git add`` leaves it for a folder with a .git, is named; all else comes."""
    forge.publish(
        forge.tree((FILE, "a", forge.blob(b"kept")), (GITLINK, "plugin", "1" * 40)),
    )
    assert not (await world.settle()).failures
    assert world.files() == {"app/data/a": b"kept"}
    assert "plugin" in caplog.text
    world.write("app/data/plugin/code.py", b"now it is kept")
    assert not (await world.look(due=True)).failures
    assert world.remote_files()["app/data/plugin/code.py"] == b"now it is kept"


async def test_link_out_of_the_tree_stays_a_link(world: GitWorld, forge: Forge) -> None:
    """A link that leads out is a link; what a later backup has below it goes into a folder."""
    away = world.folder / "away"
    away.mkdir()
    forge.publish(forge.tree((LINK, "sub", forge.blob(os.fsencode(away)))))
    assert not (await world.settle()).failures
    assert (world.base / "app/data/sub").readlink() == away
    forge.publish(forge.tree((TREE, "sub", forge.tree((FILE, "a", forge.blob(b"inside"))))))
    world.restart(stack=True)
    (world.base / "app/data").rename(world.base / "app/moved")  # another folder: it is restored
    (world.base / "app/data").mkdir()
    (world.base / "app/data/sub").symlink_to(away)
    assert not (await world.settle()).failures
    assert not (world.base / "app/data/sub").is_symlink()
    assert (world.base / "app/data/sub/a").read_bytes() == b"inside"
    assert not list(away.iterdir())


async def test_one_name_twice(world: GitWorld, forge: Forge) -> None:
    """A tree that has a link and a folder of one name leads nowhere either."""
    away = world.folder / "away"
    away.mkdir()
    below = forge.tree((FILE, "a", forge.blob(b"x")))
    forge.publish(
        forge.tree((LINK, "sub", forge.blob(os.fsencode(away))), (TREE, "sub", below)),
    )
    await world.settle()
    assert not list(away.iterdir())


async def test_names_that_differ_in_case(world: GitWorld, forge: Forge) -> None:
    """Where names that differ in case are two files, both come back."""
    forge.publish(forge.tree((FILE, "A", forge.blob(b"1")), (FILE, "a", forge.blob(b"2"))))
    assert not (await world.settle()).failures
    assert world.files() == {"app/data/A": b"1", "app/data/a": b"2"}


async def test_tree_without_end(
    world: GitWorld, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kilobytes that unpack to a billion files are refused, and cost little."""
    if os.environ.get("RECONCILER_SOAK") != "1":
        monkeypatch.setattr("reconciler.clients.git_history.MOST", 20_000)
    tree = forge.tree((FILE, "f", forge.blob()))
    for _ in range(9):
        tree = forge.tree(*((TREE, f"d{number}", tree) for number in range(10)))
    forge.publish(tree)
    assert "more files" in await refused(world, "TooLarge")


async def test_tree_of_too_many(
    world: GitWorld, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One folder of more names than any backup has is refused before they are all in memory."""
    monkeypatch.setattr("reconciler.clients.git_history.MOST", 1000)
    blob = forge.blob()
    forge.publish(forge.tree(*((FILE, f"{number:04}", blob) for number in range(2000))))
    await refused(world, "TooLarge")


async def test_tree_too_deep(world: GitWorld, forge: Forge) -> None:
    """Folders in folders without end are refused."""
    tree = forge.tree((FILE, "f", forge.blob()))
    for _ in range(500):
        tree = forge.tree((TREE, "d", tree))
    forge.publish(tree)
    assert "deep" in await refused(world, "TooLarge")


async def test_hostile_change_beside_a_backup(world: GitWorld, forge: Forge) -> None:
    """A remote that becomes hostile later stops backups with a reason; what is here stays."""
    world.write("app/data/a", b"one")
    await world.back_up()
    tree = forge.tree((FILE, "f", forge.blob()))
    for _ in range(500):
        tree = forge.tree((TREE, "d", tree))
    forge.publish(tree)
    world.write("app/data/a", b"two")
    failure = (await world.look(due=True)).failures[DATA]
    assert failure.reason == "TooLarge"
    assert world.files() == {"app/data/a": b"two"}
    assert await world.health() == ("Degraded", "TooLarge")


async def test_more_than_the_disk_holds(
    world: GitWorld, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is small on the way and large on the disk is refused before it is begun."""
    forge.publish(forge.tree((FILE, "zeros", forge.blob(bytes(50_000_000)))))
    monkeypatch.setattr(restore, "free_space", lambda _: 60_000_000)
    message = await refused(world, "DiskFull")
    assert "60000000 are free" in message
    monkeypatch.undo()
    await world.settle()
    assert (world.base / "app/data/zeros").stat().st_size == 50_000_000


async def test_pack_larger_than_the_disk(
    world: GitWorld, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transfer ends when it has taken what room there is, and leaves nothing behind."""
    forge.publish(forge.tree((FILE, "noise", forge.blob(os.urandom(3_000_000)))))
    monkeypatch.setattr(git_transfer, "free_space", lambda _: 0)
    monkeypatch.setattr(git_transfer, "RESERVE", 1_000_000)
    await refused(world, "TooLarge")
    assert not list(world.store.rglob("tmp_*"))


def _number(value: int) -> bytes:
    """As packs write sizes: seven bits at a time, the lowest first."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _sha1(content: bytes) -> Any:
    return hashlib.sha1(content, usedforsecurity=False)


def _head(kind: int, size: int) -> bytes:
    first = kind << 4 | size & 0xF
    return bytes([first | 0x80]) + _number(size >> 4)


def _delta_bomb(bare: Path, copies: int) -> tuple[str, str]:
    """A pack in which a few bytes stand for many copies of 16 MiB: ids of the base, the bomb."""
    base = bytes(16 << 20)
    base_id, whole = object_id("blob", base), _sha1(b"blob %d\0" % (copies * len(base)))
    for _ in range(copies):
        whole.update(base)
    copy = bytes([0xF0, 0xFF, 0xFF, 0xFF]) + bytes([0x90, 1])  # 0xffffff bytes of it, and one more
    delta = _number(len(base)) + _number(copies * len(base)) + copy * copies
    pack = b"PACK" + struct.pack(">II", 2, 2)
    pack += _head(3, len(base)) + zlib.compress(base)
    pack += _head(7, len(delta)) + bytes.fromhex(base_id) + zlib.compress(delta)
    pack += _sha1(pack).digest()
    subprocess.run(
        ["git", "index-pack", "--stdin"], cwd=bare, input=pack, check=True, capture_output=True
    )
    return base_id, whole.hexdigest()


async def test_delta_bomb(world: GitWorld, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack in which a few bytes ask for all the memory there is gets only what it may have."""
    monkeypatch.setattr(git_client, "MEMORY", 160 << 20)
    base, bomb = _delta_bomb(world.bare, 12)
    forge.publish(forge.tree((FILE, "base", base), (FILE, "bomb", bomb)))
    await refused(world, "TooLarge")


async def test_link_put_in_the_place_of_a_folder(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever swaps a folder for a link while it is looked at gets nothing from behind it."""
    secret = world.folder / "secret"
    secret.mkdir()
    (secret / "key").write_bytes(b"not for everybody")
    world.write("app/data/sub/key", b"mine")
    world.write("app/data/sub/deep/key", b"mine")
    sub = world.base / "app/data/sub"
    look, taken = Path.lstat, []

    def swap(self: Path) -> os.stat_result:
        found = look(self)
        if self in {sub, sub / "key"} and self not in taken:
            taken.append(self)
            if self == taken[-1] == sub / "key":
                sub.rename(world.folder / "away")
                sub.symlink_to(secret)
        return found

    monkeypatch.setattr(Path, "lstat", swap)
    await world.back_up()
    assert sub / "key" in taken
    assert b"not for everybody" not in git(world.bare, "log", "-p", "--all")
    monkeypatch.undo()
    await world.back_up()
    assert git(world.bare, "cat-file", "-p", "main:app/data").startswith(b"120000 blob")
