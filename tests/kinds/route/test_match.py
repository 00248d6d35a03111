"""Which route wins."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.kinds.route.match import Request, winner
from reconciler.kinds.route.state import Rule

ANY = {"respond": {"status": 200}}


def rules(**given: dict[str, Any]) -> dict[str, Rule]:
    return {name: Rule.model_validate({**ANY, **rule}) for name, rule in given.items()}


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ({"priority": 1}, {"match": {"pathPrefix": "/a/b"}}),
        ({"match": {"pathPrefix": "/a/b"}}, {"match": {"pathPrefix": "/a", "refererSubstr": "x"}}),
        ({"match": {"refererSubstr": "xy"}}, {"match": {"refererSubstr": "x"}, "order": 0}),
        ({"order": 1}, {"order": 2}),
        ({"match": {"pathPrefix": "/a"}, "priority": -5}, {"priority": -6}),
    ],
)
def test_ties_are_broken_in_order(stronger: dict[str, Any], weaker: dict[str, Any]) -> None:
    """Priority, longer pathPrefix, longer refererSubstr, order; whatever the names are."""
    request = Request("/a/b", referer="xyz")
    assert winner(rules(z=stronger, a=weaker), request) == "z"
    assert winner(rules(a=stronger, z=weaker), request) == "a"


def test_the_name_decides_last() -> None:
    """So that the same specs always mean the same."""
    assert winner(rules(b={}, a={}), Request("/")) == "a"


@pytest.mark.parametrize(
    ("wanted", "host", "fits"),
    [
        ("a.x", "A.x", True),
        ("a.x", "b.a.x", False),
        ("*.x", "a.x", True),
        ("*.x", "b.a.x", True),
        ("*.x", "x", False),
        ("*.x", ".x", False),
        ("*.x", "ax", False),
    ],
)
def test_hosts(wanted: str, host: str, fits: bool) -> None:
    """A star stands for one or more labels."""
    found = winner(rules(a={"match": {"host": wanted}}), Request("/", host=host))
    assert found == ("a" if fits else None)


def test_a_refused_path_has_no_winner() -> None:
    """It is an error, not a miss."""
    with pytest.raises(ValueError, match="a segment"):
        winner(rules(a={}), Request("/../x"))
