"""What the originals wrote, era by era, goes on here: from git behind nginx, and from releases."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.app import open_operator
from reconciler.settings import Settings
from reconciler.testing.git_nginx import serving_with_nginx
from reconciler.testing.git_server import files_of, git, make_bare
from reconciler.testing.github import serving as serving_github
from reconciler.testing.github_hub import Hub

from .conftest import Reconciler

PASSWORD = "s3cret-pat"
DATA, LONE = "home/user/AstrBot/data", "home/user/filebrowser-data/filebrowser.db"
NAMES = {"data": f"{DATA}/", "lone": LONE, "config": "home/user/nginx/admin_config.json"}
SMALL = {
    f"{DATA}/cmd_config.json": b'{"a": 1}',
    f"{DATA}/plugins/.gitkeep": b"",
    f"{DATA}/\u63d2\u4ef6/a b.json": b"[]\n",
    f"{DATA}/notes.pointer": b"my own file, whatever it is called",
    NAMES["config"]: b'{"rules": []}',
}
LARGE = {
    f"{DATA}/here.bin": os.urandom(9000),
    f"{DATA}/sub/gone one.bin": os.urandom(8000),
    LONE: os.urandom(7000),
}
"""The first lies on the disk beside its pointer; of the others only the pointers are left."""


class Era:
    """A machine of the original that was just stopped: its folder, its remote, its release."""

    def __init__(self, folder: Path, url: str, hub: Hub, api: str) -> None:
        self.folder, self.url, self.hub, self.api = folder, url, hub, api
        self.base, self.history = folder / "base", folder / "base/home/user/.astrbot-backup"
        self.remote = make_bare(folder / "remote" / "x.git")
        for path, content in SMALL.items():
            self.write(path, content)
        self.write(f"{DATA}/here.bin", LARGE[f"{DATA}/here.bin"])

    def write(self, path: str, content: bytes | str) -> None:
        full = self.history / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content if isinstance(content, bytes) else content.encode())

    def shell(self) -> Era:
        """Era A: pointers with an asset's id, a .gitignore of what they stand for, its beacons."""
        for path, content in LARGE.items():
            sha, name = hashlib.sha256(content).hexdigest(), path.rpartition("/")[2]
            asset = self.hub.add(f"{sha}-{name.replace(' ', '.')}", content)
            told: dict[str, Any] = {
                "type": "release-asset",
                "repo": self.hub.repo,
                "release_tag": "blobs",
            }
            told |= {"asset_name": f"{sha}-{name}", "asset_id": asset.id}
            told |= {"download_url": f"https://github.com/{self.hub.repo}/releases/download/blobs"}
            told |= {"original_path": path, "size": len(content), "sha256": sha}
            told |= {"generated_at": "2025-10-30T01:02:03Z"}
            self.write(f"{path}.pointer", json.dumps(told, separators=(",", ":")) + "\n")
        self.write(".gitignore", "".join(f"{path}\n" for path in LARGE))
        self.write(".backup.ready", "ready\n")
        self.write(".backup.alive", "1761786123\n")
        return self.stop()

    def daemon(self) -> Era:
        """Eras B and C: pointers as JSON over lines, a manifest, excludes that git alone knows."""
        files = {}
        for path, content in LARGE.items():
            sha, name = hashlib.sha256(content).hexdigest(), path.rpartition("/")[2]
            asset = f"{sha[:12]}-{name}"
            self.hub.add(asset.replace(" ", "."), content, tag="large-files-v1")
            told: dict[str, Any] = {"version": 1, "type": "lfs-pointer", "hash": f"sha256:{sha}"}
            told |= {"size": len(content), "filename": name, "release_tag": "large-files-v1"}
            self.write(f"{path}.pointer", json.dumps({**told, "asset_name": asset}, indent=2))
            version: dict[str, Any] = {
                "hash": f"sha256:{sha}",
                "asset_name": asset,
                "size": len(content),
            }
            version |= {"timestamp": "2025-12-01T00:00:00Z", "uploaded": True}
            files[path] = {"current_hash": f"sha256:{sha}", "versions": [version]}
        manifest: dict[str, Any] = {"version": 2, "last_updated": "2025-12-01T00:00:00Z"}
        manifest |= {"release_tag": "large-files-v1", "files": files}
        self.write(".lfs/manifest.json", json.dumps(manifest, indent=2))
        self.write("README.md", "initialized\n")
        self.write("sync-config.json", json.dumps({"targets": list(NAMES.values())}))
        self.write(".git/info/exclude", "".join(f"{path}\n" for path in LARGE))
        return self.stop()

    def stop(self) -> Era:
        """All is pushed, and the targets are links."""
        git(self.history, "init", "--quiet", "--initial-branch=main")
        git(self.history, "add", "--all")
        git(self.history, "commit", "--quiet", "-m", "chore(sync): periodic commit")
        url = self.url.replace("//", f"//x-access-token:{PASSWORD}@")
        git(self.history, "remote", "add", "origin", url)
        git(self.history, "push", "--quiet", "--set-upstream", "origin", "main")
        for path in NAMES.values():
            link = self.base / path.rstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self.history / path.rstrip("/"))
        return self

    def specs(self, folder: Path, base: Path, *, large: bool = True) -> Settings:
        """What a stack says that goes on with it."""
        auth = {"username": "x-access-token", "password": {"from": {"env": "GITHUB_PAT"}}}
        repository: dict[str, Any] = {"url": self.url, "base": str(base), "auth": auth}
        documents = [_spec("Repository", "backup", **repository)]
        how = {"store": "release", "api": self.api, "repo": self.hub.repo, "threshold": "4Ki"}
        for name, path in NAMES.items():
            given: dict[str, Any] = {"repository": "backup", "path": path, "settle": "0s"}
            given |= {"largeFiles": how} if large else {}
            documents.append(_spec("SyncTarget", name, **given))
        (folder / "specs").mkdir(parents=True, exist_ok=True)
        with (folder / "specs" / "backup.yaml").open("w") as file:
            YAML().dump_all(documents, file)
        return Settings(folder / "specs", folder, stack_start="1", environ=dict(os.environ))


def _spec(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    head = {"apiVersion": "reconciler.dev/v1", "kind": kind, "metadata": {"name": name}}
    return {**head, "spec": spec}


@pytest.fixture(params=["shell", "daemon"])
def era(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Era]:
    monkeypatch.setenv("GITHUB_PAT", PASSWORD)
    hub, root = Hub(token=PASSWORD), tmp_path / "remote"
    told = {"user": "x-access-token", "password": PASSWORD}
    with (
        serving_with_nginx(root, tmp_path / "nginx", **told) as url,
        serving_github(hub) as github,
    ):
        made = Era(tmp_path, f"{url}/x.git", hub, github.url)
        yield getattr(made, request.param)()


def converge(settings: Settings) -> dict[str, Any]:
    async def run() -> Any:
        async with open_operator(settings) as (operator, _):
            await operator.reload()
            for _ in range(6):
                await operator.lanes[1].settle()
            return await operator.status()

    found = asyncio.run(run())["resources"]
    return {one["ref"].partition("/")[2]: one["health"] for one in found}


def under(base: Path) -> dict[str, bytes]:
    """What lies at the targets, byte for byte, read as the programs read it."""
    tops = [base / path.rstrip("/") for path in NAMES.values()]
    files = [one for top in tops for one in (top.rglob("*") if top.is_dir() else [top])]
    return {str(one.relative_to(base)): one.read_bytes() for one in files if one.is_file()}


def every(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_adopted(era: Era, stack_dir: Path, reconciler: Reconciler) -> None:
    """All of it is here, also what only the release had; and nothing of the original is touched."""
    era.specs(stack_dir, era.base, large=False)
    before, assets = every(era.history), {**era.hub.releases}
    there = files_of(era.remote, "main")
    said = reconciler("sync", "adopt", str(era.history))
    text = " ".join(said.out.split())
    assert said.code == 1
    assert "of 1 large files only pointers are here, such as sub/gone one.bin" in text
    assert "say in largeFiles where these are kept" in text
    assert (era.base / DATA / "sub/gone one.bin.pointer").exists()
    settings = era.specs(stack_dir, era.base)
    said = reconciler("sync", "adopt", str(era.history))
    assert said.code == 0, said.out + said.err
    assert PASSWORD not in said.out + said.err
    health = converge(settings)
    assert {one["code"] for one in health.values()} == {"Healthy"}, health
    assert under(era.base) == {**SMALL, **LARGE}
    assert every(era.history) == before
    for tag, kept in assets.items():
        assert era.hub.releases[tag].items() >= kept.items()
    now = files_of(era.remote, "main")
    beside = {path for path in there if path not in SMALL and not path.startswith("home/")}
    assert {path: now[path] for path in beside} == {path: there[path] for path in beside}
    branches = git(era.remote, "for-each-ref", "--format=%(refname)", "refs/heads")
    assert branches.split() == [b"refs/heads/main"], "nothing clashed"
    assert git(era.remote, "rev-list", "--count", "main").strip() != b"1"

    elsewhere = era.specs(stack_dir / "other", era.folder / "other")
    converge(elsewhere)
    assert under(era.folder / "other") == {**SMALL, **LARGE}


def test_restored_on_another_machine(era: Era, stack_dir: Path) -> None:
    """Without the folder of the original its remote and its release are all that is needed."""
    health = converge(era.specs(stack_dir, era.folder / "new"))
    assert {one["code"] for one in health.values()} == {"Healthy"}, health
    assert under(era.folder / "new") == {**SMALL, **LARGE}
