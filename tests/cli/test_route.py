"""route test: what would come of a request, step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.asked_request import read_request
from reconciler.cli.outcome import Failure

ROUTES = """\
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: api}
spec:
  priority: 5
  match: {pathPrefix: /api/, methods: [POST]}
  proxy:
    backend: "http://127.0.0.1:1"
    stripPrefix: true
    setHeaders: [{name: X-Forwarded-Prefix, value: /api}]
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: any}
spec:
  match: {host: "*.example.com", pathPrefix: /api/}
  redirect: {toPrefix: /new/, code: 308}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {name: ui}
spec:
  priority: 7
  match: {refererSubstr: ui, headers: [{name: X-Env, regex: "^a$"}]}
  respond: {status: 204}
  access: {deny: [10.0.0.0/8], auth: {bearer: {tokens: [{from: {env: API_TOKEN}}]}}}
"""


@pytest.fixture
def specs(stack_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three routes."""
    monkeypatch.setenv("API_TOKEN", "0123456789abcdef")
    folder = stack_dir / "specs"
    folder.mkdir()
    (folder / "routes.yaml").write_text(ROUTES)
    return folder


def test_the_steps_are_told(reconciler: Any, specs: Path) -> None:
    """The path as it is compared, who could serve it and why not, who does, what comes of it."""
    code, out, err = reconciler("route", "test", "http://a.Example.com:80/%61pi/x?q=1")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "GET http://a.example.com/%61pi/x?q=1",
        "path       /api/x (written /%61pi/x)",
        "candidates",
        "   ✘ Route/ui  specs/routes.yaml:19 the Referer must contain 'ui'; there is none",
        "   ✘ Route/api specs/routes.yaml:1  the method must be POST; it is GET",
        "   ✔ Route/any specs/routes.yaml:12 all it asks for holds",
        "served by  Route/any (specs/routes.yaml:12)",
        "redirected 308 to /new/x?q=1",
        "gateway    not asked: none runs here",
    ]


def test_where_it_is_sent(reconciler: Any, specs: Path) -> None:
    """The program, the path it sees, the headers set on the way."""
    out = reconciler("route", "test", "/api/x?q", "-X", "post").out
    assert "sent to    http://127.0.0.1:1\n" in out
    assert "as         /x?q\n" in out
    assert "with       X-Forwarded-Prefix: /api\n" in out


def test_headers_decide(reconciler: Any, specs: Path) -> None:
    """As many as are given; two of one name are one value."""
    ask = ("route", "test", "/", "-H", "Referer: http://h/ui", "-H", "X-Env: a")
    assert "answered   204, by the gateway itself" in reconciler(*ask).out
    assert "asks for   its address and a token" in reconciler(*ask).out
    assert "it is 'a, b'" in reconciler(*ask, "-H", "x-env: b").out


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/metrics", "the operator itself; no route is asked"),
        ("/a/%2e%2e/b", "refused with 400"),
        ("/none", "404: no route serves it"),
    ],
)
def test_what_no_route_serves(reconciler: Any, specs: Path, url: str, says: str) -> None:
    """Our own paths, refused ones, and those nobody wants."""
    code, out, _ = reconciler("route", "test", url)
    assert code == 0
    assert says in out


def test_the_decision_as_data(reconciler: Any, specs: Path) -> None:
    """Every step, for programs."""
    said = json.loads(reconciler("route", "test", "/api/x", "-X", "POST", "-o", "json").out)
    assert (said["route"], said["path"], said["reserved"]) == ("api", "/api/x", False)
    assert said["outcome"]["headers"] == {"X-Forwarded-Prefix": "/api"}
    assert [one["wins"] for one in said["candidates"]] == [False, True]
    assert said["gateway"] == {"asked": False, "why": "none runs here"}


@pytest.mark.parametrize(
    ("url", "headers", "says"),
    [
        ("example.com/x", [], "is no address"),
        ("ftp://h/x", [], "is no address"),
        ("http://user@h/", [], "names no host"),
        ("/", ["X-Env a"], "is no header"),
    ],
)
def test_what_is_no_request_is_refused(url: str, headers: list[str], says: str) -> None:
    """In words, with how to write it."""
    with pytest.raises(Failure, match=says):
        read_request(url, "GET", headers)


@pytest.mark.parametrize(
    ("url", "host", "path", "query"),
    [
        ("http://h", "h", "/", ""),
        ("https://H.X.:8443/a?b=c?d#e", "h.x", "/a", "b=c?d"),
        ("http://[::1]:80?q", "[::1]", "/", "q"),
        ("/a//b", "localhost", "/a//b", ""),
    ],
)
def test_an_address_is_read_as_it_is(url: str, host: str, path: str, query: str) -> None:
    """Nothing is tidied up: a gateway would not either."""
    asked = read_request(url, "GET", [])
    assert (asked.request.host, asked.request.path, asked.query) == (host, path, query)
