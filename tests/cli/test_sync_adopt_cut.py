"""An adoption that is cut short, or that something is in the way of, loses nothing."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from reconciler.clients import unlinked
from reconciler.core.errors import Transient
from reconciler.kinds.synctarget import adopted
from reconciler.kinds.synctarget.job import Job
from reconciler.testing.git_server import git

from .conftest import Reconciler
from .test_sync_adopt import Original, converge
from .test_sync_adopt import original as original  # noqa: PLC0414 (a fixture)

NEWER = {"newer": "than the last push"}


class Killed(BaseException):
    """The command dies."""


def die(*_: Any, **__: Any) -> NoReturn:
    raise Killed


@pytest.fixture
def imported(original: Original, stack_dir: Path, reconciler: Reconciler) -> Original:
    """Its specs are here, and its data is newer than its last push."""
    (stack_dir / "specs").mkdir()
    assert reconciler("import", str(original.history / "sync-config.json"), "--write").code == 0
    (original.data / "cmd.json").write_text(json.dumps(NEWER))
    return original


def here(original: Original) -> Any:
    return json.loads((original.data / "cmd.json").read_text())


@pytest.mark.parametrize("point", ["swap", "fetch", "agree", "resolve"])
def test_killed(  # noqa: PLR0917 (fixtures)
    imported: Original,
    stack_dir: Path,
    reconciler: Reconciler,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
) -> None:
    """Wherever it ends, the next start puts nothing older in place; said again, it is done."""
    where = {"swap": (Path, "rename"), "fetch": (adopted, "_fetch"), "agree": (Job, "agree")}
    with monkeypatch.context() as patch:
        patch.setattr(*where.get(point, (adopted, "resolve")), die)
        with pytest.raises(BaseException) as ended:
            reconciler("sync", "adopt", str(imported.history))
        assert "Killed" in repr(ended.value)
    asyncio.run(converge(stack_dir))
    assert here(imported) == NEWER
    assert not list((stack_dir / "state" / "quarantine").rglob("cmd.json"))
    said = reconciler("sync", "adopt", str(imported.history))
    assert said.code == 0, said.out + said.err
    asyncio.run(converge(stack_dir))
    assert here(imported) == NEWER
    assert b"newer" in git(imported.remote, "show", "main:home/user/AstrBot/data/cmd.json")


def test_said_again_after_a_backup(
    imported: Original, stack_dir: Path, reconciler: Reconciler
) -> None:
    """As for files that could not be fetched: nothing that was agreed on since is taken back."""
    assert reconciler("sync", "adopt", str(imported.history)).code == 0
    asyncio.run(converge(stack_dir))
    (imported.data / "cmd.json").write_text('{"newest": 1}')
    said = reconciler("sync", "adopt", str(imported.history))
    assert said.code == 0, said.out + said.err
    assert here(imported) == {"newest": 1}
    asyncio.run(converge(stack_dir))
    assert here(imported) == {"newest": 1}
    assert not list((stack_dir / "state" / "quarantine").rglob("cmd.json"))
    branches = git(imported.remote, "for-each-ref", "--format=%(refname)", "refs/heads").decode()
    assert branches.split() == ["refs/heads/main"]


def test_killed_between_the_renames(
    imported: Original, stack_dir: Path, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While neither the link nor the data is in place, no start makes anything there."""
    rename = Path.rename

    def cut(path: Path, target: Path) -> Path:
        if path.name == f"{unlinked.STAGE}copy-data":
            raise Killed
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut)
        patch.setattr(unlinked, "_mend", lambda _: None)
        with pytest.raises(BaseException):  # noqa: B017 (in groups, by the loop)
            reconciler("sync", "adopt", str(imported.history))
    assert not os.path.lexists(imported.data)
    status = asyncio.run(converge(stack_dir))
    target = next(one for one in status["resources"] if one["ref"] == "SyncTarget/astrbot-data")
    assert "say it again" in json.dumps(target)
    assert not os.path.lexists(imported.data)
    assert reconciler("sync", "adopt", str(imported.history)).code == 0
    assert here(imported) == NEWER


def test_a_read_only_folder(
    imported: Original, stack_dir: Path, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told for the one target, also where only a link to nothing is to go; others go on."""
    refused = imported.base / "home/user/AstrBot"
    real = {name: getattr(Path, name) for name in ("rename", "unlink")}

    def guarded(name: str) -> Any:
        def call(path: Path, *rest: Any, **more: Any) -> Any:
            if path.parent == refused:
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            return real[name](path, *rest, **more)

        return call

    with monkeypatch.context() as patch:
        for name in real:
            patch.setattr(Path, name, guarded(name))
        said = reconciler("sync", "adopt", str(imported.history))
    text = " ".join(said.out.split())
    assert (said.code, said.err.count("unexpected")) == (1, 0), said.err
    assert "Read-only file system" in text
    assert f"goes on from {imported.head()[:8]}" in text
    assert imported.data.is_symlink()
    assert not (imported.base / "home/user/nginx/admin_config.json").is_symlink()
    asyncio.run(converge(stack_dir))
    assert here(imported) == NEWER


def test_an_unreadable_folder(
    imported: Original, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not one without pointers: that is told, and the others go on."""
    scandir = os.scandir

    def guarded(path: Any = ".") -> Any:
        if os.fspath(path) == str(imported.data / "plugins"):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return scandir(path)

    resolve = adopted.resolve

    async def late(job: Job) -> tuple[str, ...]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", guarded)
            return await resolve(job)

    monkeypatch.setattr(adopted, "resolve", late)
    said = reconciler("sync", "adopt", str(imported.history))
    text = " ".join(said.out.split())
    assert said.code == 1
    assert "plugins: Permission denied; let the user this runs as read it" in text
    assert "goes on from" in text


def test_a_link_that_cannot_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that leads to nothing is refused like any other."""
    link = tmp_path / "data"
    link.symlink_to(tmp_path / "gone")

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    for work in (unlinked.unlink, unlinked.mend):
        with pytest.raises(Transient, match="Read-only file system"):
            work(link)
