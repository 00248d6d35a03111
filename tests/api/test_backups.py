"""Backups over the API: orders, status, versions, files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .kept import Kept, open_kept

BASE = "/admin/api/v1"


@pytest.fixture
def kept(stack_dir: Path) -> Iterator[Kept]:
    with open_kept(stack_dir) as made:
        made.write_usual()
        yield made


async def test_an_order_from_begin_to_end(kept: Kept) -> None:
    """It is given, awaited, and told of; then status, log and files know what it did."""
    kept.world.write("app/data/a.txt", b"one")
    await kept.operator.reconcile_now()
    async with kept.client("operate") as http:
        kept.world.write("app/data/b.txt", b"two")
        given = await http.post(f"{BASE}/orders", json={"verb": "backup", "reason": "why not"})
        assert given.status_code == 202
        [order] = given.json()["items"]
        assert (order["ref"], order["author"]) == ("SyncTarget/data", "a operate")
        ended = (await http.get(f"{BASE}/orders/{order['id']}?wait=30")).json()
        assert (ended["state"], ended["outcome"]["did"]["files"]) == ("done", 2)
        assert (await http.get(f"{BASE}/orders")).json()["items"] == [ended]
        [target] = (await http.get(f"{BASE}/sync")).json()["items"]
        assert (target["name"], target["unpushed"], target["restored"]) == ("data", 0, True)
        assert target["backed"]
        log = (await http.get(f"{BASE}/sync/data/log")).json()["items"]
        assert [one["files"] for one in log] == [1, 1]
        files = (await http.get(f"{BASE}/sync/data/files?at={log[1]['short']}")).json()
        assert [one["path"] for one in files["files"]] == ["app/data/a.txt"]
    assert kept.world.remote_files()["app/data/b.txt"] == b"two"


async def test_who_may(kept: Kept) -> None:
    """Readers read, and order nothing; strangers do neither."""
    await kept.operator.reconcile_now()
    async with kept.client("read") as http:
        assert (await http.get(f"{BASE}/sync")).status_code == 200
        assert (await http.post(f"{BASE}/orders", json={"verb": "backup"})).status_code == 403
        for path in ("/sync", "/orders", "/sync/data/log", "/sync/data/files"):
            said = await http.get(f"{BASE}{path}", headers={"Authorization": ""})
            assert said.status_code == 401


async def test_an_unknown_verb_is_unknown_without_a_target_too(stack_dir: Path) -> None:
    """What can be ordered does not hang on what there is; of no target nothing is ordered."""
    with open_kept(stack_dir) as kept:
        await kept.operator.reconcile_now()
        async with kept.client() as http:
            said = await http.post(f"{BASE}/orders", json={"verb": "nope"})
            none = await http.post(f"{BASE}/orders", json={"verb": "backup"})
    assert (said.status_code, said.json()["reason"]) == (422, "NotSupported")
    assert "backup" in said.json()["detail"]
    assert (none.status_code, none.json()) == (202, {"items": []})


async def test_refusals(kept: Kept) -> None:
    """What is not there is 404, what makes no sense 422; each says so."""
    await kept.operator.reconcile_now()
    async with kept.client() as http:
        for code, body in (
            (404, {"verb": "backup", "names": ["nope"]}),
            (422, {"verb": "fly"}),
            (422, {"verb": "backup", "arguments": {"to": "x"}}),
            (422, {"verb": "NO"}),
            (422, {}),
        ):
            said = await http.post(f"{BASE}/orders", json=body)
            assert said.status_code == code, said.text
        assert (await http.get(f"{BASE}/orders/abc")).status_code == 404
        assert (await http.get(f"{BASE}/sync/nope/log")).status_code == 404
        assert (await http.get(f"{BASE}/sync/data/files?at=abcdef12")).status_code == 404
