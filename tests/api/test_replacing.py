"""Who takes rules out by name has confirmed that they go; nothing else goes by that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.api.access import Access
from reconciler.api.app import make_app
from reconciler.metrics import Metrics

from .conftest import PASSWORD, Grant
from .written import Written

RULES = "/admin/routes.json"
ROUTES = "/admin/api/v1/routes"
WITH = {"X-Admin-Password": PASSWORD}
GATEWAY = "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: gateway}\nspec: {}\n"
OTHERS = "\n---\n".join(
    f"apiVersion: reconciler.dev/v1\nkind: Route\nmetadata: {{name: other-{n}}}\n"
    f"spec: {{match: {{pathPrefix: /other-{n}/}}, respond: {{status: 204}}}}"
    for n in range(4)
)


def rules(count: int) -> list[dict[str, Any]]:
    where = "http://127.0.0.1:6099"
    return [
        {"id": f"r{n}", "match": {"path_prefix": f"/{n}/"}, "backend": where} for n in range(count)
    ]


@pytest.fixture
def world(stack_dir: Path) -> Iterator[Written]:
    made = Written(stack_dir)
    made.write("gateway.yaml", GATEWAY)
    yield made
    made.close()


@pytest.fixture
async def http(world: Written, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(world.operator, Metrics(), access, writes=world.writing)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def served(world: Written) -> set[str]:
    await world.operator.reconcile_now()
    return set(world.served.rules)


async def test_an_empty_list_empties(http: httpx.AsyncClient, world: Written) -> None:
    """The rules go without another word; so do most of them, and the same again later."""
    for left in (0, 1, 0):
        await http.post(RULES, headers=WITH, json={"rules": rules(6)})
        assert len(await served(world)) == 6
        answer = await http.post(RULES, headers=WITH, json={"rules": rules(left)})
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        assert len(await served(world)) == left


async def test_what_else_goes_is_still_held(http: httpx.AsyncClient, world: Written) -> None:
    """A file that is lost at the same time: nothing goes, and the answer says how to confirm."""
    lost = world.write("others.yaml", OTHERS)
    await http.post(RULES, headers=WITH, json={"rules": rules(6)})
    assert len(await served(world)) == 10
    lost.unlink()
    answer = await http.post(RULES, headers=WITH, json={"rules": []})
    told = answer.json()
    assert (answer.status_code, told["ok"]) == (200, True)
    revision = (await world.operator.plan())["revision"]
    assert f"reconciler apply --confirm {revision}" in told["held"]
    assert len(await served(world)) == 10
    await world.operator.reconcile_now(confirm=revision)
    assert await served(world) == set()


async def test_a_write_confirms_its_revision_only(http: httpx.AsyncClient, world: Written) -> None:
    """What is lost after it is held, whatever was allowed before."""
    lost = world.write("others.yaml", OTHERS)
    await http.post(RULES, headers=WITH, json={"rules": rules(6)})
    assert len(await served(world)) == 10
    assert (await http.post(RULES, headers=WITH, json={"rules": []})).json() == {"ok": True}
    lost.unlink()
    assert len(await served(world)) == 10
    world.write("others.yaml", OTHERS)
    assert len(await served(world)) == 10, "of another revision, in which they are lost by nobody"
    lost.unlink()
    assert len(await served(world)) == 10


async def test_one_by_one_they_go_too(
    http: httpx.AsyncClient, world: Written, token: Grant
) -> None:
    """Each DELETE names what goes, however many follow before the first is done."""
    await http.post(RULES, headers=WITH, json={"rules": rules(5)})
    assert len(await served(world)) == 5
    http.headers.update(token("admin") | {"If-Match": "*"})
    for n in range(5):
        answer = await http.delete(f"{ROUTES}/r{n}")
        assert (answer.status_code, answer.json()["held"]) == (200, [])
    assert await served(world) == set()


async def test_a_delete_says_what_is_held(
    http: httpx.AsyncClient, world: Written, token: Grant
) -> None:
    """With what else is lost at once it waits, and says so."""
    lost = world.write("others.yaml", OTHERS)
    await http.post(RULES, headers=WITH, json={"rules": rules(1)})
    assert len(await served(world)) == 5
    lost.unlink()
    http.headers.update(token("admin") | {"If-Match": "*"})
    answer = await http.delete(f"{ROUTES}/r0")
    assert "Route/r0" in answer.json()["held"]
    assert len(await served(world)) == 5
