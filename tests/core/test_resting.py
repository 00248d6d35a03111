"""Who rests while data is put in place, and for how long those wait who need it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.toys import APP, DATA, app, data, desired, lying, running

from reconciler.core.kind import Kinds
from reconciler.core.model import Need, Observed, Ref, Unknown
from reconciler.core.order import shape_of
from reconciler.core.overrides import Moment, Overridden, overridden
from reconciler.core.plan import Plan, Wish, make_plan

KINDS: Kinds = {
    "App": APP,
    "Data": replace(
        DATA,
        needs=lambda _: (Need(Ref("App", "store"), "started"),),
        writers=lambda _: (Ref("App", "pen"),),
    ),
}
RESTORED = "restored"


def folder(*, restored: bool = False, **vitals: Any) -> Observed[Any]:
    meets = [RESTORED] if restored else []
    return replace(lying(restored=restored), vitals={"meets": meets, **vitals})


def world(seen: Any, **apps: Any) -> dict[str, Any]:
    found = {name.replace("_", "-"): one for name, one in apps.items()}
    return {"App": {"store-0": running(), **found}, "Data": seen}


def asked(want: dict[Ref, Any], seen: dict[str, Any]) -> Overridden:
    return overridden(KINDS, want, seen, Moment(shape=shape_of(KINDS, want)))


def resting(now: Overridden) -> dict[str, str]:
    return {one.ref.name: one.request.reason for one in now.overrides}


@pytest.fixture
def want() -> dict[Ref, Any]:
    """A pen with two instances that writes, and a reader that needs the data."""
    reader = app("reader", restored=("d",))
    return desired(app("store"), app("pen", copies=2), reader, data("d"))


def test_writers_rest_for_the_swap_only(want: dict[Ref, Any]) -> None:
    """Every instance, once all is ready, and also one that was about to start."""
    waiting = world({"d": folder()}, pen_0=running(), reader_0=running())
    assert resting(asked(want, waiting)) == {"reader-0": "rests until Data/d is restored"}
    ready = world({"d": folder(swapping=True)}, pen_0=running())
    now = asked(want, ready)
    assert resting(now) == dict.fromkeys(("pen-0", "pen-1"), "rests while Data/d is restored")
    assert not now.desired[Ref("App", "pen-1")].spec.enabled
    done = world({"d": folder(restored=True)}, pen_0=running(started=False))
    assert asked(want, done).desired[Ref("App", "pen-0")].spec.enabled
    for unseen in (Unknown("Unreachable", ""), {}):
        assert not resting(asked(want, world(unseen, pen_0=running())))


def test_the_swap_waits_for_the_writers(want: dict[Ref, Any]) -> None:
    """Nothing is replaced while one of them has not stopped."""
    seen = world({"d": folder(swapping=True)}, pen_1=running(), reader_0=running())
    blocked = {one.ref.name: one.message for one in plan(asked(want, seen), seen).blocked}
    assert blocked["d"] == "waits until App/pen-1, App/reader-0 stopped"


def test_who_would_start_without_rests_for_a_person(want: dict[Ref, Any]) -> None:
    """Whoever may start without the data is stopped only when somebody orders other data."""
    want |= desired(app("bold", restored=("d",), timeout=5.0, anyway=True))
    seen = world({"d": folder()}, bold_0=running())
    assert not resting(asked(want, seen))
    seen = world({"d": folder(ordered=True)}, bold_0=running())
    assert resting(asked(want, seen)) == {"bold-0": "rests until Data/d is restored"}


@pytest.mark.parametrize(
    ("need", "at", "expected"),
    [
        ({}, None, None),
        ({}, 1030.0, 30.0),
        ({"timeout": 20.0}, 1030.0, 15.0),
        ({"timeout": 60.0}, 1030.0, 30.0),
        ({"timeout": 60.0}, None, 55.0),
        ({}, 990.0, 0.0),
    ],
)
def test_when_to_look_again(need: dict[str, Any], at: float | None, expected: float | None) -> None:
    """When the one that waits has enough, or what it waits for lets go: whichever is sooner."""
    want = desired(app("store"), data("d"), app("reader", restored=("d",), **need))
    seen = world({"d": folder(letsGoAt=at)})
    wish = Wish(want, now=1000.0, waited={Ref("App", "reader-0"): 5.0})
    found = make_plan(KINDS, wish, seen)
    (why,) = [one for one in found.blocked if one.ref.name == "reader-0"]
    assert why.after == expected


def plan(now: Overridden, seen: dict[str, Any]) -> Plan:
    return make_plan(KINDS, Wish(now.desired, requests=now.requests), seen)
