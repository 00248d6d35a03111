"""stop, start, restart, reload: whom they ask, what they say, when they end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.cli.conftest import RESOURCE, STATUS, FakeOperator

STOPPED = {
    "ref": "Process/web-0",
    "verb": "stop",
    "cause": "user",
    "reason": "disk full",
    "author": "ada",
    "at": "2026-01-01T10:00:00.000+00:00",
    "until": "2999-01-01T11:00:00.000+00:00",
    "epoch": 0,
    "what": "stopped by hand",
}
AGAIN = {**STOPPED, "verb": "restart", "until": None, "epoch": 4, "what": "restarted by hand"}


def view(name: str = "web-0", **more: Any) -> dict[str, Any]:
    """One resource of a status."""
    one: dict[str, Any] = copy.deepcopy(RESOURCE)
    return one | {"name": name, "ref": f"Process/{name}", "epoch": 0} | more


OURS = view("gateway", system=True, writtenAs="Process/gateway")


def serve(operator: FakeOperator, *resources: Any, **asked: Any) -> None:
    """These are there; a keyword says what asking one answers: ``stop=[request]``."""
    operator.pages["GET status"] = {**STATUS, "resources": list(resources)}
    for verb, requests in asked.items():
        for one in resources:
            page = {"items": [{**one, "requests": requests}]}
            operator.pages[f"POST resources/{one['ref']}/{verb}"] = (202, page)


def test_a_stop_names_its_end_and_the_way_to_make_it_last(reconciler: Any, operator: Any) -> None:
    """Every instance is asked, for as long as was said."""
    serve(operator, view("web-0"), view("web-1"), stop=[STOPPED])
    said = reconciler("stop", "web", "--for", "30m", "--reason", "disk full")
    assert said.code == 0
    assert (
        "Process/web-0  stopped by hand until 2999-01-01 11:00 UTC, by ada: disk full" in said.out
    )
    assert "Process/web-1" in said.out
    assert "enabled: false" in said.err
    assert "specs/web.yaml:3" in said.err
    order = {"for": "30m", "reason": "disk full"}
    assert [{k: body[k] for k in order} for body in operator.bodies] == [order, order]


@pytest.mark.parametrize("name", ["web-1", "Process/web-1", "proc/web-1"])
def test_one_instance_can_be_meant(name: str, reconciler: Any, operator: Any) -> None:
    """By its own name, with or without its kind."""
    serve(operator, view("web-0"), view("web-1"), restart=[AGAIN])
    assert reconciler("restart", name).code == 0
    posted = [line for line in operator.asked if line.startswith("POST")]
    assert posted == ["POST /admin/api/v1/resources/Process/web-1/restart"]


def test_a_bare_name_is_what_runs(reconciler: Any, operator: Any) -> None:
    """A route of the same name is not meant, and cannot be stopped."""
    route = {**view("web"), "kind": "Route", "ref": "Route/web", "writtenAs": "Route/web"}
    serve(operator, view("web-0"), route, stop=[STOPPED])
    assert reconciler("stop", "web").code == 0
    assert sum(line.startswith("POST") for line in operator.asked) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "there is no nobody"),
        ("Route/web", "Route/web does not run by itself"),
        ("", "an empty word names nothing"),
        ("process/", "process/ lacks a name"),
        ("gateway", "Process/gateway belongs to the stack itself"),
        ("Process/gateway", "Process/gateway belongs to the stack itself"),
    ],
)
def test_nothing_is_asked_of_nobody(name: str, said: str, reconciler: Any, operator: Any) -> None:
    """A name that is wrong stops the whole command before anything is asked."""
    route = {**view("web"), "kind": "Route", "ref": "Route/web", "writtenAs": "Route/web"}
    serve(operator, view("web-0"), route, OURS, stop=[STOPPED])
    code, out, err = reconciler("stop", "web-0", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}\nhint: ")
    assert not [line for line in operator.asked if line.startswith("POST")]


def test_a_kind_means_all_of_it_but_the_stack_itself(reconciler: Any, operator: Any) -> None:
    """What the stack is made of is not stopped along; where there is nothing else, that is said."""
    serve(operator, view("web-0"), view("api-0"), OURS, stop=[STOPPED])
    assert reconciler("stop", "process").code == 0
    posted = {line.split("/")[-2] for line in operator.asked if line.startswith("POST")}
    assert posted == {"web-0", "api-0"}
    serve(operator, OURS, stop=[STOPPED])
    assert "belongs to the stack itself" in reconciler("stop", "process").err


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_was_done_is_told_though_the_next_is_refused(
    form: str, reconciler: Any, operator: Any
) -> None:
    """Whoever reads the error also reads what is stopped now."""
    serve(operator, view("web-0"), view("web-1"), stop=[STOPPED])
    refusal = {"detail": "Process/web-1 is suspended", "reason": "Refused"}
    operator.pages["POST resources/Process/web-1/stop"] = (409, refusal)
    said = reconciler("stop", "web", "-o", form)
    assert said.code == 2
    assert "Process/web-0" in said.out
    assert "Process/web-1" not in said.out
    assert "error: Process/web-1 is suspended" in said.err


@pytest.mark.parametrize(
    ("lasting", "said"),
    [("banana", "--for 'banana': not a duration"), ("0s", "--for '0s' is over at once")],
)
def test_an_odd_time_is_refused_in_words(
    lasting: str, said: str, reconciler: Any, operator: Any
) -> None:
    """As of any other flag, and nothing is asked."""
    serve(operator, view("web-0"), stop=[STOPPED])
    code, out, err = reconciler("stop", "web", "--for", lasting)
    assert (code, out, operator.asked) == (2, "", [])
    assert err.startswith(f"error: {said}")


def test_what_is_refused_is_said_plainly(reconciler: Any, operator: Any) -> None:
    """The operator's own words, and exit code 2."""
    serve(operator, view("web-0"))
    refusal = {"detail": "web-0 has nothing to be reloaded with", "reason": "NotSupported"}
    operator.pages["POST resources/Process/web-0/reload"] = (422, refusal)
    said = reconciler("reload", "web")
    assert said.code == 2
    assert said.err.startswith("error: web-0 has nothing to be reloaded with")


def test_it_says_when_it_was_so_already(reconciler: Any, operator: Any) -> None:
    """A start of what runs changes nothing."""
    serve(operator, view("web-0"), start=[])
    assert "runs already" in reconciler("start", "web").out


def test_a_restart_is_waited_for_until_it_was_done(reconciler: Any, operator: Any) -> None:
    """Healthy is not enough: what was healthy before is not yet the new life."""
    serve(operator, view("web-0", epoch=3), restart=[AGAIN])
    states = iter([view(epoch=3), view(epoch=3), view(epoch=4)])
    operator.pages["GET status"] = lambda: {**STATUS, "resources": [next(states)]}
    assert reconciler("restart", "web", "--wait").code == 0
    assert next(states, None) is None


def test_a_stop_is_waited_for_until_nothing_runs(reconciler: Any, operator: Any) -> None:
    """A pid means it still ends."""
    gone = {"state": "stopped"}
    serve(operator, view("web-0"), stop=[STOPPED])
    ending = {"state": "stopping", "pid": 42}
    states = iter([view(), view(vitals=ending), view(vitals=gone)])
    operator.pages["GET status"] = lambda: {**STATUS, "resources": [next(states)]}
    assert reconciler("stop", "web", "--wait").code == 0


def test_what_does_not_come_ends_with_3(reconciler: Any, operator: Any) -> None:
    """In time, or at once when it has given up."""
    serve(operator, view("web-0", epoch=3), restart=[AGAIN])
    said = reconciler("restart", "web", "--wait", "--timeout", "50ms")
    assert said.code == 3
    assert "describe Process/web-0" in said.err
    sick = {"code": "Degraded", "reason": "Failed", "message": ""}
    stalled = [{"type": "Stalled", "status": "True", "reason": "Failed"}]
    serve(operator, view("web-0", epoch=4, health=sick, conditions=stalled), restart=[AGAIN])
    assert reconciler("restart", "web", "--wait", "--timeout", "1h").code == 3


def test_data_is_printed_when_asked_for(reconciler: Any, operator: Any) -> None:
    """``-o json`` prints what the operator answered, and nothing else."""
    serve(operator, view("web-0"), stop=[STOPPED])
    said = reconciler("stop", "web", "-o", "json")
    assert '"what": "stopped by hand"' in said.out
    assert said.err == ""


def test_status_and_describe_tell_what_is_asked(reconciler: Any, operator: Any) -> None:
    """Who looks later sees who did it, why, and until when."""
    causes = [{"at": 1.0, "cause": "crash", "detail": "exit code 3"}]
    vitals = {"state": "stopped", "causes": causes}
    serve(operator, view("web-0", requests=[STOPPED], vitals=vitals))
    crash = {"time": None, "ref": "Process/web-0", "type": "Warning", "reason": "Restarted"}
    words = {"message": "crash: exit code 3", "count": 1, "lines": ["bye"]}
    operator.pages["GET events"] = {"items": [crash | words]}
    asked = "stopped by hand until 2999-01-01 11:00 UTC, by ada: disk full"
    assert f"asked: {asked}" in reconciler("status").out
    told = reconciler("describe", "web-0").out
    for said in (asked, "crash  exit code 3", "last words before crash: exit code 3", "bye"):
        assert said in told


def test_what_has_given_up_is_not_waited_for(reconciler: Any, operator: Any) -> None:
    """`apply --wait` says at once that it is not healthy when only a person can mend it."""
    sick = {"code": "Degraded", "reason": "Failed", "message": ""}
    stalled = [
        {"type": kind, "status": status, "reason": "Failed"}
        for kind, status in (("Ready", "False"), ("Stalled", "True"))
    ]
    verdict = {"ready": False, "inSync": True, "health": "Degraded", "message": ""}
    resources = [view("web-0", health=sick, conditions=stalled)]
    operator.pages["GET status"] = {**STATUS, "verdict": verdict, "resources": resources}
    assert reconciler("apply", "--wait", "--timeout", "1h").code == 3
