"""Requests of the past, decided twice."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.kinds.route.match import Request
from reconciler.kinds.route.replay import Past, Rules, read_past, replay
from reconciler.kinds.route.state import Rule

A, B = "http://127.0.0.1:1", "http://127.0.0.1:2"


def rule(backend: str = A, priority: int = 0, **match: Any) -> Rule:
    return Rule.model_validate(
        {"priority": priority, "match": match, "proxy": {"backend": backend}}
    )


def past(*paths: str, **more: Any) -> list[Past]:
    return [Past(Request(path, **more)) for path in paths]


def test_only_what_goes_elsewhere_is_told() -> None:
    """Once for each way, how often, with an example; a new name for the same is no news."""
    before = Rules({"web": rule(pathPrefix="/"), "old": rule(B, 1, pathPrefix="/b/")}, A)
    after = Rules({"site": rule(pathPrefix="/"), "new": rule(B, 1, pathPrefix="/c/")}, A)
    found = replay(past("/", "/b/1", "/b/2", "/c/1", "/%2e%2e/"), before, after)
    assert (found.requests, found.undecided) == (5, 0)
    told = [(m.before.route, m.after.route, m.times, m.example.path) for m in found.moves]
    assert told == [("old", "site", 2, "/b/1"), ("web", "new", 1, "/c/1")]
    assert (found.moves[0].before.to, found.moves[0].after.to) == (B, A)


def test_the_default_and_nowhere_are_places_too() -> None:
    """A route that goes leaves its requests to the default, or to nobody."""
    before = Rules({"web": rule(B, pathPrefix="/a/")})
    (move,) = replay(past("/a/"), before, Rules({}, A)).moves
    assert (move.after.route, move.after.to) == (None, A)
    (move,) = replay(past("/a/"), before, Rules({})).moves
    assert (move.after.kind.value, move.after.status) == ("nothing", 404)


def test_what_the_program_is_asked_for_counts() -> None:
    """The same program, but another path: elsewhere."""
    plain = {"match": {"pathPrefix": "/a/"}, "proxy": {"backend": A}}
    strip = {"match": {"pathPrefix": "/a/"}, "proxy": {"backend": A, "stripPrefix": True}}
    before, after = (Rules({"web": Rule.model_validate(one)}) for one in (plain, strip))
    (move,) = replay(past("/a/x"), before, after).moves
    assert move.targets == ("/a/x", "/x")


def test_what_nobody_kept_is_not_taken_for_absent() -> None:
    """A header that was not kept may change everything: that is said, not guessed."""
    named = Rules(
        {
            "web": rule(pathPrefix="/"),
            "beta": rule(B, 5, pathPrefix="/", headers=[{"name": "X-Beta", "equals": "1"}]),
        }
    )
    plain = Rules({"web": rule(pathPrefix="/")})
    seen = [read_past({"path": "/"}, named.named() - plain.named())]
    found = replay(seen, plain, named)
    assert (found.undecided, found.headers, found.moves) == (1, ("x-beta",), ())
    secret = [read_past({"path": "/", "headers": {"X-Beta": None}})]
    assert replay(secret, named, named).undecided == 1
    known = [read_past({"path": "/", "headers": {"X-Beta": "1"}})]
    assert len(replay(known, plain, named).moves) == 1
    elsewhere = [read_past({"path": "/", "headers": {"X-Other": None}})]
    assert replay(elsewhere, plain, named).undecided == 0


@pytest.mark.parametrize(
    "said",
    [{}, {"path": 1}, {"path": "/", "headers": []}, {"path": "/", "headers": {"a": 1}},
     {"path": "/", "method": 5}],
)  # fmt: skip
def test_what_is_no_request_is_refused(said: dict[str, Any]) -> None:
    """In words."""
    if said.get("headers") == []:
        assert read_past(said).hidden == frozenset()
        return
    with pytest.raises(ValueError, match="a request has a path"):
        read_past(said)
