"""The original's calls, in its shapes and codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.core.model import Ref

from .conftest import Ask, Grant, Operator, process

GATEWAY = {"X-Reconciler-Client": "stranger", "X-Real-IP": "203.0.113.9"}


async def test_the_list(ask: Ask, operator: Operator, token: Grant) -> None:
    """Each process with exactly the original's members, what looks secret masked."""
    async with ask(**GATEWAY, **token("read")) as http:
        entries = (await http.get("/api/pm/list")).json()
    assert [one["id"] for one in entries] == ["web", "api-0", "api-1"]
    web = entries[0]
    assert re.fullmatch(r"\d+h\d+m\d+s", web.pop("uptime"))
    assert web == {
        "id": "web",
        "pid": 4021,
        "status": "running",
        "startTime": "2026-01-30T10:00:00Z",
        "restartCount": 3,
        "lastError": "",
        "config": {
            "id": "web",
            "script": "",
            "command": "python",
            "args": ["app.py", "-v"],
            "cwd": ".",
            "env": {"MODE": "fast", "API_KEY": "****", "DB": "****"},
            "interpreter": "auto",
            "maxRetries": -1,
            "backoff": "1s",
            "devMode": False,
            "watchPaths": [],
        },
    }
    stopped = entries[1]
    assert (stopped["pid"], stopped["status"], stopped["uptime"]) == (0, "stopped", "0s")
    assert stopped["startTime"] == "0001-01-01T00:00:00Z"


async def test_a_start_right_after_a_stop(ask: Ask, operator: Operator) -> None:
    """It takes the stop back, though the process has not ended yet."""
    async with ask() as http:
        assert (await http.post("/api/pm/web/stop")).status_code == 200
        assert (await http.post("/api/pm/web/start")).status_code == 200


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("running", "running"),
        ("starting", "starting"),
        ("waiting", "starting"),
        ("backoff", "crashed"),
        ("failed", "failed"),
        ("stopped", "stopped"),
        ("completed", "stopped"),
        ("armed", "stopped"),
    ],
)
async def test_the_words(ask: Ask, operator: Operator, state: str, word: str) -> None:
    """Our states in the original's words."""
    sick = {"code": "Degraded", "reason": "CrashLoop", "message": "exit code 3"}
    operator.resources = [{**process("web-0", state=state), "health": sick}]
    async with ask() as http:
        entry = (await http.get("/api/pm/list")).json()[0]
    assert (entry["status"], entry["lastError"]) == (word, "exit code 3")


async def test_the_actions(ask: Ask, operator: Operator, token: Grant) -> None:
    """Stop, start and restart answer as the original does, and ask the operator."""
    async with ask(**GATEWAY, **token("operate")) as http:
        stopped = await http.post("/api/pm/web/stop")
        again = await http.post("/api/pm/web/restart")
        begun = await http.post("/api/pm/api-0/start")
    assert (stopped.status_code, again.status_code, begun.status_code) == (200, 200, 200)
    assert stopped.json() == {"message": "Process stopped", "id": "web"}
    assert again.json() == {"message": "Process restart initiated", "id": "web"}
    assert begun.json() == {"message": "Process start initiated", "id": "api-0"}
    asked = {str(ref): one["verb"] for ref, one in operator.asked.items()}
    assert asked == {"Process/web-0": "restart", "Process/api-0": "start"}


async def test_restarting_what_rests_starts_it(ask: Ask, operator: Operator) -> None:
    """As in the original, a restart of what does not run is a start."""
    async with ask() as http:
        answer = await http.post("/api/pm/api-0/restart")
    assert answer.json() == {"message": "Process restart initiated", "id": "api-0"}
    assert operator.asked[Ref("Process", "api-0")]["verb"] == "start"


async def test_the_codes(ask: Ask, operator: Operator) -> None:
    """404 for what is not there, 400 for what runs already; in both shapes of error."""
    async with ask() as http:
        for path in ("nobody/stop", "nobody/start", "nobody/restart", "reconciler/stop"):
            missing = await http.post(f"/api/pm/{path}")
            assert missing.status_code == 404
            assert missing.json()["message"] == missing.json()["detail"]
        assert (await http.get("/api/pm/nobody/logs")).status_code == 404
        running = await http.post("/api/pm/web/start")
    assert running.status_code == 400
    assert running.json()["message"] == "Process is already running"
    assert (running.json()["code"], running.json()["data"]) == (400, {})
    assert operator.asked == {}


@pytest.mark.parametrize(
    ("lines", "count"),
    [("", 100), ("3", 3), ("1000", 1000), ("5000", 1000), ("-1", 100), ("x", 100), ("0", 100)],
)
async def test_the_logs(
    ask: Ask, operator: Operator, tmp_path: Path, *, lines: str, count: int
) -> None:
    """The last lines, oldest first: a hundred unless said, a thousand at most."""
    log = tmp_path / "web-0.log"
    rows = [f"2026-01-30T10:00:{n % 60:02}.000001Z stderr F line {n}\n" for n in range(1200)]
    log.write_text("".join(rows))
    operator.resources = [process("web-0", log=str(log))]
    async with ask() as http:
        answer = await http.get(f"/api/pm/web/logs?lines={lines}")
    assert len(answer.json()) == count
    assert answer.json()[-1] == {
        "timestamp": "2026-01-30T10:00:59.000001Z",
        "processId": "web",
        "stream": "stderr",
        "content": "line 1199",
    }
    assert answer.json()[0]["content"] == f"line {1200 - count}"


async def test_the_logs_of_instances_are_one(ask: Ask, operator: Operator, tmp_path: Path) -> None:
    """By time, and no more of them than asked for."""
    for number, seconds in enumerate(((1, 3), (2, 4))):
        rows = (f"2026-01-30T10:00:0{n}.000000Z stdout F {n}\n" for n in seconds)
        (tmp_path / f"web-{number}.log").write_text("".join(rows))
    operator.resources = [process(f"web-{n}", log=str(tmp_path / f"web-{n}.log")) for n in (0, 1)]
    async with ask() as http:
        answer = await http.get("/api/pm/web/logs?lines=3")
    assert [one["content"] for one in answer.json()] == ["2", "3", "4"]


@pytest.mark.parametrize("act", ["start", "restart"])
@pytest.mark.parametrize("state", ["armed", "completed", "backoff", "failed"])
async def test_what_has_ended_begins_anew(
    ask: Ask, operator: Operator, act: str, state: str
) -> None:
    """Of what is to run anyway a start says nothing new: only a restart makes it run now."""
    operator.resources = [process("job-0", pid=0, state=state)]
    async with ask() as http:
        answer = await http.post(f"/api/pm/job/{act}")
    assert answer.json() == {"message": f"Process {act} initiated", "id": "job"}
    assert operator.asked[Ref("Process", "job-0")]["verb"] == "restart"
