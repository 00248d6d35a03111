"""What may be asked for the moment, and how it is written down."""

from __future__ import annotations

import pytest

from reconciler.core.errors import Terminal
from reconciler.core.model import Ref

from .conftest import Ask, Grant, Operator

ROOT = "/admin/api/v1"
GATEWAY = {"X-Reconciler-Client": "stranger", "X-Real-IP": "203.0.113.9"}


@pytest.mark.parametrize("verb", ["stop", "start", "restart", "reload"])
async def test_one_is_asked(ask: Ask, operator: Operator, token: Grant, verb: str) -> None:
    """The operator hears what, for how long, why and who; the answer is what came of it."""
    order = {"for": "1h30m", "reason": "a look inside"}
    async with ask(**GATEWAY, **token("operate")) as http:
        answer = await http.post(f"{ROOT}/resources/Process/web-0/{verb}", json=order)
    assert answer.status_code == 202
    asked = operator.asked[Ref("Process", "web-0")]
    assert [one["requests"] for one in answer.json()["items"]] == [[asked]]
    assert (asked["verb"], asked["reason"]) == (verb, "a look inside")
    assert asked["author"] == "for operate"
    assert asked["seconds"] == (5400.0 if verb in {"stop", "start"} else None)


async def test_a_family_is_asked(ask: Ask, operator: Operator) -> None:
    """The name that is written means every instance, for an hour unless said otherwise."""
    async with ask(X_Reconciler_Author="alice\x01") as http:
        answer = await http.post(f"{ROOT}/resources/Process/api/stop")
    assert [str(ref) for ref in operator.asked] == ["Process/api-0", "Process/api-1"]
    assert len(answer.json()["items"]) == 2
    asked = operator.asked.values()
    assert {(one["seconds"], one["author"]) for one in asked} == {(3600.0, "alice")}


async def test_only_the_owner_names_another(ask: Ask, operator: Operator, token: Grant) -> None:
    """Through the gateway the author is the token's name, whatever a header says."""
    async with ask(**GATEWAY, **token("operate")) as http:
        said = {"X-Reconciler-Author": "root"}
        await http.post(f"{ROOT}/resources/Process/web-0/stop", headers=said)
    assert operator.asked[Ref("Process", "web-0")]["author"] == "for operate"


async def test_it_is_taken_back(ask: Ask, operator: Operator) -> None:
    """What is asked is listed until it is taken back; then there is nothing to take back."""
    async with ask() as http:
        await http.post(f"{ROOT}/resources/Process/api/stop")
        assert len((await http.get(f"{ROOT}/requests")).json()["items"]) == 2
        gone = await http.delete(f"{ROOT}/requests/Process/api")
        assert len(gone.json()["items"]) == 2
        again = await http.delete(f"{ROOT}/requests/Process/api")
    assert (again.status_code, again.json()["detail"]) == (404, "nothing is asked of Process/api")
    assert operator.asked == {}


async def test_who_takes_it_back_is_named(ask: Ask, operator: Operator, token: Grant) -> None:
    """As whoever asks is."""
    async with ask(**GATEWAY, **token("operate")) as http:
        await http.post(f"{ROOT}/resources/Process/web/stop")
        await http.delete(f"{ROOT}/requests/Process/web")
    assert operator.released == [(Ref("Process", "web-0"), "for operate")]


@pytest.mark.parametrize(
    ("name", "status"), [("nobody", 404), ("web-9", 404), ("reconciler", 409), ("%20", 404)]
)
async def test_not_to_be_asked(ask: Ask, operator: Operator, name: str, status: int) -> None:
    """What is not there, and the stack's own programs, cannot be asked."""
    async with ask() as http:
        answer = await http.post(f"{ROOT}/resources/Process/{name}/stop")
    assert (answer.status_code, operator.asked) == (status, {})
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        {"for": "soon"},
        {"for": 3600},
        {"for": "0s"},
        {"for": "-1h"},
        {"reason": "two\nlines"},
        {"reason": "x" * 501},
        {"until": "1h"},
        [],
        "stop",
    ],
)
async def test_an_odd_order(ask: Ask, operator: Operator, body: object) -> None:
    """An order that is none is refused with the name of what is odd, and nothing happens."""
    async with ask() as http:
        answer = await http.post(f"{ROOT}/resources/Process/web-0/stop", json=body)
        unknown = await http.post(f"{ROOT}/resources/Process/web-0/explode")
    assert (answer.status_code, unknown.status_code) == (422, 422)
    assert answer.json()["errors"][0]["at"].startswith("body")
    assert operator.asked == {}


@pytest.mark.parametrize(
    ("reason", "status"),
    [("NotFound", 404), ("NotSupported", 422), ("Refused", 409), ("Unreachable", 503)],
)
async def test_the_engine_refuses(ask: Ask, operator: Operator, reason: str, status: int) -> None:
    """A refusal of the engine keeps its words and its reason."""
    async with ask() as http:
        view = await http.get(f"{ROOT}/status")
        assert view.status_code == 200

        async def refuse(*_: object, **__: object) -> object:
            raise Terminal("it is switched off", reason=reason)

        operator.ask = refuse  # type: ignore[method-assign,assignment] # it refuses from now on
        answer = await http.post(f"{ROOT}/resources/Process/web-0/restart")
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.json()["detail"] == "it is switched off"


async def test_pages_of_resources(ask: Ask) -> None:
    """A list comes in pages that end where the next begins, and only of the kind asked for."""
    async with ask() as http:
        url = f"{ROOT}/resources?kind=Process&limit=3"
        first = (await http.get(url)).json()
        rest = (await http.get(f"{url}&after={first['after']}")).json()
        none = (await http.get(f"{ROOT}/resources?kind=Route")).json()
    names = [one["name"] for one in (*first["items"], *rest["items"])]
    assert names == ["api-0", "api-1", "reconciler", "web-0"]
    assert (rest["after"], none) == (None, {"items": [], "after": None})


async def test_known_already(ask: Ask) -> None:
    """Who has the very same answer is told so, without it."""
    async with ask() as http:
        first = await http.get(f"{ROOT}/resources")
        tag = {"If-None-Match": f'"zz", {first.headers["etag"]}'}
        same = await http.get(f"{ROOT}/resources", headers=tag)
        other = await http.get(f"{ROOT}/events", headers=tag)
    assert (same.status_code, same.content) == (304, b"")
    assert other.status_code == 200


@pytest.mark.parametrize("body", [b'{"reason": "\xff"}', b'{"reason": ' + b"[" * 100_000])
async def test_a_body_that_cannot_be_read(ask: Ask, operator: Operator, body: bytes) -> None:
    """It says what would be one, and asks for nothing."""
    async with ask(Content_Type="application/json") as http:
        answer = await http.post("/admin/api/v1/resources/Process/web/stop", content=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "send JSON in UTF-8" in answer.json()["detail"]
    assert operator.asked == {}
