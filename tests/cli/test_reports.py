"""status, get, describe, events and history, asked of a fake operator."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.conftest import AWAY

from reconciler.cli.ages import ago, moment, span
from reconciler.cli.overview import status_lines
from reconciler.core.lines import columns, plain

GOLDEN = Path(__file__).parents[1] / "golden"
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("case", ["mixed", "in-sync"])
@pytest.mark.parametrize("width", [80, 100])
def test_status_reads_as_agreed(case: str, width: int) -> None:
    """The text of a status changes only on purpose, and fits the screen."""
    view = json.loads((GOLDEN / case / "status.json").read_text())
    rows = [plain(row).rstrip() for row in status_lines(view, now=NOW, width=width)]
    path = GOLDEN / case / f"status-{width}.txt"
    text = "".join(f"{row}\n" for row in rows)
    if os.environ.get("RECONCILER_GOLDEN") == "update":
        path.write_text(text)
    assert text == path.read_text()
    assert max(map(columns, rows)) <= width


def with_twin(operator: Any) -> None:
    """Give the fake stack a second instance of web, and a route."""
    page = operator.pages["GET status"]
    one = page["resources"][0]
    twin = {**one, "ref": "Process/web-1", "name": "web-1"}
    route = {**one, "ref": "Route/web", "kind": "Route", "name": "web", "writtenAs": "Route/web"}
    operator.pages["GET status"] = {**page, "resources": [route, twin, one]}


def test_status_is_told(reconciler: Any, operator: Any) -> None:
    """One line of verdict, one row per resource."""
    code, out, err = reconciler("status")
    assert code == 0
    assert out.startswith("✔ Healthy · ✔ in sync")
    assert "● Process/web-0  Healthy  running  42   2d4h  specs/web.yaml:3" in out
    assert err == ""


def test_status_counts_on_from_what_was_seen(reconciler: Any, operator: Any) -> None:
    """The operator need not look for a process to grow older."""
    page = operator.pages["GET status"]
    vitals = {"pid": 42, "state": "running", "uptime": 3, "since": time.time() - 7200}
    web = {**page["resources"][0], "vitals": vitals}
    operator.pages["GET status"] = {**page, "resources": [web]}
    assert re.search(r"running +42 +2h ", reconciler("status").out)
    assert re.search(r"uptime +2h\n", reconciler("describe", "web").out)


@pytest.mark.parametrize(
    ("revision", "said"),
    [("4f2c1d9aa0", "specs@4f2c1d9, current for 2h"), ("11aa22bb33", "specs@4f2c1d9")],
)
def test_status_says_since_when_of_the_revision_it_names(
    revision: str, said: str, reconciler: Any, operator: Any
) -> None:
    """The time of another one is not told: it would be taken for this one's."""
    began = datetime.fromtimestamp(time.time() - 7200, UTC).isoformat()
    rollout = {"revision": revision, "result": "healthy", "began": began}
    operator.pages["GET status"] = {**operator.pages["GET status"], "rollout": rollout}
    assert reconciler("status").out.partition("\n")[0].endswith(f" {said}")


def test_status_names_what_waits_for_its_removal(reconciler: Any, operator: Any) -> None:
    """What still runs and is in no spec is not passed over."""
    held = {
        "ref": "Process/old-0",
        "verb": "delete",
        "apply": "recreate",
        "origin": None,
        "fields": [],
        "reason": "MassDelete",
        "message": "needs a confirmation",
        "kind": "Process",
        "name": "old-0",
        "health": {"code": "Healthy", "reason": "Running", "message": ""},
        "vitals": {"pid": 77, "state": "running", "uptime": 60},
    }
    page = operator.pages["GET status"]
    operator.pages["GET status"] = {**page, "held": [held]}
    out = reconciler("status").out
    assert out.startswith("✔ Healthy · ✔ in sync · 1 held back from removal")
    assert re.search(r"● Process/old-0 +Healthy +running +77 +1m +in no spec\n", out)
    assert "held back: 1\n  - Process/old-0  removed" in out
    assert "because MassDelete: needs a confirmation" in out


def test_status_says_when_the_specs_cannot_be_read(reconciler: Any, operator: Any) -> None:
    """Otherwise what was read last would pass for what is wanted now."""
    why = {"kind": "Specs", "reason": "SpecsUnreadable", "message": "dubious ownership"}
    operator.pages["GET status"] = {**operator.pages["GET status"], "unknown": [why]}
    assert "  Specs: SpecsUnreadable: dubious ownership\n" in reconciler("status").out


@pytest.mark.parametrize("name", ["FORCE_COLOR", "NO_COLOR"])
def test_colours_follow_the_environment(
    name: str, reconciler: Any, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words are the same with and without colours."""
    plain_text = reconciler("status").out
    monkeypatch.setenv(name, "1")
    out = reconciler("status").out
    assert ("\x1b[" in out) is (name == "FORCE_COLOR")
    assert re.sub("\x1b\\[[0-9]*m", "", out) == plain_text


def test_status_as_data(reconciler: Any, operator: Any) -> None:
    """``-o json`` and ``-o yaml`` give what the operator said, whole."""
    page = operator.pages["GET status"]
    assert json.loads(reconciler("status", "-o", "json").out) == page
    assert yaml.safe_load(reconciler("status", "-o", "yaml").out) == page


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ({"ready": True, "inSync": True}, 0),
        ({"ready": False, "inSync": False}, 1),
        ({"ready": False, "inSync": True}, 3),
    ],
)
def test_status_judges_when_asked(
    verdict: dict[str, bool], code: int, reconciler: Any, operator: Any
) -> None:
    """Told is success; with --exit-code the verdict is the code."""
    page = operator.pages["GET status"]
    operator.pages["GET status"] = {**page, "verdict": {**page["verdict"], **verdict}}
    assert reconciler("status").code == 0
    assert reconciler("status", "--exit-code").code == code


@pytest.mark.parametrize("verb", ["status", "get", "events", "history"])
def test_without_an_operator_there_is_a_way_out(verb: str, reconciler: Any) -> None:
    """Nobody there is said with 2 and the command that starts it."""
    code, out, err = reconciler(verb)
    assert (code, out) == (2, "")
    assert "no operator is running" in err
    assert "reconciler up" in err


@pytest.mark.parametrize(
    ("asked", "refs"),
    [
        ([], ["Process/web-0", "Process/web-1", "Route/web"]),
        (["process"], ["Process/web-0", "Process/web-1"]),
        (["Processes"], ["Process/web-0", "Process/web-1"]),
        (["web"], ["Process/web-0", "Process/web-1", "Route/web"]),
        (["process/web"], ["Process/web-0", "Process/web-1"]),
        (["proc/web-1"], ["Process/web-1"]),
        (["rt"], ["Route/web"]),
        (["Route/web"], ["Route/web"]),
        (["gateway"], []),
    ],
)
def test_names_as_people_type_them(
    asked: list[str], refs: list[str], reconciler: Any, operator: Any
) -> None:
    """A kind in any case or short, a written name, an instance."""
    with_twin(operator)
    code, out, _ = reconciler("get", *asked, "-o", "name")
    assert (code, out.split()) == (0, refs)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [("wbe", "did you mean web"), ("process/x", "lists"), ("proces/web", "did you mean Process?")],
)
def test_unknown_names_are_refused(asked: str, hint: str, reconciler: Any, operator: Any) -> None:
    """A name that is not there is 2, with the closest one."""
    code, _, err = reconciler("get", asked)
    assert code == 2
    assert hint in err


def test_get_as_data(reconciler: Any, operator: Any) -> None:
    """One named resource is an object; several are a list."""
    one = operator.pages["GET status"]["resources"][0]
    assert json.loads(reconciler("get", "web-0", "-o", "json").out) == one
    assert json.loads(reconciler("get", "-o", "json").out) == {"items": [one]}


def test_describe_tells_all(reconciler: Any, operator: Any, tmp_path: Path) -> None:
    """Origin, conditions, vitals, events, and the last ten lines of its log, wherever it lies."""
    log, page = tmp_path / "elsewhere.log", operator.pages["GET status"]
    log.write_text("".join(f"line {n}\n" for n in range(29)) + "x" * 1_000_000 + "\n")
    first, *others = page["resources"]
    told = {**first, "vitals": {**first["vitals"], "log": str(log)}}
    operator.pages["GET status"] = {**page, "resources": [told, *others]}
    code, out, _ = reconciler("describe", "web")
    assert code == 0
    assert "specs/web.yaml:3" in out
    assert "2, 2 observed" in out
    assert "Crashed" in out
    assert "(×3)" in out
    assert "line 19\n" not in out
    *lines, longest = [row.strip() for row in out.splitlines()[-10:]]
    assert lines == [f"line {n}" for n in range(20, 29)]
    assert longest == "x" * 500 + "… and 999500 characters"


def test_describe_cuts_no_reason_short(reconciler: Any, operator: Any) -> None:
    """What is wrong is told to its last word, below itself where the line ends."""
    why = " ".join(f"word{n}" for n in range(40))
    page = operator.pages["GET status"]
    health = {"code": "Degraded", "reason": "RuleRefused", "message": why}
    operator.pages["GET status"]["resources"][0] = {**page["resources"][0], "health": health}
    out = reconciler("describe", "web-0").out
    assert why in " ".join(out.split())
    rows = [row for row in out.splitlines() if "word" in row]
    assert len(rows) > 1
    assert all(columns(row) <= 100 for row in rows)
    assert len({columns(row) - columns(row.lstrip()) for row in rows[1:]}) == 1


def test_describe_tells_what_probes_say(reconciler: Any, operator: Any) -> None:
    """One line for each, with how long and how often."""
    found = {"verdict": "failure", "since": 1.0, "message": "refused\x1b", "failures": 4}
    page = operator.pages["GET status"]
    first, *others = page["resources"]
    probed = {**first, "vitals": {**first["vitals"], "probes": {"liveness": found}}}
    operator.pages["GET status"] = {**page, "resources": [probed, *others]}
    out = reconciler("describe", "web").out
    assert re.search(r"probes\n +liveness +failure +[0-9dhms]+ ago +4 in a row: refused", out)
    assert "\x1b" not in out


def test_describe_tells_where_requests_go(reconciler: Any, operator: Any) -> None:
    """One line for each endpoint, and who takes none."""
    endpoints = [
        {"name": "web-0", "address": "127.0.0.1:8000"},
        {"name": "web-1\x1b", "address": "127.0.0.1:8001"},
        {"name": "web-2", "address": "127.0.0.1:8002", "ready": False},
    ]
    vitals = {"pool": "process/web/http", "endpoints": endpoints, "refusing": ["127.0.0.1:8001"]}
    page = operator.pages["GET status"]
    users = [f"Route/{n}" for n in range(11)]
    web = {**page["resources"][0], "vitals": vitals, "usedBy": users}
    operator.pages["GET status"] = {**page, "resources": [web]}
    out = reconciler("describe", "web").out
    assert re.search(r"used by +Route/0, Route/1, .*Route/7 and 3 more\n", out)
    assert re.search(r"pool +process/web/http\n", out)
    assert re.search(r"endpoints\n +web-0 +127.0.0.1:8000 +ready\n", out)
    assert re.search(r"web-1\\x1b +127.0.0.1:8001 +refuses connections\n", out)
    assert re.search(r"web-2 +127.0.0.1:8002 +not ready yet\n", out)
    assert "refusing" not in out


def test_describe_tells_times_as_people_do(reconciler: Any, operator: Any) -> None:
    """No second is counted from 1970, and no byte one by one."""
    now = time.time()
    last = {"at": now - 120, "code": None, "signal": "KILL", "uptime": 3.2}
    vitals = {"state": "backoff", "since": now - 120, "next": now + 30.5, "lastExit": last}
    vitals["warning"] = {"at": now - 60, "reason": "PreStopFailed", "message": "preStop failed"}
    vitals |= {"memory": 123_456_789, "born": 4711, "cron": {"at": now - 60, "ranOnStart": False}}
    page = operator.pages["GET status"]
    web = {**page["resources"][0], "vitals": vitals}
    operator.pages["GET status"] = {**page, "resources": [web]}
    out = reconciler("describe", "web").out
    assert re.search(r"since +2m ago\n", out)
    assert re.search(r"next +in 30s\n", out)
    assert re.search(r"lastExit +killed by SIGKILL after 3s, 2m ago\n", out)
    assert re.search(r"warning +preStop failed, 1m ago\n", out)
    assert re.search(r"memory +117.7 MiB\n", out)
    assert re.search(r"cron +.* 1m ago\n", out)
    assert "4711" not in out
    vitals["lastExit"] = {"another": "version"}
    assert "another" in reconciler("describe", "web").out


def test_describe_as_data(reconciler: Any, operator: Any) -> None:
    """The same, for programs: the resource with its events."""
    told = json.loads(reconciler("describe", "web", "-o", "json").out)
    assert told["ref"] == "Process/web-0"
    assert told["events"][0]["reason"] == "Crashed"


def test_events_newest_last(reconciler: Any, operator: Any) -> None:
    """Events read like a log, and can be asked for one resource."""
    first = operator.pages["GET events"]["items"][0]
    other = {**first, "ref": "Process/db-0", "time": "2026-01-01T13:00:00+00:00", "count": 1}
    operator.pages["GET events"] = {"items": [other, first]}
    out = reconciler("events").out
    assert out.index("Process/web-0") < out.index("Process/db-0")
    assert "Process/db-0" not in reconciler("events", "web").out
    # The operator looks for them: they need not be among the newest of all.
    assert "GET /admin/api/v1/events?limit=50&ref=Process/web-0" in operator.asked
    assert json.loads(reconciler("events", "-o", "json").out)["items"][-1] == other
    assert "GET /admin/api/v1/events?limit=7" in (reconciler("events", "-n", "7"), *operator.asked)


def test_events_are_picked(reconciler: Any, operator: Any) -> None:
    """By reason and time; of revisions too, which are no resources."""
    reconciler("events", "Revision/4f2c", "--reason", "RolledBack", "--since", "1970-01-01T00:01Z")
    told = "limit=50&ref=Revision/4f2c&reason=RolledBack&since=60.000"
    assert operator.asked == [f"GET /admin/api/v1/events?{told}"]


def test_events_are_followed(
    reconciler: Any, operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each; an operator that comes back is asked for what came meanwhile."""
    (event,) = operator.pages["GET events"]["items"]
    operator.pages["GET events/stream"] = event
    monkeypatch.setattr("reconciler.cli.followed.AGAIN", 0)
    heard = iter([event, event | {"reason": "Second"}])

    def one() -> Any:
        found = next(heard, None)
        return found if found is not None else (410, {"detail": "no more"})

    operator.pages["GET events/stream"] = one
    told = reconciler("events", "-w", "-o", "json")
    assert [json.loads(row)["reason"] for row in told.out.splitlines()] == ["Crashed", "Second"]
    assert "no more" in told.err
    assert operator.asked[0] == "GET /admin/api/v1/events/stream?limit=50"
    assert "&since=" in operator.asked[1]


def test_history_is_told(reconciler: Any, operator: Any) -> None:
    """One row per pass that changed something."""
    out = reconciler("history", "--passes").out
    assert "4f2c1d9 " in out
    assert "updated Process/web-0" in out
    operator.pages["GET history"] = {"items": []}
    code, out, err = reconciler("history", "--passes")
    assert (code, out) == (0, "")
    assert "nothing happened yet" in err


def test_revisions_are_told(reconciler: Any, operator: Any) -> None:
    """What, who, result, how long; and all about one of them."""
    out = reconciler("history").out
    for said in ("4f2c1d9 ", "failed", "5m", "Ada", "1 updated", "Process/web-0: exit 1"):
        assert said in out
    out = reconciler("history", "4f2c").out
    for said in ("more copies", "after      11aa22bb33", "CrashLoop: exit 1", "35 ms"):
        assert said in out
    assert json.loads(reconciler("history", "-o", "json").out)["items"][0]["author"] == "Ada"
    operator.pages["GET revisions"] = {"items": []}
    assert "no revision" in reconciler("history").err
    assert reconciler("history", "ffff").code == 2


def test_a_rollback_says_what_counts_now(reconciler: Any, operator: Any) -> None:
    """And how it ends; status and diff go on saying so."""
    code, out, err = reconciler("rollback", "11aa", "--reason", "too slow")
    assert (code, operator.bodies[-1]) == (0, {"to": "11aa", "reason": "too slow"})
    assert "back to 11aa22b in the place of 4f2c1d9; data stays as it is" in out
    assert "--undo" in err
    assert "4f2c1d9 counts again" in reconciler("rollback", "--undo").out
    assert reconciler("rollback").code == 2
    assert reconciler("rollback", "11aa", "--undo").code == 2
    for page in ("status", "plan"):
        view = {**operator.pages[f"GET {page}"], "rolledBack": AWAY}
        operator.pages[f"GET {page}"] = view
    assert "rolled back from 4f2c1d9 to 11aa22b" in reconciler("status").out
    code, out, _ = reconciler("diff")
    assert code == 1
    assert "Process/web-0: exit 1" in out


@pytest.mark.parametrize(
    ("back", "said"),
    [
        ("11aa22bb33", "`reconciler rollback 11aa22b` goes back"),
        (None, "there is nothing to go back to"),
    ],
)
def test_a_failure_says_whether_there_is_a_way_back(
    reconciler: Any, operator: Any, back: str | None, said: str
) -> None:
    """Before any revision was healthy there is none."""
    told = {"result": "failed", "wayBack": back, "revision": "4f2c1d9aa0"}
    operator.pages["GET status"]["rollout"] = {**told, "culprit": "Process/web-0", "message": "x"}
    text = " ".join(reconciler("status").out.split())
    assert "revision 4f2c1d9 failed: Process/web-0: x" in text
    assert said in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m59s"), (3600, "1h"), (187200, "2d4h")],
)
def test_lengths_of_time_in_two_units(seconds: float, text: str) -> None:
    """A length is as exact as a person needs it."""
    assert span(seconds) == text


def test_moments() -> None:
    """Times of the API carry their zone; without one they are UTC."""
    assert moment("2026-01-01T12:00:00") == NOW
    assert moment(None) is None
    assert ago("2026-01-01T13:59:22+02:00", NOW) == "38s ago"
    assert ago(None, NOW) == "never"
