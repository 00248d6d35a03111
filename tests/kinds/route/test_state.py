"""A Route on its way into the table and back; what changes it and whether it is served."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest

from reconciler.core.diff import diff
from reconciler.core.model import HealthCode, Observed, Origin, Ref, Resource
from reconciler.kinds.route import KIND
from reconciler.kinds.route.actions import DropRule, PutRule
from reconciler.kinds.route.spec import RouteSpec
from reconciler.kinds.route.state import Rule, from_wire, render, to_wire

REF = Ref("Route", "a")
SPECS: list[dict[str, Any]] = [
    {"proxy": {"backend": "http://127.0.0.1:1", "timeouts": {"read": "1h30m", "send": "1500ms"}}},
    {"match": {"pathPrefix": "/a", "methods": ["GET"]}, "redirect": {"toPrefix": "/b"}, "order": 3},
    {"match": {"host": "h", "refererSubstr": "r"}, "respond": {"status": 503, "body": "é"}},
]


def rule(spec: dict[str, Any]) -> Rule:
    read = RouteSpec.model_validate(spec, by_alias=True, by_name=False)
    return render(Resource(REF, read, Origin(PurePath("specs/a.yaml"), 1)))


@pytest.mark.parametrize("spec", SPECS)
def test_a_rule_comes_back_as_it_went(spec: dict[str, Any]) -> None:
    """What is written to the table reads as the same rule, so there is no difference."""
    entry = {"name": "a", "managed_by": "reconciler", **to_wire(rule(spec))}
    assert from_wire(entry) == rule(spec)


def test_times_are_seconds_for_the_gateway_and_words_for_people() -> None:
    """The table says 5400.0, the diff says 1h30m."""
    ours = rule(SPECS[0])
    assert to_wire(ours)["proxy"]["timeouts"]["read"] == 5400.0
    other = rule({"proxy": {"backend": "http://127.0.0.1:1"}})
    change = diff(REF, other, ours)
    assert change
    reads = [one for one in change.fields if one.path == "proxy.timeouts.read"]
    assert [(one.before, one.after) for one in reads] == [("1h30m", "10m")]
    assert change.apply == "live"


@pytest.mark.parametrize("entry", [{"match": 3}, {"colour": "red"}, {"proxy": {"backend": "x"}}])
def test_what_a_route_cannot_say_is_told(entry: dict[str, Any]) -> None:
    """Whoever wrote it by hand wrote something else than a route."""
    with pytest.raises(ValueError, match=r"."):
        from_wire(entry)


def test_every_change_is_one_write() -> None:
    """A rule is put whole or dropped."""
    old, new = rule(SPECS[0]), rule(SPECS[1])
    put, drop = diff(REF, new, old), diff(REF, None, old)
    assert put
    assert drop
    assert KIND.steps(put) == (PutRule("a", new),)
    assert KIND.steps(drop) == (DropRule("a"),)


def test_served_means_by_every_worker() -> None:
    """One worker behind makes it Progressing, and names it."""
    state = rule(SPECS[0])
    behind = Observed(state, True, {"version": 3, "behind": ["1"]})
    health = KIND.health(behind)
    assert health.code is HealthCode.PROGRESSING
    assert "workers 1 do not serve table 3" in health.message
    served = Observed(state, True, {"version": 3, "behind": []})
    assert KIND.health(served).code is HealthCode.HEALTHY
