"""A stack of the original goes on here: its targets, its data, its repository."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.app import open_operator
from reconciler.clients.unlinked import STAGE, leads_into, mend, unlink
from reconciler.core.errors import Transient
from reconciler.kinds.synctarget import latch
from reconciler.settings import Settings
from reconciler.testing.git_server import Desk, git, make_bare, serving

from .conftest import Reconciler

CONFIG = {
    "targets": ["home/user/AstrBot/data/", "home/user/nginx/admin_config.json"],
    "excludes": ["home/user/AstrBot/data/memes_data", "elsewhere"],
}


class Original:
    """A machine of the original, which has just been stopped; its remote is behind HTTP."""

    def __init__(self, folder: Path, url: str) -> None:
        self.base, self.history = folder / "base", folder / "base/home/user/.astrbot-backup"
        self.remote = make_bare(folder / "remote" / "x.git")
        self.environ = {"BASE": str(self.base), "GITHUB_REPO": f"{url}/x.git", "GITHUB_PAT": "s3"}
        self.environ["GITHUB_USER"] = "me"
        kept = self.history / "home/user/AstrBot/data"
        (kept / "plugins").mkdir(parents=True)
        (kept / "cmd.json").write_text("{}")
        (kept / "link").symlink_to("cmd.json")
        (kept / "plugins" / ".gitkeep").touch()
        (self.history / "home/user/nginx").mkdir(parents=True)
        (self.history / "home/user/nginx/admin_config.json").write_text("{}")
        (self.history / "sync-config.json").write_text(json.dumps(CONFIG))
        (self.history / ".lfs").mkdir()
        (self.history / ".lfs/manifest.json").write_text('{"version": 2, "files": {}}')
        git(self.history, "init", "--quiet", "--initial-branch=main")
        git(self.history, "add", "--all")
        git(self.history, "commit", "--quiet", "-m", "chore(sync): periodic commit")
        git(self.history, "remote", "add", "origin", str(self.remote))
        git(self.history, "push", "--quiet", "--set-upstream", "origin", "main")
        for path in ("home/user/AstrBot/data", "home/user/nginx/admin_config.json"):
            (self.base / path).parent.mkdir(parents=True, exist_ok=True)
            (self.base / path).symlink_to(self.history / path)

    @property
    def data(self) -> Path:
        return self.base / "home/user/AstrBot/data"

    def head(self) -> str:
        return git(self.remote, "rev-parse", "main").decode().strip()


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Original]:
    with serving(Desk(tmp_path / "remote", password="s3")) as server:
        made = Original(tmp_path, server.url)
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made


def stack_of(stack_dir: Path) -> Settings:
    return Settings(stack_dir / "specs", stack_dir, stack_start="1", environ=dict(os.environ))


async def converge(stack_dir: Path) -> Any:
    async with open_operator(stack_of(stack_dir)) as (operator, _):
        await operator.reload()
        for _ in range(3):
            await operator.lanes[1].settle()
        return await operator.status()


def test_all_of_it(original: Original, stack_dir: Path, reconciler: Reconciler) -> None:
    """Targets become specs, links become data, and the first backup is the next commit."""
    (stack_dir / "specs").mkdir()
    said = reconciler("import", str(original.history / "sync-config.json"), "--write")
    assert said.code == 0, said.err
    assert "elsewhere" in said.err
    text = (stack_dir / "specs" / "20-backup.yaml").read_text()
    assert "s3" not in text
    assert "{from: {env: GITHUB_PAT}}" in text
    (original.data / "cmd.json").write_text('{"newer": "than the last push"}')
    before = original.head()
    said = reconciler("sync", "adopt", str(original.history), "--dry-run")
    assert (said.code, original.data.is_symlink()) == (0, True)
    said = reconciler("sync", "adopt", str(original.history))
    assert said.code == 0, said.out + said.err
    assert f"goes on from {before[:8]}" in " ".join(said.out.split())
    assert not original.data.is_symlink()
    assert (original.data / "link").readlink() == Path("cmd.json")
    assert (original.history / "home/user/AstrBot/data/cmd.json").exists()

    status = asyncio.run(converge(stack_dir))
    target = next(one for one in status["resources"] if one["ref"] == "SyncTarget/astrbot-data")
    assert target["health"]["code"] == "Healthy", target
    assert json.loads((original.data / "cmd.json").read_text()) == {"newer": "than the last push"}
    path = "main:home/user/AstrBot/data/cmd.json"
    assert b"newer" in git(original.remote, "show", path)
    assert git(original.remote, "merge-base", before, "main").decode().strip() == before
    assert git(original.remote, "show", "main:.lfs/manifest.json")
    branches = git(original.remote, "for-each-ref", "--format=%(refname)", "refs/heads")
    assert branches.decode().split() == ["refs/heads/main"], "nothing clashed"


def refuse(*_: object) -> None:
    raise OSError(errno.ENOTSUP, "not supported")


def test_without_attributes(
    original: Original,
    stack_dir: Path,
    reconciler: Reconciler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file system that keeps no attributes (many tmpfs, overlays) loses nothing: a file marks."""
    monkeypatch.setattr(os, "setxattr", refuse)
    (stack_dir / "specs").mkdir()
    assert reconciler("import", str(original.history / "sync-config.json"), "--write").code == 0
    (original.data / "cmd.json").write_text('{"newer": "than the last push"}')
    said = reconciler("sync", "adopt", str(original.history))
    assert said.code == 0, said.out
    asyncio.run(converge(stack_dir))
    assert json.loads((original.data / "cmd.json").read_text()) == {"newer": "than the last push"}
    names = git(original.remote, "ls-tree", "-r", "--name-only", "main").decode()
    assert "reconciler-restore" not in names
    assert any(one.name.startswith(".reconciler-restore-.") for one in original.data.iterdir())


def test_without_marks(
    original: Original,
    stack_dir: Path,
    reconciler: Reconciler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a folder takes no mark the first start restores: that is said, and how not."""
    monkeypatch.setattr(os, "setxattr", refuse)
    monkeypatch.setattr(latch, "_write_mark", lambda *_: False)
    (stack_dir / "specs").mkdir()
    assert reconciler("import", str(original.history / "sync-config.json"), "--write").code == 0
    (original.base / "home/user/nginx/admin_config.json").unlink()
    said = reconciler("sync", "adopt", str(original.history))
    text = " ".join(said.out.split())
    assert "the repository has nothing of it" not in text
    assert "no mark can be put on it" in text
    assert f"is not there yet; {original.head()[:8]} is restored at the first start" in text
    assert said.code == 1


def test_refusals(original: Original, stack_dir: Path, reconciler: Reconciler) -> None:
    """What it does not understand it leaves alone, and says what to do."""
    (stack_dir / "specs").mkdir()
    assert "no repository" in reconciler("sync", "adopt", str(stack_dir)).err
    assert "no SyncTarget" in reconciler("sync", "adopt", str(original.history)).err
    assert original.data.is_symlink()


def test_a_copy_that_is_not_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes meanwhile is noticed, and the link stays."""
    source, link = tmp_path / "history" / "data", tmp_path / "data"
    source.mkdir(parents=True)
    (source / "a").write_text("one")
    link.symlink_to(source)
    import shutil

    copy = shutil.copy2

    def late(src: str, dst: str, *, follow_symlinks: bool = True) -> None:
        copy(src, dst, follow_symlinks=follow_symlinks)
        Path(src).write_text("two")

    monkeypatch.setattr(shutil, "copy2", late)
    with pytest.raises(Transient, match="while it was copied"):
        unlink(link)
    assert leads_into(link, tmp_path / "history")
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(STAGE)] == []


def test_cut_short(tmp_path: Path) -> None:
    """Killed between its two renames, the next one puts the link back and begins anew."""
    source, link = tmp_path / "history" / "data", tmp_path / "data"
    source.mkdir(parents=True)
    (source / "a").write_text("one")
    (tmp_path / f"{STAGE}link-data").symlink_to(source)
    mend(link)
    assert leads_into(link, tmp_path / "history")
    unlink(link)
    assert (link / "a").read_text() == "one"
    assert not link.is_symlink()
    mend(link)
    assert (link / "a").read_text() == (source / "a").read_text() == "one"
