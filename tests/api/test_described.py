"""What a real operator answers holds nothing that its description does not tell of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.engine.test_unfolding import Told
from tests.toys import app, data, running

from reconciler.api.access import open_access
from reconciler.api.app import make_app
from reconciler.api.revisions import RevisionPages
from reconciler.api.trust import ROOT
from reconciler.core.errors import Terminal, Transient
from reconciler.core.model import Ref
from reconciler.core.revision import Retreat
from reconciler.engine.past import Past
from reconciler.metrics import Metrics
from reconciler.settings import Settings
from reconciler.specs.load import Snapshot
from reconciler.specs.problem import Problem

from .described import undescribed
from .kept import Kept, open_kept
from .written import Written, route

PAGES = ["/status", "/plan", "/events", "/history", "/requests", "/resources", "/revisions"]
WEB = Ref("App", "web-0")


def owner(pages: FastAPI) -> httpx.AsyncClient:
    """Who comes over the socket."""
    transport = httpx.ASGITransport(pages, client=None)  # type: ignore[arg-type] # as uvicorn does
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def troubled(told: Told) -> None:
    """Something of everything that there is to tell."""
    told.commit("r1", app("web"), *map(app, "abcdefghijkl"), data("d"))
    await told.work()
    await told.operator.ask([WEB], "stop", author="ada", reason="a look")
    told.apps.refuses["bad-0"] = Terminal("no such program", reason="Missing")
    told.apps.refuses["late-0"] = Transient("not now", reason="Busy")
    bad = (app("bad"), app("late"), app("after", needs=("bad",)))
    told.commit("r2", app("web", word="b"), data("d"), *bad)
    await told.work()
    told.journal.attach(Ref("App", "bad-0"), ["its last words"])
    wrong = Problem(PurePath("specs/x.yaml"), 3, 1, "no", "a hint", "no: 1")
    assert isinstance(told.specs.now, Snapshot)
    told.specs.now = replace(told.specs.now, problems=(wrong,), pending=("specs/x.yaml",))
    told.stack.revisions.leave(Retreat("r2", "r1", 1.0, "ada", "why", "App/bad-0"))
    told.apps.things["web-0"] = running("c", started=False)
    told.folders.dark = True
    await told.operator.reload()
    await told.operator.plan()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path)
    yield made
    made.journal.close()
    made.records.close()


@pytest.fixture
async def http(told: Told, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The owner of a stack that is not well."""
    pages = make_app(told.operator, Metrics(), open_access(Settings(tmp_path / "specs", tmp_path)))
    pages.include_router(RevisionPages(Past(told.operator)).router(), prefix=ROOT)
    async with owner(pages) as client:
        yield client


async def test_every_field_is_described(told: Told, http: httpx.AsyncClient) -> None:
    """Of a stack with pending edits, overrides, held changes, failures and a rollback."""
    await troubled(told)
    description = (await http.get(f"{ROOT}/openapi.json")).json()
    said = {}
    for page in PAGES:
        said[page] = (await http.get(f"{ROOT}{page}")).json()
        assert undescribed(description, f"{ROOT}{page}", said[page]) == [], page
    one = (await http.get(f"{ROOT}/resources/App/web-0")).json()
    assert undescribed(description, f"{ROOT}/resources/{{kind}}/{{name}}", one) == []
    revision = (await http.get(f"{ROOT}/revisions/r2")).json()
    assert undescribed(description, f"{ROOT}/revisions/{{revision}}", revision) == []
    applied = (await http.post(f"{ROOT}/reconcile")).json()
    assert undescribed(description, f"{ROOT}/reconcile", applied, "post") == []
    status, plan = said["/status"], said["/plan"]
    for name in ("pending", "problems", "overrides", "held", "rollout", "rolledBack"):
        assert status[name], f"there is nothing to see of {name}"
        assert plan[name], f"there is nothing to see of {name}"
    assert plan["changes"] or plan["held"]
    assert plan["blocked"]
    assert plan["unknown"]
    assert applied["failures"]
    assert revision["passes"]
    assert any(event["lines"] for event in said["/events"]["items"])
    assert all(said[page]["items"] for page in ("/history", "/requests", "/revisions"))


@pytest.fixture
def kept(stack_dir: Path) -> Iterator[Kept]:
    with open_kept(stack_dir) as made:
        made.write_usual()
        yield made


async def test_every_field_of_backups_is_described(kept: Kept) -> None:
    """Of targets, orders, versions and files."""
    kept.world.write("app/data/a.txt", b"one")
    await kept.operator.reconcile_now()
    async with kept.client() as http:
        description = (await http.get(f"{ROOT}/openapi.json")).json()

        async def look(path: str, page: str, method: str = "get", **more: Any) -> Any:
            said = (await http.request(method, page, **more)).json()
            assert undescribed(description, path, said, method) == [], page
            return said

        orders = f"{ROOT}/orders"
        given = await look(orders, orders, "post", json={"verb": "backup"})
        page = f"{orders}/{given['items'][0]['id']}?wait=30"
        assert (await look(f"{orders}/{{id}}", page))["outcome"]
        assert (await look(orders, orders))["items"]
        assert (await look(f"{ROOT}/sync", f"{ROOT}/sync"))["items"]
        assert (await look(f"{ROOT}/sync/{{name}}/log", f"{ROOT}/sync/data/log"))["items"]
        assert (await look(f"{ROOT}/sync/{{name}}/files", f"{ROOT}/sync/data/files"))["files"]
        for own in ("/sync/api/status", "/sync/api/logs", "/sync/api/files", "/api/sync-progress"):
            assert await look(own, own)


async def test_every_field_of_an_edit_is_described(stack_dir: Path) -> None:
    """What was written, and what a dry run tells."""
    world, routes = Written(stack_dir), f"{ROOT}/routes"
    settings = Settings(world.specs, stack_dir)
    pages = make_app(world.operator, Metrics(), open_access(settings), writes=world.writing)
    await world.operator.reconcile_now()
    body = {"metadata": {"name": "a"}}
    async with owner(pages) as http:
        description = (await http.get(f"{ROOT}/openapi.json")).json()
        for page in (f"{routes}?dryRun=true", routes):
            said = (await http.post(page, json={**body, "spec": route("a")["spec"]})).json()
            assert undescribed(description, routes, said, "post") == []
            assert bool(said["plan"]) is ("?" in page)
        for path, page in ((routes, routes), (f"{routes}/{{name}}", f"{routes}/a")):
            said = (await http.get(page)).json()
            assert undescribed(description, path, said) == []
    world.close()
