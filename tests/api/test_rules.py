"""The original's calls for its rules and its password, with its shapes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.gateway.conftest import start

from reconciler.api.access import Access, open_access
from reconciler.api.app import make_app
from reconciler.api.password import HASHER
from reconciler.api.serve import serve
from reconciler.metrics import Metrics
from reconciler.settings import Settings
from reconciler.testing import eventually_async
from reconciler.testing.nginx import make_gateway

from .conftest import PASSWORD, Grant
from .written import Written

SIZE = 100 if os.environ.get("RECONCILER_SOAK") == "1" else 3900
"""Of one header: the smaller, the more rules there are."""
RULES, NEW = "/admin/routes.json", "/admin/password"
WITH = {"X-Admin-Password": PASSWORD}
DEFAULTS: list[dict[str, Any]] = [
    {
        "id": "proxy-api-ws",
        "action": "proxy",
        "priority": 200,
        "match": {"path_prefix": "/api/ws/"},
        "backend": "http://127.0.0.1:6099",
    },
    {
        "id": "redirect-webui-slash",
        "action": "redirect",
        "priority": 200,
        "match": {"path_equal": "/webui"},
        "redirect_to": "/webui/",
    },
    {
        "id": "proxy-referer-webui",
        "priority": 195,
        "match": {"referer_substr": "webui"},
        "backend": "http://127.0.0.1:6099",
    },
    {
        "id": "proxy_webui",
        "action": "proxy",
        "priority": 180,
        "match": {"path_prefix": "/webui/", "method": "GET"},
        "backend": "http://127.0.0.1:6099",
        "set_headers": [{"name": "X-Forwarded-Prefix", "value": "/webui"}],
    },
]


def answered(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as it comes back: its action is said."""
    return {"action": "proxy", **rule}


@pytest.fixture
def world(stack_dir: Path) -> Iterator[Written]:
    made = Written(stack_dir)
    yield made
    made.close()


@pytest.fixture
async def http(world: Written, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without any rights."""
    app = make_app(world.operator, Metrics(), access, writes=world.writing)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def tree(world: Written) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in world.specs.iterdir()}


async def test_nobody_without_the_password(http: httpx.AsyncClient, world: Written) -> None:
    """None, an empty one, a wrong one, the original's default: closed, and no word of the rules."""
    for path, method in ((RULES, "GET"), (RULES, "POST"), (NEW, "POST")):
        for headers in ({}, {"X-Admin-Password": ""}, {"X-Admin-Password": " "}):
            answer = await http.request(method, path, json={}, headers=headers)
            assert answer.status_code in {401, 403}, (path, headers)
            assert answer.status_code == 401 or headers["X-Admin-Password"]
            assert answer.json()["error"]
        http.headers["X-Admin-Password"] = "admin"
        answer = await http.request(method, path, json={})
        del http.headers["X-Admin-Password"]
        assert answer.status_code in {403, 429}
        assert answer.status_code == 429 or answer.json()["error"] == "forbidden"
    assert tree(world) == {}


async def test_guessing_gets_slow(http: httpx.AsyncClient) -> None:
    """As at the login: after some wrong ones even the right one waits."""
    for _ in range(5):
        answer = await http.get(RULES, headers={"X-Admin-Password": "wrong"})
        assert answer.status_code == 403
    answer = await http.get(RULES, headers=WITH)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_the_password_opens_these_paths_only(http: httpx.AsyncClient) -> None:
    """It is no key to the rest of the API."""
    for path in ("/admin/api/v1/routes", "/admin/api/v1/status", "/api/pm/list"):
        assert (await http.get(path, headers=WITH)).status_code == 401


@pytest.mark.parametrize("hashed", ["", "garbage", HASHER.hash("")], ids=["none", "bad", "empty"])
async def test_without_a_hash_nobody_comes_in(world: Written, stack_dir: Path, hashed: str) -> None:
    """A lost, damaged or empty password file opens nothing to anybody."""
    access = open_access(Settings(stack_dir / "specs", stack_dir, environ={}))
    (stack_dir / "state" / "admin.hash").write_text(hashed)
    app = make_app(world.operator, Metrics(), access, writes=world.writing)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for said in ("", "admin", hashed):
            answer = await client.get(RULES, headers={"X-Admin-Password": said})
            assert answer.status_code in {401, 403}


async def test_a_list_comes_back_as_it_was(http: httpx.AsyncClient, world: Written) -> None:
    """In its order, with its ids; none is [] and never {}; the YAML is a person's to read."""
    empty = await http.get(RULES, headers=WITH)
    assert empty.json() == {"default_backend": "", "rules": []}
    assert '"rules":[]' in empty.text
    said = {"default_backend": "http://127.0.0.1:6185", "rules": DEFAULTS}
    answer = await http.post(RULES, headers=WITH, json=said)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    told = (await http.get(RULES, headers=WITH)).json()
    assert told == {**said, "rules": [answered(one) for one in DEFAULTS]}
    assert world.read().startswith(
        "apiVersion: reconciler.dev/v1\nkind: Route\nmetadata:\n  name: proxy-api-ws\n"
        "  annotations:\n    reconciler.dev/rule-id: proxy-api-ws\nspec:\n  priority: 200\n"
    )
    assert "kind: Gateway" in world.read()
    await world.operator.reconcile_now()
    assert world.served.rules["redirect-webui-slash"][0].redirect.code == 301
    assert [world.served.rules[n][0].order for n in ("proxy-api-ws", "proxy-webui")] == [0, 3]
    assert world.served.listener.default_backend == "http://127.0.0.1:6185"
    before = tree(world)
    assert (await http.post(RULES, headers=WITH, json=told)).json() == {"ok": True}
    assert tree(world) == before


async def test_a_list_replaces_the_list(http: httpx.AsyncClient, world: Written) -> None:
    """What a person wrote stays: other routes, comments, fields that rules have no words for."""
    mine = world.write("mine.yaml", "# by hand\n" + world_route("mine") + "# end\n")
    await http.post(RULES, headers=WITH, json={"rules": DEFAULTS})
    text = world.read().replace(
        "    backend: http://127.0.0.1:6099\n    setHeaders",
        "    backend: http://127.0.0.1:6099   # NapCat\n    timeouts: {read: 9s}\n    setHeaders",
    )
    world.write("50-routes.yaml", text)
    changed = [DEFAULTS[3] | {"priority": 181}, DEFAULTS[0]]
    answer = await http.post(RULES, headers=WITH, json={"rules": changed})
    assert answer.status_code == 200
    told = (await http.get(RULES, headers=WITH)).json()["rules"]
    assert told == [answered(one) for one in changed]
    assert "127.0.0.1:6099   # NapCat\n    timeouts: {read: 9s}\n" in world.read()
    assert mine.read_text().startswith("# by hand\n")
    await http.post(RULES, headers=WITH, json={"rules": []})
    assert (await http.get(RULES, headers=WITH)).json()["rules"] == []
    assert [one.name for one in world.specs.iterdir()] == ["mine.yaml"]


async def test_each_part_may_be_left_out(http: httpx.AsyncClient, world: Written) -> None:
    """Then it stays as it is; the Gateway that is written is edited, and keeps its comment."""
    gateway = "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: door}\nspec:\n"
    world.write("door.yaml", gateway + "  listen: 7861  # ours\n")
    await http.post(RULES, headers=WITH, json={"rules": DEFAULTS[:1]})
    await http.post(RULES, headers=WITH, json={"default_backend": "http://127.0.0.1:1"})
    told = (await http.get(RULES, headers=WITH)).json()
    assert (told["default_backend"], len(told["rules"])) == ("http://127.0.0.1:1", 1)
    assert "  listen: 7861  # ours\n" in world.read("door.yaml")
    await http.post(RULES, headers=WITH, json={"default_backend": ""})
    assert world.read("door.yaml") == gateway + "  listen: 7861  # ours\n"
    assert (await http.post(RULES, headers=WITH, json={})).json() == {"ok": True}


WRONG: list[Any] = [
    ({"backend": "nonsense"}, "backend", "not an address"),
    ({"backend": ""}, "action", "say proxy or redirect"),
    ({"action": "jump"}, "action", "proxy or redirect"),
    ({"priority": "high"}, "priority", "a whole number"),
    ({"priority": -2}, "priority", "was never asked"),
    ({"match": {"path_prefix": "no"}}, "match.path_prefix", "a path begins with /"),
    ({"match": {"path_prefix": "/admin/ui/"}}, "match.path_prefix", "the operator's own"),
    ({"match": {"referer_regex": "(a+)+$"}}, "match.referer_regex", ""),
    ({"match": {"port": 1}}, "match.port", "no rule has this field"),
    ({"set_headers": [{"name": "Host", "value": "x"}]}, "set_headers", "gateway itself"),
    ({"set_headers": {"a": "b"}}, "set_headers", "it is no list"),
    ({"colour": "red"}, "colour", "no rule has this field"),
    ({"id": "proxy-api-ws"}, "id", "rule 0 of the list has this id too"),
    ({"id": ""}, "id", "a rule needs one"),
]


async def test_one_wrong_rule_changes_nothing(
    http: httpx.AsyncClient, world: Written, token: Grant
) -> None:
    """422 with the rule's id, its place and the reason; the others are not applied either."""
    admin = token("admin")
    await http.post(RULES, headers=admin, json={"rules": DEFAULTS})
    before = tree(world)
    for rule, field, why in WRONG:
        wrong = {"id": "wrong", "backend": "http://127.0.0.1:1", **rule}
        answer = await http.post(RULES, headers=admin, json={"rules": [DEFAULTS[0], wrong]})
        assert answer.status_code == 422, rule
        (told,) = answer.json()["errors"]
        assert (told["rule"], told["position"], told["field"]) == (wrong["id"], 1, field)
        assert why in told["reason"]
        assert wrong["id"] in answer.json()["error"]
        assert tree(world) == before


HOSTILE: list[Any] = [
    (b"", 400, "invalid json"),
    (b"{", 400, "invalid json"),
    (b"[]", 400, "invalid json"),
    (b"[" * 200_000, 400, "invalid json"),
    (b'{"rules": 1}', 400, "rules must be array"),
    (b'{"rules": {"a": 1}}', 400, "rules must be array"),
    (b'{"rules": [1]}', 422, "a rule is a mapping"),
    (b'{"rules": NaN}', 422, "holds what no spec can"),
    (b'{"default_backend": 1}', 422, "must be text"),
    (b'{"default_backend": "x"}', 422, "not an address"),
    (b'{"admin_password": "x"}', 422, "unknown field"),
]


async def test_hostile_lists(http: httpx.AsyncClient, world: Written, token: Grant) -> None:
    """A refusal in the original's shape."""
    admin = token("admin")
    for body, code, error in HOSTILE:
        answer = await http.post(RULES, headers=admin, content=body)
        assert answer.status_code == code, answer.text
        assert error in answer.json()["error"]
        assert tree(world) == {}


async def test_other_methods(http: httpx.AsyncClient) -> None:
    """405, with those there are."""
    answer = await http.put(RULES, headers=WITH, json={})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert (await http.get(NEW, headers=WITH)).status_code == 405


async def test_a_token_does_what_its_scope_says(
    http: httpx.AsyncClient, world: Written, token: Grant
) -> None:
    """Read reads, admin writes."""
    for scope in ("read", "operate"):
        headers = token(scope)
        assert (await http.get(RULES, headers=headers)).status_code == 200
        answer = await http.post(RULES, headers=headers, json={"rules": DEFAULTS})
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
        answer = await http.post(NEW, headers=headers, json={"new_password": "x" * 20})
        assert answer.status_code == 403
        who = "this token may read" if scope == "read" else "changing the password takes"
        assert answer.json()["detail"].startswith(who)
    assert tree(world) == {}
    answer = await http.post(RULES, headers=token("admin"), json={"rules": DEFAULTS})
    assert answer.status_code == 200


async def test_a_write_that_fails_is_no_success(http: httpx.AsyncClient, world: Written) -> None:
    """The original said ok; the caller hears what went wrong, and nothing is half there."""
    (world.specs / "50-routes.yaml").mkdir()
    answer = await http.post(RULES, headers=WITH, json={"rules": DEFAULTS})
    assert answer.status_code in {409, 503}
    assert "50-routes.yaml" in answer.json()["error"]
    assert not list((world.specs / "50-routes.yaml").iterdir())


async def test_who_names_what_he_saw_overwrites_nothing(http: httpx.AsyncClient) -> None:
    """If-Match is optional here, as in the original, and counts when it is given."""
    tag = (await http.get(RULES, headers=WITH)).headers["ETag"]
    both = {**WITH, "If-Match": tag}
    assert (await http.post(RULES, headers=both, json={"rules": DEFAULTS})).status_code == 200
    assert (await http.post(RULES, headers=both, json={"rules": []})).status_code == 412


async def test_24_kib_and_2_mib_of_rules(http: httpx.AsyncClient, world: Written) -> None:
    """Both are taken; the files stay of a size that people and the loader can read."""
    for size in (24 << 10, 2 << 20):
        rules: list[dict[str, Any]] = []
        value = "v" * SIZE
        while len(rules) * (SIZE + 140) < size:
            rules += [
                {
                    "id": f"rule-{len(rules) + n}",
                    "backend": "http://127.0.0.1:1",
                    "match": {"path_prefix": f"/{len(rules) + n}/"},
                    "set_headers": [{"name": "X-A", "value": value}],
                }
                for n in range(4)
            ]
        answer = await http.post(RULES, headers=WITH, json={"rules": rules})
        assert answer.json() == {"ok": True}
        told = (await http.get(RULES, headers=WITH)).json()["rules"]
        assert [one["id"] for one in told] == [one["id"] for one in rules]
    assert max(len(data) for data in tree(world).values()) < 1 << 20


async def test_the_password_changes(world: Written, stack_dir: Path) -> None:
    """The old one is none any more; a short one is refused; what is set elsewhere stays."""
    access = open_access(Settings(stack_dir / "specs", stack_dir, environ={}))
    access.password.change(PASSWORD)
    app = make_app(world.operator, Metrics(), access, writes=world.writing)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for body, code in (("{", 400), ("{}", 400), ('{"new_password": "short"}', 422)):
            answer = await client.post(NEW, headers=WITH, content=body)
            assert (answer.status_code, bool(answer.json()["error"])) == (code, True)
        new = "another horse, another battery"
        answer = await client.post(NEW, headers=WITH, json={"new_password": new})
        assert (answer.status_code, answer.json()) == (200, {"ok": True})
        assert (await client.get(RULES, headers=WITH)).status_code == 403
        assert (await client.get(RULES, headers={"X-Admin-Password": new})).status_code == 200


async def test_a_password_set_elsewhere_is_changed_there(http: httpx.AsyncClient) -> None:
    """A conflict that says where."""
    answer = await http.post(NEW, headers=WITH, json={"new_password": "x" * 20})
    assert answer.status_code == 409
    assert "RECONCILER_ADMIN_PASSWORD_HASH" in answer.json()["error"]


@pytest.mark.real
async def test_the_originals_page_at_work(stack_dir: Path, access: Access) -> None:
    """Its whole flow through the real gateway: refused, let in, read, written, served, read."""
    parts = make_gateway(stack_dir)
    world = Written(stack_dir, {"Gateway": parts.gateway, "Route": parts.routes})
    port = await start(parts)
    gateway = "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: gateway}\n"
    world.write("gateway.yaml", f"{gateway}spec: {{listen: {port}}}\n")
    world.commit()
    app = make_app(world.operator, Metrics(), access, writes=world.writing)
    tasks = [
        asyncio.create_task(serve(app, socket=stack_dir / "run" / "operator.sock")),
        asyncio.create_task(world.operator.run(stack_dir / "run" / "wake.sock")),
    ]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await eventually_async((stack_dir / "run" / "operator.sock").exists)
            await _flow(client, world)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        await parts.aclose()
        world.close()


async def _flow(client: httpx.AsyncClient, world: Written) -> None:
    assert (await client.get(RULES, headers={"X-Admin-Password": "admin"})).status_code == 403
    first = (await client.get(RULES, headers=WITH)).json()
    assert first == {"default_backend": "", "rules": []}
    rule = {
        "id": "old page",
        "action": "redirect",
        "priority": 10,
        "match": {"path_prefix": "/old/"},
        "redirect_to_prefix": "/new/",
    }
    answer = await client.post(RULES, headers=WITH, json={"rules": [rule]})
    assert answer.json() == {"ok": True}
    assert world.git("show", "-s", "--format=%an: %s") == "admin: change Route/old-page"

    async def moved() -> bool:
        return (await client.get("/old/a?b=1")).headers.get("Location") == "/new/a?b=1"

    await eventually_async(moved)
    assert (await client.get("/old/a")).status_code == 301
    assert (await client.get(RULES, headers=WITH)).json()["rules"] == [rule]
    large = {"rules": [rule | {"id": f"r{n}", "priority": n} for n in range(300)]}
    assert (await client.post(RULES, headers=WITH, json=large)).json() == {"ok": True}
    referer = {"Referer": f"http://x{RULES}"}
    assert (await client.get(RULES, headers=referer)).status_code == 401


def world_route(name: str) -> str:
    """A route by hand."""
    about = f"apiVersion: reconciler.dev/v1\nkind: Route\nmetadata: {{name: {name}}}\n"
    return about + "spec: {respond: {status: 204}}\n"
