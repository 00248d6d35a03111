"""What users of the original's router rely on, one by one, and what of it is better here."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.kinds.route.match import Request, Table, winner
from reconciler.kinds.route.shadows import find_shadows

from .conftest import Backend, Gateway, MakeBackend, rule_of

pytestmark = pytest.mark.real


def answer(text: str, match: dict[str, Any], **more: object) -> dict[str, object]:
    return {"match": match, "respond": {"status": 200, "body": text}, **more}


async def test_the_highest_priority_wins(gateway: Gateway) -> None:
    """However long the others' conditions are."""
    await gateway.serve(
        short=answer("short", {}, priority=1),
        long=answer("long", {"pathPrefix": "/a/b/c", "refererSubstr": "webui"}),
    )
    assert (await gateway.get("/a/b/c", headers={"Referer": "webui"})).text == "short"


async def test_then_the_longer_path_prefix(gateway: Gateway) -> None:
    """Before any Referer."""
    await gateway.serve(
        referer=answer("referer", {"pathPrefix": "/a", "refererSubstr": "a-long-referer"}),
        longer=answer("longer", {"pathPrefix": "/a/"}, order=9),
    )
    assert (await gateway.get("/a/x", headers={"Referer": "a-long-referer"})).text == "longer"


async def test_then_the_longer_referer(gateway: Gateway) -> None:
    """Before the place in the list."""
    await gateway.serve(
        shorter=answer("shorter", {"refererSubstr": "web"}, order=0),
        longer=answer("longer", {"refererSubstr": "webui"}, order=1),
    )
    assert (await gateway.get("/", headers={"Referer": "http://h/webui/"})).text == "longer"


async def test_then_the_first_in_the_list(gateway: Gateway) -> None:
    """The place in an imported list is `order`."""
    await gateway.serve(
        a=answer("second", {"pathPrefix": "/x"}, order=2),
        z=answer("first", {"pathPrefix": "/x"}, order=1),
    )
    assert (await gateway.get("/x")).text == "first"


async def test_the_length_of_an_exact_path_does_not_count(gateway: Gateway) -> None:
    """A prefix of one character is longer than the longest exact path."""
    exact = answer("exact", {"pathEqual": "/a/very/long/path"})
    await gateway.serve(exact=exact, prefix=answer("prefix", {"pathPrefix": "/"}))
    assert (await gateway.get("/a/very/long/path")).text == "prefix"
    await gateway.serve(exact={**exact, "priority": 1})
    assert (await gateway.get("/a/very/long/path")).text == "exact"


async def test_all_conditions_hold_together(gateway: Gateway) -> None:
    """One that does not hold is enough to be passed over."""
    match: dict[str, Any] = {
        "host": "example.com",
        "pathPrefix": "/a",
        "methods": ["POST"],
        "refererSubstr": "ui",
        "refererRegex": "^http",
        "headers": [{"name": "X-Env", "contains": "a", "regex": "^[ab]+$"}],
    }
    await gateway.serve(all=answer("all", match))
    fine = {"Host": "example.com", "Referer": "http://ui", "X-Env": "ab"}
    assert (await gateway.client.post("/a", headers=fine)).text == "all"
    for name, value in (("Host", "b.example.com"), ("Referer", "ui"), ("X-Env", "ac")):
        other = await gateway.client.post("/a", headers={**fine, name: value})
        assert other.status_code == 404, name
    assert (await gateway.get("/a", headers=fine)).status_code == 404


async def test_a_very_low_priority_serves_too(gateway: Gateway) -> None:
    """In the original, what was below -1 never matched, and nobody was told."""
    await gateway.serve(low=answer("low", {}, priority=-7))
    assert (await gateway.get("/x")).text == "low"


async def test_a_path_is_forwarded_as_it_is(gateway: Gateway, backend: Backend) -> None:
    """Nothing is taken off; programs below a prefix are told of it by a header."""
    header = {"name": "X-Forwarded-Prefix", "value": "/webui"}
    proxy = {"backend": backend.url, "setHeaders": [header]}
    await gateway.serve(webui={"match": {"pathPrefix": "/webui/"}, "proxy": proxy})
    said = await gateway.echo("/webui/a?b=1")
    assert said["target"] == "/webui/a?b=1"
    assert said["headers"]["x-forwarded-prefix"] == "/webui"


async def test_redirects_are_of_any_kind_and_keep_the_query(gateway: Gateway) -> None:
    """In the original each was a 301, and the query was lost."""
    for code in (301, 302, 307, 308):
        to = {"to": "/webui/", "code": code}
        await gateway.serve(slash={"match": {"pathEqual": "/webui"}, "redirect": to})
        said = await gateway.get("/webui?a=%2F&b")
        assert (said.status_code, said.headers["Location"]) == (code, "/webui/?a=%2F&b")
    moved = {"match": {"pathPrefix": "/old/"}, "redirect": {"toPrefix": "/new/", "code": 301}}
    await gateway.serve(moved=moved)
    assert (await gateway.get("/old/a/b?c")).headers["Location"] == "/new/a/b?c"


RESERVED = [
    *("/health", "/healthz", "/livez", "/readyz", "/metrics", "/health/x", "/admin/ui/x"),
    *("/admin/routes.json", "/admin/password", "/api/sync-progress", "/admin/api/v1/status"),
    *("/api/pm/x", "/sync/api/x", "/%68ealth", "/admin//ui//x"),
]


async def test_no_rule_captures_a_reserved_path(gateway: Gateway, backend: Backend) -> None:
    """By no Referer, header or priority; there is no operator here, so nobody answers."""
    loud = {"headers": [{"name": "X-Any", "regex": "."}], "refererSubstr": "webui"}
    for name, match in (("referer", {"refererSubstr": "webui"}), ("all", {}), ("loud", loud)):
        proxy = {"backend": backend.url}
        await gateway.serve(**{name: {"priority": 1_000_000, "match": match, "proxy": proxy}})
    for path in RESERVED:
        said = await gateway.get(path, headers={"Referer": "http://h/webui/", "X-Any": "x"})
        assert said.status_code in {401, 403, 404, 502, 503}, path
    assert backend.requests == []


async def test_what_is_beside_a_reserved_path_is_free(gateway: Gateway, backend: Backend) -> None:
    """As in the original: only these few are taken."""
    await gateway.serve(default=backend.url)
    for path in ("/admin/anything", "/admin/ui", "/api/ws/x", "/api/auth/login", "/sync/x"):
        assert (await gateway.echo(path))["target"] == path


DEFAULTS: dict[str, dict[str, Any]] = {
    "proxy-api-ws": {"match": {"pathPrefix": "/api/ws/"}, "to": "napcat", "priority": 200},
    "redirect-webui-slash": {"match": {"pathEqual": "/webui"}, "move": "/webui/", "priority": 200},
    "redirect-sync-slash": {"match": {"pathEqual": "/sync"}, "move": "/sync/", "priority": 200},
    "proxy-referer-webui": {"match": {"refererSubstr": "webui"}, "to": "napcat", "priority": 195},
    "proxy-webui-referer": {
        "match": {"refererSubstr": "/webui/"},
        "to": "napcat",
        "priority": 190,
    },
    "proxy-webui": {"match": {"pathPrefix": "/webui/"}, "to": "napcat", "priority": 180},
    "proxy-sync": {"match": {"pathPrefix": "/sync/"}, "to": "syncd", "priority": 180},
    "proxy-filebrowser": {"match": {"pathPrefix": "/filebrowser/"}, "to": "files", "priority": 180},
}
NOWHERE = {name: Backend(port=1) for name in ("napcat", "syncd", "files")}
GEMINI: dict[str, dict[str, Any]] = {
    "proxy-referer-gemini": {"match": {"refererSubstr": "gemini"}, "to": "gemini", "priority": 195},
    "proxy-gemini": {"match": {"pathPrefix": "/gemini/"}, "to": "gemini", "priority": 180},
    "proxy-gemini-2": {"match": {"pathPrefix": "/gemini/"}, "to": "napcat", "priority": 170},
    "gemini-slash": {"match": {"pathEqual": "/gemini"}, "move": "/gemini/", "priority": 175},
}  # fmt: skip
REQUESTS = [
    ("/api/ws/x", "", "napcat"),
    ("/api/ws/x", "http://h/gemini/", "napcat"),
    ("/webui", "", "/webui/"),
    ("/webui", "http://h/webui/", "/webui/"),
    ("/sync", "", "/sync/"),
    ("/assets/x.js", "http://h/webui/", "napcat"),
    ("/webui/a", "", "napcat"),
    ("/webui/a", "http://h/", "napcat"),
    ("/sync/a", "", "syncd"),
    ("/sync/a", "http://h/webui/", "napcat"),
    ("/filebrowser/a", "", "files"),
    ("/filebrowser", "", "astrbot"),
    ("/", "", "astrbot"),
    ("/api/stat", "http://h/", "astrbot"),
]
OF_GEMINI = [
    ("/gemini/v1/models", "", "gemini"),
    ("/gemini", "", "/gemini/"),
    ("/static/x.css", "http://h/gemini/keys", "gemini"),
    ("/webui/a", "http://h/gemini/", "gemini"),
    ("/gemini/x", "http://h/webui/", "napcat"),
]


@pytest.mark.parametrize(
    ("given", "asked"),
    [(DEFAULTS, REQUESTS), ({**DEFAULTS, **GEMINI}, [*REQUESTS, *OF_GEMINI])],
    ids=["era C", "era A"],
)
async def test_the_default_rules_serve_as_they_did(
    gateway: Gateway, make_backend: MakeBackend, given: dict[str, Any], asked: list[Any]
) -> None:
    """Each of the original's rules, on programs of its own; the Python twin says the same."""
    names = ("napcat", "syncd", "files", "gemini", "astrbot")
    programs = {name: await make_backend() for name in names}
    specs = {name: written(n, rule, programs) for n, (name, rule) in enumerate(given.items())}
    await gateway.serve(default=programs["astrbot"].url, **specs)
    rules = {name: rule_of(spec) for name, spec in specs.items()}
    for path, referer, where in asked:
        said = await gateway.get(path, headers={"Referer": referer} if referer else {})
        name = winner(rules, Request(path, referer=referer or None))
        if where.startswith("/"):
            assert (said.status_code, said.headers["Location"]) == (301, where)
            assert given[name or ""].get("move") == where
        else:
            assert said.status_code == 200
            last = programs[where].requests.pop()
            assert last.startswith(f"GET {path} ".encode()), (path, referer)
            assert (given[name]["to"] if name else "astrbot") == where


def written(order: int, rule: dict[str, Any], programs: dict[str, Backend]) -> dict[str, object]:
    """A rule of the list as a route."""
    spec = {"priority": rule["priority"], "order": order, "match": rule["match"]}
    if "to" in rule:
        return {**spec, "proxy": {"backend": programs[rule["to"]].url}}
    return {**spec, "redirect": {"to": rule["move"], "code": 301}}


def test_one_of_the_original_rules_was_never_used() -> None:
    """Nobody could see it there: another with a higher priority takes all of its requests."""
    specs = {name: written(n, rule, NOWHERE) for n, (name, rule) in enumerate(DEFAULTS.items())}
    table = Table({name: rule_of(spec) for name, spec in specs.items()})
    unused = {one.entry.name: [by.name for by in one.by] for one in find_shadows(table.entries)}
    assert unused == {"proxy-webui-referer": ["proxy-referer-webui"]}
