"""Routes that are never used are found, and no other is called so."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest
from tests.gateway.test_match_property import a_request, a_rule

from reconciler.kinds.route.match import Request, Table
from reconciler.kinds.route.shadows import find_shadows, find_ties
from reconciler.kinds.route.spec import RouteSpec
from reconciler.kinds.route.state import Rule

ANY: dict[str, Any] = {"respond": {"status": 200}}


def rules(**given: dict[str, Any]) -> dict[str, Rule]:
    return {name: Rule.model_validate({**ANY, **rule}) for name, rule in given.items()}


def shadowed(given: dict[str, Rule]) -> dict[str, list[str]]:
    """Who is never used, and because of whom."""
    return {
        shadow.entry.name: sorted(one.name for one in shadow.by)
        for shadow in find_shadows(Table(given).entries)
    }


def env(**header: str) -> dict[str, Any]:
    return {"match": {"headers": [{"name": "X-Env", **header}]}}


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ({"priority": 1}, {"match": {"pathPrefix": "/a/"}}),
        ({"priority": 1, "match": {"pathPrefix": "/"}}, {}),
        ({"priority": 1, "match": {"pathPrefix": "/a"}}, {"match": {"pathEqual": "/ab"}}),
        ({"priority": 1, "match": {"host": "*.x"}}, {"match": {"host": "a.x"}}),
        ({"priority": 1, "match": {"host": "*.x"}}, {"match": {"host": "*.a.x"}}),
        ({"match": {"methods": ["A", "B"]}}, {"match": {"methods": ["A"]}, "order": 1}),
        ({"priority": 1, "match": {"refererSubstr": "ui"}}, {"match": {"refererSubstr": "webui"}}),
        ({"priority": 1, "match": {"refererRegex": "^a"}}, {"match": {"refererRegex": "^a"}}),
        ({"priority": 1, **env(contains="b")}, env(equals="abc")),
        ({"priority": 1, **env(regex="^a.c$")}, env(equals="abc")),
        ({"priority": 1, **env(regex="^a")}, env(regex="^a", contains="b")),
        ({"match": {"pathPrefix": "/a/%62"}}, {"match": {"pathPrefix": "/a/b"}, "order": 1}),
    ],
)  # fmt: skip
def test_the_weaker_is_never_used(stronger: dict[str, Any], weaker: dict[str, Any]) -> None:
    """Whatever the weaker asks for, the stronger has already."""
    assert shadowed(rules(z=stronger, a=weaker)) == {"a": ["z"]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"match": {"pathPrefix": "/a/"}}, {}),
        ({"priority": 1, "match": {"pathEqual": "/a"}}, {"match": {"pathPrefix": "/a"}}),
        ({"priority": 1, "match": {"host": "a.x"}}, {"match": {"host": "*.x"}}),
        ({"priority": 1, "match": {"host": "*.x"}}, {"match": {"host": "x"}}),
        ({"priority": 1, "match": {"methods": ["GET"]}}, {}),
        ({"priority": 1, "match": {"refererSubstr": "webui"}}, {"match": {"refererSubstr": "ui"}}),
        ({"priority": 1, **env(equals="abc")}, env(contains="b")),
        ({"priority": 1, **env(regex="^a")}, env(regex="^ab")),
        ({"priority": 1, **env(contains="a")}, {"match": {"refererSubstr": "a"}}),
        ({"priority": 1, "match": {"pathPrefix": "/a"}}, {"match": {"pathPrefix": "/"}}),
    ],
)
def test_both_are_used(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The stronger leaves something."""
    assert shadowed(rules(z=one, a=other)) == {}


def test_several_may_shadow_together() -> None:
    """Each takes some of the methods, and nothing is left."""
    given = rules(
        get={"priority": 1, "match": {"pathPrefix": "/a", "methods": ["GET"]}},
        post={"priority": 2, "match": {"pathPrefix": "/a", "methods": ["POST", "PUT"]}},
        both={"match": {"pathPrefix": "/a/b", "methods": ["GET", "POST"]}},
        all={"match": {"pathPrefix": "/a/b"}},
    )
    assert shadowed(given) == {"both": ["get", "post"]}


def test_what_cannot_be_is_never_used() -> None:
    """An exact path outside of its own prefix, and a header that is two things at once."""
    headers = [{"name": "X-Env", "equals": "a"}, {"name": "x-env", "contains": "b"}]
    given = rules(
        path={"match": {"pathPrefix": "/a/", "pathEqual": "/b"}},
        header={"match": {"headers": headers}},
    )
    assert shadowed(given) == {"path": [], "header": []}


def ties(given: dict[str, Rule]) -> set[tuple[str, str]]:
    return {(tie.first.name, tie.second.name) for tie in find_ties(Table(given).entries)}


def test_ties_are_found() -> None:
    """What only a name decides: the narrower host, the overlapping method, another header."""
    assert ties(rules(b={}, a={"match": {"host": "a.x"}})) == {("a", "b")}
    some = {"match": {"methods": ["GET", "PUT"]}}
    assert ties(rules(a=some, b={"match": {"methods": ["GET", "POST"]}})) == {("a", "b")}
    assert ties(rules(a=env(equals="a"), b=env(contains="a"))) == {("a", "b")}


def test_no_tie_where_something_else_decides() -> None:
    """Another rank, or no request in common."""
    assert not ties(rules(a={}, b={"order": 1}))
    assert not ties(rules(a={"match": {"methods": ["GET"]}}, b={"match": {"methods": ["PUT"]}}))
    assert not ties(rules(a=env(equals="a"), b=env(equals="b")))
    assert not ties(rules(a={"match": {"host": "a.x"}}, b={"match": {"host": "b.x"}}))
    assert not ties(rules(a={"match": {"pathPrefix": "/a"}}, b={"match": {"pathPrefix": "/b"}}))


def test_whoever_is_called_unused_never_wins() -> None:
    """Any table, any request: the twin never picks what is reported, and misses little."""
    dice, found = Random(11), 0
    for _ in range(300):
        given = {f"r{n}": a_rule(dice) for n in range(dice.randrange(2, 25))}
        table, unused = Table(given), shadowed(given)
        found += len(unused)
        for _ in range(60):
            try:
                assert table.winner(a_request(dice)) not in unused
            except ValueError:
                continue
        for name, by in unused.items():
            # Nothing changes when it is taken out; something would, were it not for those named.
            assert name not in by
    assert found > 300


def test_ten_thousand_routes_take_a_moment() -> None:
    """The work grows with the number of routes, also where all share a prefix."""
    apart = {f"r{n}": {"match": {"pathPrefix": f"/{n % 97}/{n}/"}} for n in range(10_000)}
    alike = {f"r{n}": env(equals=str(n)) for n in range(10_000)}
    asking = {f"r{n}": env(regex=f"^{n}$") for n in range(10_000)}
    for specs in (apart, alike, asking):
        table = Table(rules(**specs))
        began = time.thread_time()
        assert not [*find_shadows(table.entries)]
        assert len([*find_ties(table.entries)]) in {0, 9_999}
        assert time.thread_time() - began < 10  # all pairs would take minutes


def test_the_winner_of_a_tie_is_the_first() -> None:
    """As the gateway decides."""
    given = rules(b={}, a={"match": {"host": "a.x"}})
    assert Table(given).winner(Request("/", host="a.x")) == "a"
    assert RouteSpec.model_fields["order"].default == 0
