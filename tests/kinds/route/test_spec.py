"""A Route as it is written: what is taken and what is refused, in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.sealed import Sealed
from reconciler.kinds.route.guard import guard_of
from reconciler.kinds.route.spec import RouteSpec

PROXY = {"backend": "http://127.0.0.1:8000"}


def read(**spec: Any) -> RouteSpec:
    return RouteSpec.model_validate(spec, by_alias=True, by_name=False)


def test_the_example_of_the_docs_is_taken() -> None:
    """Everything a route can say today, at once."""
    spec = read(
        priority=180,
        match={
            "host": "*.Example.com",
            "pathPrefix": "/gemini/",
            "methods": ["GET", "POST"],
            "refererSubstr": "webui",
            "refererRegex": "^https://[^/]+/webui/",
            "headers": [{"name": "X-Env", "equals": "a", "contains": "a", "regex": "^a$"}],
        },
        proxy={
            **PROXY,
            "stripPrefix": True,
            "setHeaders": [{"name": "X-Forwarded-Prefix", "value": "/gemini"}],
            "timeouts": {"connect": "500ms", "read": "1h"},
        },
    )
    assert spec.match.host == "*.example.com"
    assert spec.proxy
    assert (spec.proxy.timeouts.connect, spec.proxy.timeouts.read) == (0.5, 3600.0)
    assert spec.proxy.timeouts.send == 600.0


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("http://localhost:6185", "http://localhost:6185"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("HTTP://[::1]:80", "http://[::1]:80"),
        ("https://API.example.com", "https://api.example.com:443"),
        ("ws://app_1", "http://app_1:80"),
        ("wss://[::1]", "https://[::1]:443"),
        ("unix:///run/app.sock", "unix:/run/app.sock"),
    ],
)
def test_a_backend_has_one_spelling(given: str, canonical: str) -> None:
    """So that a difference of spelling is no difference."""
    spec = read(proxy={"backend": given})
    assert spec.proxy
    assert spec.proxy.backend == canonical


@pytest.mark.parametrize(
    ("backend", "says"),
    [
        ("unix:x.sock", "not the path of a socket"),
        ("unix:/run//x.sock", "not the path of a socket"),
        ("unix:/run/x.sock?y", "not the path of a socket"),
        ("unix:/" + "x" * 100, "at most 100 bytes"),
        ("http://a..b", "not a host"),
        ("http://b\u00fccher.example", "not a host"),
        ("http://127.0.0.1:1/base", "a path after 127.0.0.1:1 would replace"),
        ("http://u:p@127.0.0.1:1", "no user name in a backend"),
        ("http://0.0.0.0:80", "requests go to 127.0.0.1"),
        ("http://169.254.169.254", "not an address of a backend"),
        ("http://127.1:80", "write an address in full"),
        ("http://2130706433:80", "write an address in full"),
        ("http://0x7f.0x1", "write an address in full"),
        ("http://[::ffff:169.254.169.254]", "not an address of a backend"),
        ("http://127.0.0.1:99999", "out of range"),
        ("http://127.0.0.1:0", "port 0"),
        ("127.0.0.1:80", "not an address"),
        (8000, "not an address"),
    ],
)
def test_a_backend_that_cannot_be_used_is_refused(backend: object, says: str) -> None:
    """The text names what is wrong with it."""
    with pytest.raises(ValidationError, match=says):
        read(proxy={"backend": backend})


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "exactly one of"),
        ({"proxy": PROXY, "respond": {"status": 200}}, "exactly one of"),
        ({"proxy": {**PROXY, "stripPrefix": True}}, "needs `match.pathPrefix`"),
        ({"redirect": {"toPrefix": "/x"}}, "needs `match.pathPrefix`"),
        ({"redirect": {}}, "either `to` or `toPrefix`"),
        ({"redirect": {"to": "//evil.example/"}}, "not a path"),
        ({"redirect": {"to": "https://h.example"}}, "not a path"),
        ({"redirect": {"to": "https://u@h.example/"}}, "not a path"),
        ({"redirect": {"to": "/x#y"}}, "not a path"),
        ({"redirect": {"to": "/x", "code": 303}}, "301, 302, 307 or 308"),
        ({"respond": {"status": 99}}, "greater than or equal to 200"),
        ({"match": {"host": "a.example:80"}, "proxy": PROXY}, "not a host"),
        ({"match": {"host": "*"}, "proxy": PROXY}, "not a host"),
        ({"match": {"host": "a..b"}, "proxy": PROXY}, "not a host"),
        ({"match": {"methods": ["get"]}, "proxy": PROXY}, "in capital letters, as GET"),
        ({"match": {"pathPrefix": "/a/../b"}, "proxy": PROXY}, "a segment"),
        ({"match": {"methods": []}, "proxy": PROXY}, "at least 1"),
        ({"proxy": {**PROXY, "timeouts": {"read": "0s"}}}, "a timeout of 0"),
        ({"proxy": {**PROXY, "timeouts": {"read": 5}}}, "write it with a unit"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: dict[str, Any], says: str) -> None:
    """Each with what to write instead."""
    with pytest.raises(ValidationError, match=says):
        read(**spec)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x"),
        ("content-length", "1"),
        ("Connection", "close"),
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Reconciler-Client", "local"),
        ("a b", "x"),
        ("", "x"),
        ("X-A", "x\r\nX-B: y"),
        ("X-A", "x\0"),
    ],
)
def test_headers_that_are_not_the_users_are_refused(name: str, value: str) -> None:
    """Those of the gateway, those of one connection, and those that are two."""
    with pytest.raises(ValidationError):
        read(proxy={**PROXY, "setHeaders": [{"name": name, "value": value}]})


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"name": "X-Env"}, "write `equals`, `contains` or `regex`"),
        ({"name": "Host", "equals": "a"}, "write match.host"),
        ({"name": "X_Env", "equals": "a"}, "not a header that nginx reads"),
        ({"name": "X-Forwarded-Proto", "equals": "http"}, "written by the gateway itself"),
        ({"name": "Connection", "equals": "close"}, "written by the gateway itself"),
        ({"name": "X-Env", "equals": " a"}, "begins or ends with a space"),
        ({"name": "X-Env", "equals": "a\nb"}, "one line of text"),
        ({"name": "X-Env", "regex": "(a+)+$"}, "at character 1 of the regex"),
        ({"name": "X-Env", "regex": ""}, "at least 1 character"),
    ],
)
def test_a_header_that_cannot_be_compared_is_refused(header: dict[str, str], says: str) -> None:
    """What never holds, or would be compared before the gateway writes it anew."""
    with pytest.raises(ValidationError, match=says):
        read(match={"headers": [header]}, proxy=PROXY)


KEY = b"k"


@pytest.mark.parametrize(
    ("access", "says"),
    [
        ({"allow": ["10.0.0.1/8"]}, "write 10.0.0.0/8"),
        ({"allow": ["somebody"]}, "not an address or a range"),
        ({"auth": {}}, "either `basic` or `bearer`"),
        ({"auth": {"basic": {"users": []}}}, "at least 1 item"),
        ({"auth": {"basic": {"users": [{"name": "a:b"}]}}}, "without a colon"),
        ({"auth": {"basic": {"users": [{"name": "a"}]}}}, "either `password` or `hash`"),
        ({"auth": {"basic": {"users": [{"name": "a", "password": "x"}]}}}, "not a secret"),
        ({"auth": {"basic": {"users": [{"name": "a", "hash": "x"}]}}}, "htpasswd -nB"),
        ({"auth": {"basic": {"users": [{"name": "a", "hash": "$apr1$x$y"}]}}}, "htpasswd -nB"),
        ({"auth": {"bearer": {"tokens": [Sealed.of("short", KEY)]}}}, "a token has 16 to 1024"),
    ],
)
def test_a_guard_that_guards_nothing_is_refused(access: dict[str, Any], says: str) -> None:
    """An empty list of users, a plain password, a token that can be guessed."""
    with pytest.raises(ValidationError, match=says):
        read(respond={"status": 200}, access=access)


def test_secrets_become_hashes() -> None:
    """The same secret gives the same hash, for one user and one stack only."""

    def hash_of(name: str, word: str, key: bytes = KEY) -> str:
        user = {"name": name, "password": Sealed.of(word, key)}
        spec = read(respond={"status": 200}, access={"auth": {"basic": {"users": [user]}}})
        guard = guard_of(spec.access)
        assert guard
        assert guard.users
        assert guard.users[0].hash
        return guard.users[0].hash.digest

    assert hash_of("me", "word") == hash_of("me", "word")
    others = {hash_of("you", "word"), hash_of("me", "other"), hash_of("me", "word", b"x")}
    assert len(others | {hash_of("me", "word")}) == 4
