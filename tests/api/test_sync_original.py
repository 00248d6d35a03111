"""The original's sync API: its shapes, with our promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reconciler.api.sync_shapes import progress_shape
from reconciler.testing import eventually_async

from .kept import Kept, open_kept


@pytest.fixture
def kept(stack_dir: Path) -> Iterator[Kept]:
    with open_kept(stack_dir) as made:
        made.write_usual()
        yield made


async def test_status_in_its_shape(kept: Kept) -> None:
    """All its members, each of its type."""
    kept.world.write("app/data/a.txt", b"one")
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        assert (await http.post("/sync/api/sync-now")).json() == {"ok": True}
        said = (await http.get("/sync/api/status")).json()
    assert said.pop("head") == said.pop("remote_head") != ""
    assert said.pop("hist_dir") == str(kept.world.store)
    assert said == {
        "base": str(kept.world.base),
        "branch": "main",
        "repo": kept.world.repository["url"],
        "targets": ["app/data/"],
        "excludes": ["app/data/cache"],
        "ready": True,
        "git_initialized": True,
        "dirty": False,
    }


async def test_what_would_destroy_does_not(kept: Kept) -> None:
    """Reset, init and relink touch no file, push what is not pushed, and say so."""
    kept.world.write("app/data/a.txt", b"one")
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        for number, call in enumerate(("reset", "init", "relink")):
            text = f"edit {number}".encode()
            kept.world.write("app/data/a.txt", text)
            kept.world.write(f"app/data/new{number}", text)
            before = kept.world.files()
            said = (await http.post(f"/sync/api/{call}")).json()
            assert said["ok"]
            assert said["note"]
            assert kept.world.files() == before
            if call != "relink":
                assert kept.world.remote_files() == before
        assert (await http.post("/sync/api/track-empty")).json()["written"] == 0


async def test_a_failed_push_is_no_success(kept: Kept) -> None:
    """In the original it was logged as one."""
    kept.world.write("app/data/a.txt", b"one")
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        kept.world.write("app/data/a.txt", b"two")
        kept.world.reach(reachable=False)
        said = await http.post("/sync/api/sync-now")
        assert said.status_code == 503
        assert said.json()["ok"] is False
        assert "data" in said.json()["error"]
        assert kept.world.password not in said.text

        async def is_dirty() -> bool:
            status = (await http.get("/sync/api/status")).json()
            return bool(status["dirty"] and status["head"] != status["remote_head"])

        await eventually_async(is_dirty)


async def test_a_held_file_is_named(kept: Kept) -> None:
    """What a backup should have and has not is told with the answer, which keeps its shape."""
    kept.world.write("app/data/a.txt", b"one")
    kept.world.write("app/data/id_rsa", b"-----BEGIN " + b"RSA PRIVATE KEY-----\n" + b"A" * 64)
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        said = (await http.post("/sync/api/sync-now")).json()
        assert said.keys() == {"ok", "note"}
        assert said["ok"] is True
        assert "SyncTarget/data: the backup lacks id_rsa" in said["note"]
        said = (await http.post("/sync/api/reset")).json()
        assert "nothing was thrown away" in said["note"]
        assert "id_rsa" in said["note"]
    assert "app/data/id_rsa" not in kept.world.remote_files()


async def test_logs_and_files(kept: Kept) -> None:
    """The newest versions and their paths, as the original lists them."""
    kept.world.write("app/data/a.txt", b"one")
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        kept.world.write("app/data/b.txt", b"two")
        await http.post("/sync/api/sync-now")
        logs = (await http.get("/sync/api/logs?n=1")).json()
        assert logs["ok"]
        assert [one.keys() for one in logs["logs"]] == [{"hash", "message", "date", "author"}]
        files = (await http.get("/sync/api/files?limit=1")).json()
        assert files == {"ok": True, "files": ["app/data/a.txt"], "total": 2, "limit": 1}


async def test_targets_are_edited_in_the_specs(kept: Kept) -> None:
    """A list replaces the one there is; what stays is not touched, what goes is kept."""
    kept.world.write("app/data/a.txt", b"one")
    await kept.operator.reconcile_now()
    async with kept.client() as http:
        assert (await http.get("/sync/api/targets")).json() == {"targets": ["app/data/"]}
        before = (kept.specs / "b.yaml").read_text()
        body = {"targets": ["app/data/", "/home/user/config/"]}
        assert (await http.post("/sync/api/targets", json=body)).json() == {"ok": True}
        assert (kept.specs / "b.yaml").read_text().startswith(before.strip())
        said = (await http.get("/sync/api/targets")).json()
        assert said == {"targets": ["app/data/", "home/user/config/"]}
        body = {"targets": ["home/user/config/"]}
        assert (await http.post("/sync/api/targets", json=body)).json()["ok"]
        assert (await http.get("/sync/api/targets")).json() == body
    assert kept.world.files()["app/data/a.txt"] == b"one"


async def test_excludes_are_edited_in_the_specs(kept: Kept) -> None:
    """Each goes to the target it lies in; one that lies in none is refused."""
    await kept.operator.reconcile_now()
    async with kept.client() as http:
        body = {"excludes": ["app/data/tmp", "/app/data/logs/"]}
        assert (await http.post("/sync/api/excludes", json=body)).json() == {"ok": True}
        document = yaml.safe_load((kept.specs / "b.yaml").read_text())
        assert document["spec"]["excludes"] == ["tmp", "logs"]
        said = await http.post("/sync/api/excludes", json={"excludes": ["elsewhere"]})
        assert (said.status_code, said.json()["ok"]) == (422, False)
        assert (await http.post("/sync/api/excludes", json={"excludes": []})).json()["ok"]
        assert (await http.get("/sync/api/excludes")).json() == {"excludes": []}


async def test_who_may(kept: Kept) -> None:
    """In the original everybody might do everything."""
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        said = await http.post("/sync/api/targets", json={"targets": []})
        assert (said.status_code, said.json()["ok"]) == (403, False)
        nobody = {"Authorization": ""}
        for call in ("/sync/api/status", "/api/sync-progress"):
            assert (await http.get(call, headers=nobody)).status_code == 401
        assert (await http.post("/sync/api/reset", headers=nobody)).status_code == 401
    async with kept.client("read") as http:
        assert (await http.get("/sync/api/status")).status_code == 200
        assert (await http.post("/sync/api/sync-now")).status_code == 403


async def test_what_a_variable_says_is_not_edited(stack_dir: Path) -> None:
    """It is told which variable it is."""
    environ = {"SYNC_TARGETS": "app/data/", "GITHUB_REPO": "/nowhere/x.git"}
    with open_kept(stack_dir, environ) as kept:
        await kept.operator.reload()
        async with kept.client() as http:
            for call, body in (
                ("targets", {"targets": ["other/"]}),
                ("excludes", {"excludes": ["app/data/x"]}),
            ):
                said = await http.post(f"/sync/api/{call}", json=body)
                assert (said.status_code, said.json()["ok"]) == (409, False)
                assert "SYNC_TARGETS" in said.json()["error"]
            body = {"targets": ["app/data/", "app/more/"]}
            assert (await http.post("/sync/api/targets", json=body)).json() == {"ok": True}
            assert (await http.get("/sync/api/targets")).json() == body
            assert [path.name for path in kept.specs.iterdir()] == ["20-backup.yaml"]


async def test_large_files(kept: Kept) -> None:
    """While no target has a store for them, that is said."""
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        assert not (await http.get("/sync/api/lfs/status")).json()["enabled"]
        assert (await http.post("/sync/api/lfs/scan")).json()["files"] == []
        for call in ("upload", "restore"):
            said = await http.post(f"/sync/api/lfs/{call}")
            assert (said.status_code, said.json()["ok"]) == (400, False)


async def test_progress(kept: Kept) -> None:
    """It goes from starting to complete, and its page stops asking then."""
    async with kept.client("read") as http:
        assert (await http.get("/api/sync-progress")).json()["stage"] == "starting"
        await kept.operator.reconcile_now()
        said = (await http.get("/api/sync-progress")).json()
    assert (said["stage"], said["progress"]) == ("complete", 100)


def test_progress_in_between() -> None:
    """A hundred only when all is there."""
    health = {"message": "waits"}
    waits = {"name": "a", "restored": False, "suspend": False, "progress": None, "health": health}
    done = {**waits, "name": "b", "restored": True}
    assert progress_shape([waits], disabled=False)["progress"] == 0
    busy = {**waits, "progress": {"stage": "restore", "done": 5, "total": 10, "unit": "files"}}
    said = progress_shape([busy, done], disabled=False)
    assert (said["stage"], said["progress"], said["current"]) == ("linking", 70, 5)
    assert progress_shape([done], disabled=True)["message"]
    assert progress_shape([], disabled=False)["progress"] == 100
