"""Routes over HTTP: what is asked becomes an edit of the YAML, or nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.api.access import Access
from reconciler.api.app import make_app
from reconciler.metrics import Metrics

from .conftest import Grant
from .written import Written, route

ROUTES = "/admin/api/v1/routes"
FILE = """\
# mine
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: web}
spec:
  priority: 5   # high
  match: {pathPrefix: /web/}
  proxy: {backend: "http://127.0.0.1:8000"}
"""


@pytest.fixture
def world(stack_dir: Path) -> Iterator[Written]:
    """A stack with one route."""
    made = Written(stack_dir)
    made.write("web.yaml", FILE)
    yield made
    made.close()


@pytest.fixture
async def http(world: Written, access: Access, token: Grant) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with all rights."""
    app = make_app(world.operator, Metrics(), access, writes=world.writing)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=token("admin")
    ) as client:
        yield client


def tree(world: Written) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in world.specs.iterdir()}


async def test_what_is_written_is_read(http: httpx.AsyncClient, world: Written) -> None:
    """As it is written, with a tag that says whether it is still that."""
    one = await http.get(f"{ROUTES}/web")
    assert one.json()["spec"]["priority"] == 5
    assert (await http.get(ROUTES)).json() == {"items": [one.json()]}
    tag = {"If-None-Match": one.headers["ETag"]}
    assert (await http.get(f"{ROUTES}/web", headers=tag)).status_code == 304
    assert (await http.get(f"{ROUTES}/other")).status_code == 404


async def test_a_change_is_an_edit_of_the_line(http: httpx.AsyncClient, world: Written) -> None:
    """The comment stays, the loop serves it, the answer names the revision."""
    await world.operator.reconcile_now()
    tag = (await http.get(f"{ROUTES}/web")).headers["ETag"]
    answer = await http.patch(
        f"{ROUTES}/web", json={"spec": {"priority": 7}}, headers={"If-Match": tag}
    )
    assert answer.status_code == 200
    assert world.read("web.yaml") == FILE.replace("5   # high", "7   # high")
    told = answer.json()
    assert told["revision"] == world.operator.stack.ledger.revision
    assert (told["changed"], told["files"]) == (["Route/web"], ["specs/web.yaml"])
    (event,) = world.operator.events(1)
    assert (event["ref"], event["reason"]) == ("Route/web", "Edited")
    assert event["message"] == "by for admin, asked through the API"
    assert "-  priority: 5   # high\n+  priority: 7   # high\n" in told["diff"]
    await world.operator.reconcile_now()
    assert world.served.rules["web"][0].priority == 7


async def test_a_new_one_goes_to_its_file(http: httpx.AsyncClient, world: Written) -> None:
    """201 once, a conflict the second time; PUT writes it where it stands."""
    answer = await http.post(ROUTES, json=route("gone"))
    assert answer.status_code == 201
    assert (await http.post(ROUTES, json=route("gone"))).status_code == 409
    assert world.read() == (
        "apiVersion: reconciler.dev/v1\nkind: Route\nmetadata:\n  name: gone\n"
        "spec:\n  respond:\n    status: 204\n"
    )
    answer = await http.put(f"{ROUTES}/more", json={"spec": {"respond": {"status": 410}}})
    assert answer.status_code == 201
    body = {"metadata": {"labels": {"a": "b"}}, "spec": {"respond": {"status": 411}}}
    answer = await http.put(f"{ROUTES}/more", json=body, headers={"If-Match": "*"})
    assert answer.status_code == 200
    assert world.read().endswith(
        "metadata:\n  name: more\n  labels:\n    a: b\nspec:\n  respond:\n    status: 411\n"
    )
    answer = await http.delete(f"{ROUTES}/more", headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["changed"]) == (200, ["Route/more"])
    assert "more" not in world.read()


async def test_who_has_not_seen_it_changes_nothing(http: httpx.AsyncClient, world: Written) -> None:
    """428 without a tag, 412 with an old one, and the file is as it was."""
    before = tree(world)
    old = {"If-Match": '"old"'}
    calls: list[tuple[str, Any]] = [("PUT", route("web")), ("PATCH", {}), ("DELETE", None)]
    for method, body in calls:
        at = f"{ROUTES}/web"
        assert (await http.request(method, at, json=body)).status_code == 428
        assert (await http.request(method, at, json=body, headers=old)).status_code == 412
    only_new = {"If-None-Match": "*"}
    answer = await http.put(f"{ROUTES}/web", json=route("web"), headers=only_new)
    assert answer.status_code == 412
    answer = await http.put(f"{ROUTES}/new", json=route("new"), headers=old)
    assert answer.status_code == 412
    assert tree(world) == before


async def test_two_writers_one_wins(http: httpx.AsyncClient, world: Written) -> None:
    """Both saw the same; the second is told, and nothing of his is written."""
    tag = {"If-Match": (await http.get(f"{ROUTES}/web")).headers["ETag"]}
    answers = await asyncio.gather(
        *(
            http.patch(f"{ROUTES}/web", json={"spec": {"priority": n}}, headers=tag)
            for n in range(9)
        )
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200, *[412] * 8]


@pytest.mark.parametrize(
    ("spec", "at", "why"),
    [
        ({"priority": "high"}, "spec.priority", '"priority" must be a whole number'),
        ({"prioritty": 1}, "spec.prioritty", 'unknown field "prioritty"'),
        ({"match": {"pathPrefix": "no"}}, "spec.match.pathPrefix", "a path begins with /"),
        ({"proxy": {"backend": "x"}}, "spec.proxy.backend", "not an address"),
        ({"respond": {"status": 200}}, "", "write exactly one of"),
    ],
)
async def test_a_wrong_rule_is_refused(
    http: httpx.AsyncClient, world: Written, *, spec: Any, at: str, why: str
) -> None:
    """422 with the resource, the field and the reason; nothing is changed."""
    before = tree(world)
    answer = await http.patch(f"{ROUTES}/web", json={"spec": spec}, headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["reason"] == "Invalid"
    assert told["errors"][0]["ref"] == "Route/web"
    assert at in told["errors"][0]["at"]
    assert why in told["errors"][0]["message"]
    assert tree(world) == before


async def test_a_dry_run_tells_the_plan(http: httpx.AsyncClient, world: Written) -> None:
    """What would be written and what would be done; nothing is."""
    await world.operator.reconcile_now()
    before = tree(world)
    answer = await http.patch(
        f"{ROUTES}/web?dryRun=true", json={"spec": {"priority": 7}}, headers={"If-Match": "*"}
    )
    told = answer.json()
    assert told["dryRun"]
    assert "+  priority: 7" in told["diff"]
    (change,) = told["plan"]["changes"]
    assert (change["ref"], change["verb"]) == ("Route/web", "update")
    assert [one["path"] for one in change["fields"]] == ["priority"]
    made = await http.post(f"{ROUTES}?dryRun=true", json=route("new"))
    assert made.status_code == 200
    assert [one["verb"] for one in made.json()["plan"]["changes"]] == ["create"]
    shadow = route("low", match={"pathPrefix": "/web/a/"}, respond={"status": 204})
    told = (await http.post(f"{ROUTES}?dryRun=true", json=shadow)).json()
    assert [one["ref"] for one in told["warnings"]] == ["Route/low"]
    assert "Route/web" in str(told["warnings"])
    assert tree(world) == before
    assert (await world.operator.plan())["inSync"]


async def test_a_commit_by_who_asked(http: httpx.AsyncClient, world: Written) -> None:
    """In a repository the revision is the commit, its author the caller."""
    world.commit()
    answer = await http.patch(
        f"{ROUTES}/web", json={"spec": {"priority": 7}}, headers={"If-Match": "*"}
    )
    assert answer.json()["revision"] == world.git("rev-parse", "HEAD")
    assert world.git("show", "-s", "--format=%an") == "for admin"
    world.write("web.yaml", FILE + "# being edited\n")
    answer = await http.delete(f"{ROUTES}/web", headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["reason"]) == (409, "EditsPending")
    assert world.read("web.yaml").endswith("# being edited\n")


async def test_who_may_not_write(http: httpx.AsyncClient, world: Written, token: Grant) -> None:
    """Reading takes a token, writing one with the scope admin."""
    before = tree(world)
    http.headers.pop("Authorization")
    for scope in ("", "read", "operate"):
        headers = {"If-Match": "*", **(token(scope) if scope else {})}
        code = 403 if scope else 401
        assert (await http.post(ROUTES, json=route("a"), headers=headers)).status_code == code
        assert (await http.delete(f"{ROUTES}/web", headers=headers)).status_code == code
        seen = await http.get(ROUTES, headers=headers)
        assert seen.status_code == (200 if scope else 401)
    assert tree(world) == before


HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"\xff",
    b'{"spec": NaN}',
    b'{"spec": {"priority": 1e999}}',
    b'{"spec": {"priority": NaN}}',
    b'{"spec": {"respond": {"status": 200, "body": "\\ud800"}}}',
    b'{"spec": {"respond": {"status": 200, "body": "\\u0000"}}}',
    b'{"metadata": {"name": "other"}, "spec": {"respond": {"status": 200}}}',
    b'{"metadata": {"name": "a\\nb"}, "spec": {"respond": {"status": 200}}}',
    b'{"kind": "Process", "spec": {"shell": "true"}}',
    b'{"apiVersion": "v0", "spec": {"respond": {"status": 200}}}',
    b'{"spec": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
    b'{"spec": ' + b"[" * 100_000,
    b'{"spec": {"priority": ' + b"9" * 400 + b"}}",
    b'{"spec": {"x": "' + b"y" * 200_000 + b'"}}',
    b'{"spec": {"respond": {"status": 200}}, "status": {}}',
]


async def test_hostile_bodies(http: httpx.AsyncClient, world: Written) -> None:
    """A refusal in words, and nothing is written."""
    before = tree(world)
    calls = (("PUT", "/web"), ("PUT", "/new"), ("POST", ""))
    for body, (method, path) in product(HOSTILE, calls):
        headers = {"If-Match": "*", "Content-Type": "application/json"}
        if method == "POST" and b"other" in body:
            continue  # there the body alone says the name
        if method == "PUT" and path == "/new":
            headers.pop("If-Match", None)
        answer = await http.request(method, ROUTES + path, content=body, headers=headers)
        assert answer.status_code in {400, 422}, answer.text
        assert answer.json()["detail"]
    assert tree(world) == before


async def test_texts_that_yaml_could_misread_come_back(
    http: httpx.AsyncClient, world: Written
) -> None:
    """Whatever a rule may hold is written so that it is read as it was meant."""
    for number, text in enumerate(
        [
            "no",
            "1e3",
            "0x10",
            "~",
            "'",
            '"',
            "a: b",
            "# x",
            "a\nb\n",
            " x ",
            "\u2028",
            "é\U0001f600",
        ]
    ):
        name = f"t{number}"
        spec = {"respond": {"status": 200, "body": text}}
        answer = await http.put(f"{ROUTES}/{name}", json={"spec": spec})
        assert answer.status_code == 201, answer.text
        assert (await http.get(f"{ROUTES}/{name}")).json()["spec"] == spec
        spec = {"respond": {"status": 200, "body": f"{text}{text}"}}
        answer = await http.patch(
            f"{ROUTES}/{name}", json={"spec": spec}, headers={"If-Match": "*"}
        )
        assert answer.status_code == 200, answer.text
        assert (await http.get(f"{ROUTES}/{name}")).json()["spec"] == spec


async def test_two_mebibytes_are_welcome(http: httpx.AsyncClient, world: Written) -> None:
    """As a body; what no spec can hold is refused for what it is, and four times that at once."""
    large = {"spec": {"respond": {"status": 200, "body": "x" * (2 << 20)}}}
    answer = await http.put(f"{ROUTES}/large", json=large)
    assert answer.status_code == 422
    larger = {"spec": {"respond": {"status": 200, "body": "x" * (5 << 20)}}}
    assert (await http.put(f"{ROUTES}/large", json=larger)).status_code == 413


async def test_who_only_reads_sees_no_secret(
    http: httpx.AsyncClient, world: Written, token: Grant
) -> None:
    """Not even one that somebody has written in the open; who may write it sees it."""
    world.write(
        "web.yaml",
        FILE
        + """\
---
apiVersion: reconciler.dev/v1
kind: Route
metadata:
  name: api
  annotations: {reconciler.dev/rule-id: api}
spec:
  proxy:
    backend: http://127.0.0.1:1
    setHeaders:
      - {name: X-Api-Key, value: hunter2}
      - {name: X-Plain, value: seen}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: door}
spec:
  match: {headers: [{name: X-Gate-Token, equals: hunter2}, {name: X-Env, equals: seen}]}
  respond: {status: 204}
""",
    )
    reader = token("read")
    plan = "/admin/api/v1/plan"
    for path in (ROUTES, f"{ROUTES}/api", f"{ROUTES}/door", "/admin/routes.json", plan):
        mine = await http.get(path)
        theirs = await http.get(path, headers=reader)
        assert (mine.status_code, theirs.status_code) == (200, 200)
        assert "hunter2" in mine.text
        assert "hunter2" not in theirs.text
        assert "seen" in theirs.text


async def test_a_golden_request_that_would_fail_refuses_the_edit(
    http: httpx.AsyncClient, world: Written
) -> None:
    """Its route, its place, who would get it; the new route that is to blame is not written."""
    world.write("web.yaml", FILE + "  tests: [{get: /web/x, expect: {route: web}}]\n")
    before = tree(world)
    thief = route("thief", priority=9, match={"pathPrefix": "/"}, respond={"status": 204})
    answer = await http.post(ROUTES, json=thief)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert (fault["ref"], fault["place"].split(":")[0]) == ("Route/web", "specs/web.yaml")
    assert "thief" in fault["message"]
    assert tree(world) == before
    thief["spec"]["priority"] = 1
    assert (await http.post(ROUTES, json=thief)).status_code == 201


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b'{"spec": {}}', "application/x-www-form-urlencoded", "body: send JSON, with Content-Ty"),
        (b'{"spec": {}}', None, "body: send JSON, with Content-Type: application/json"),
        (b'{"spec":', "application/json", "body.8: no JSON: expecting value"),
    ],
)
async def test_what_is_no_json_is_told(
    http: httpx.AsyncClient, content: bytes, kind: str | None, said: str
) -> None:
    """As `curl -d` sends it, too."""
    headers = {"If-Match": "*"} | ({"Content-Type": kind} if kind else {})
    answer = await http.patch(f"{ROUTES}/web", content=content, headers=headers)
    assert (answer.status_code, answer.json()["detail"].startswith(said)) == (422, True), (
        answer.text
    )
