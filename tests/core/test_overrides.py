"""What is asked for the moment, as a pure function of specs, world, requests and time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.toys import TOYS, app, data, desired, lying, running

from reconciler.core.model import Cause, Drift, Observed, Ref, Unknown
from reconciler.core.overrides import Moment, Overridden, epoch_of, overridden
from reconciler.core.plan import Plan, Wish, make_plan
from reconciler.core.request import Asked, Request

WEB = Ref("App", "web-0")
STOP = Request(Asked.STOP, "user", "disk full", "ada", at=10.0, until=100.0)
START = Request(Asked.START, "user", "", "ada", at=10.0, until=100.0)
AGAIN = Request(Asked.RESTART, "user", "", "ada", epoch=3)


def asked(
    *resources: Any, apps: Any = None, folders: Any = None, now: float = 20.0, **requests: Request
) -> Overridden:
    """The overrides of a toy world; a keyword names an instance: ``web_0=STOP``."""
    world = {"App": apps or {}, "Data": folders if folders is not None else {}}
    said = {Ref("App", name.replace("_", "-")): (one,) for name, one in requests.items()}
    return overridden(TOYS, desired(*resources), world, Moment(said, now))


def plan(now: Overridden, apps: Any, **wish: Any) -> Plan:
    """What would be done."""
    made = Wish(now.desired, requests=now.requests, **wish)
    return make_plan(TOYS, made, {"App": apps, "Data": {}})


def test_a_stop_rests_until_it_is_over() -> None:
    """It is planned, explained, and ends by itself when its time is over."""
    apps = {"web-0": running()}
    now = asked(app("web"), apps=apps, web_0=STOP)
    assert not now.desired[WEB].spec.enabled
    assert now.after == 80.0
    (change,) = plan(now, apps).changes
    assert (change.cause, change.request) == (Cause.REQUEST, STOP)
    over = asked(app("web"), apps=apps, now=100.0, web_0=STOP)
    assert over.overrides == ()
    assert plan(over, apps).in_sync
    rested = {"web-0": running(started=False)}
    (change,) = plan(asked(app("web"), apps=rested, now=100.0, web_0=STOP), rested).changes
    assert change.request is not None
    assert (change.request.verb, change.request.detail) == (
        Asked.START,
        "by reconciler: the stop by ada is over",
    )


def test_a_start_runs_what_is_switched_off() -> None:
    """For a while; what is to run anyway is not altered by it."""
    off = asked(app("web", enabled=False), web_0=START)
    assert off.desired[WEB].spec.enabled
    on = app("web")
    assert asked(on, web_0=START).desired[WEB].spec == on.spec


def test_a_restart_is_asked_until_it_is_reached() -> None:
    """A request for an epoch counts until the thing has it, and not once more."""
    behind = {"web-0": running(epoch=2)}
    now = asked(app("web"), apps=behind, web_0=AGAIN)
    (change,) = plan(now, behind).changes
    assert [field[:3] for field in change.fields] == [("epoch", 2, 3)]
    assert change.request == AGAIN
    reached = {"web-0": running(epoch=3)}
    done = asked(app("web"), apps=reached, web_0=AGAIN)
    assert done.overrides == ()
    assert plan(done, reached).in_sync


def test_a_higher_epoch_is_no_drift() -> None:
    """What was restarted often is as it should be: specs know nothing of epochs."""
    apps = {"web-0": running(epoch=7)}
    assert plan(asked(app("web"), apps=apps), apps).in_sync


@pytest.mark.parametrize("spec", [{"enabled": False}, {}])
def test_what_rests_is_not_restarted(spec: dict[str, Any]) -> None:
    """A restart of what is switched off or stopped by hand changes nothing."""
    requests = {WEB: (AGAIN,) if spec else (STOP, AGAIN)}
    world = {"App": {"web-0": running(started=False)}, "Data": {}}
    now = overridden(TOYS, desired(app("web", **spec)), world, Moment(requests, 20.0))
    assert epoch_of(world["App"]["web-0"]) == now.desired[WEB].epoch == 0
    assert plan(now, world["App"]).in_sync


def test_drift_that_is_kept_does_not_keep_what_is_asked() -> None:
    """metadata.drift speaks of changes made outside, not of what was asked here."""
    kept = replace(app("web"), drift=Drift.WARN)
    apps = {"web-0": running()}
    now = asked(kept, apps=apps, web_0=STOP)
    (change,) = plan(now, apps, applied={WEB: kept.digest}).changes
    assert change.after is not None


def test_an_edit_beside_a_stop_is_told_as_an_edit() -> None:
    """Only where a thing differs as asked is the request why."""
    apps = {"web-0": running("old", started=False)}
    (change,) = plan(asked(app("web"), apps=apps, web_0=STOP), apps).changes
    assert (change.cause, change.request) == (Cause.SPEC, None)


def test_the_dead_begin_anew_once() -> None:
    """A failed probe asks for the next epoch, and is silent once the new life is seen."""
    apps: dict[str, Observed[Any]] = {"web-0": running(epoch=4, vitals={"dead": True})}
    (one,) = asked(app("web"), apps=apps).overrides
    assert (one.request.cause, one.request.epoch) == ("liveness", 5)
    assert asked(app("web"), apps={"web-0": running(epoch=5)}).overrides == ()
    resting = {"web-0": running(started=False, vitals={"dead": True})}
    assert asked(app("web"), apps=resting).overrides == ()


def _pair(**db: Any) -> dict[str, Observed[Any]]:
    first = {"born": 9, "restarts": 1} | db.pop("vitals", {})
    return {
        "db-0": running(vitals=first, **db),
        "web-0": running(vitals={"born": 5, "restarts": 0}),
    }


@pytest.mark.parametrize(
    ("apps", "restarts"),
    [
        (_pair(), True),
        (_pair(vitals={"restarts": 0}), False),  # it is merely younger: it was scaled up
        (_pair(vitals={"born": 3}), False),  # it was restarted before us
        (_pair(vitals={"born": 0}), False),  # it is down
        (_pair(vitals={"meets": []}), False),  # it is not well again yet
    ],
)
def test_who_follows_is_restarted_with_its_need(apps: Any, *, restarts: bool) -> None:
    """When the need was restarted after it and is well again; not before, and not twice."""
    now = asked(app("db"), app("web", follows=("db",)), apps=apps)
    causes = [(str(one.ref), one.request.cause) for one in now.overrides]
    assert causes == ([("App/web-0", "dependency")] if restarts else [])
    assert asked(app("db"), app("web", needs=("db",)), apps=apps).overrides == ()


def test_one_that_may_start_without_data_does_not_rest_for_it() -> None:
    """onTimeout: start would else be stopped again as soon as it runs."""
    apps, folders = {"web-0": running()}, {"d": lying(restored=False)}
    strict = asked(app("web", restored=("d",)), data("d"), apps=apps, folders=folders)
    assert [one.request.cause for one in strict.overrides] == ["restore"]
    eager = app("web", restored=("d",), timeout=5.0, anyway=True)
    assert asked(eager, data("d"), apps=apps, folders=folders).overrides == ()


def test_what_cannot_be_seen_is_not_restarted() -> None:
    """An unknown world asks for nothing, and forgets nothing that was asked."""
    world = {"App": Unknown("Down", ""), "Data": {}}
    moment = Moment({WEB: (AGAIN,)}, 20.0)
    now = overridden(TOYS, desired(app("web")), world, moment)
    assert [one.request for one in now.overrides] == [AGAIN]
    assert make_plan(TOYS, Wish(now.desired), world).steps == ()


def test_the_same_questions_give_the_same_objects() -> None:
    """Caches go by identity: what did not change is not made anew at the next look."""
    apps = {"web-0": running(epoch=2)}
    world, memo = {"App": apps, "Data": {}}, Moment()
    want = desired(app("web"), app("new"))
    first = overridden(TOYS, want, world, memo).desired
    second = overridden(TOYS, want, world, memo).desired
    assert all(first[ref] is second[ref] for ref in want)
    assert first[WEB].epoch == 2
    world = {"App": {"web-0": running(epoch=3)}, "Data": {}}
    assert overridden(TOYS, want, world, memo).desired[WEB].epoch == 3
