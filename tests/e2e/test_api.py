"""The API of a real stack, on its public port: nothing without a token, everything with one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.described import undescribed

from reconciler.testing import eventually, free_port

from .stack import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ROOT = "/admin/api/v1"
SPECS = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: agent}
spec:
  shell: "echo up as $$ >&2; while :; do sleep 3600 & wait; done"
  env: {MODE: fast, API_KEY: "${CANARY}"}
  restart: {backoff: 0s}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: job}
spec:
  type: oneshot
  shell: echo once >>ran
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: nightly}
spec:
  type: cron
  schedule: "0 0 1 1 *"
  shell: echo once >>nights
---
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {name: gateway}
spec: {listen: PUBLIC}
"""
CANARY = "canary-8f14e45f"


@pytest.fixture
def stack(folder: Path) -> Iterator[Stack]:
    """One process and a gateway, running."""
    port = free_port()
    (folder / "t" / "specs").mkdir(parents=True)
    specs = SPECS.replace("PUBLIC", str(port))
    (folder / "t" / "specs" / "agent.yaml").write_text(specs)
    made = Stack(folder / "t", port, folder / "home", env={"CANARY": CANARY})
    made.begin()
    try:
        made.up()
        yield made
    finally:
        made.end()


def token(stack: Stack, scope: str) -> str:
    return stack.command("token", "create", f"for-{scope}", "--scope", scope).stdout.strip()


def call(stack: Stack, path: str, key: str, post: Any = None) -> Any:
    """One call that must succeed."""
    code, body = stack.fetch(path, post=post, token=key)
    assert code < 300, (code, body)
    return json.loads(body)


def test_the_originals_calls(stack: Stack) -> None:
    """List, stop, start, restart and logs do what they say to a real process."""
    for path in ("/api/pm/list", f"{ROOT}/status", f"{ROOT}/openapi.json"):
        assert stack.fetch(path)[0] == 401
    read, operate = token(stack, "read"), token(stack, "operate")
    (agent, *_) = call(stack, "/api/pm/list", read)
    assert (agent["id"], agent["status"]) == ("agent", "running")
    assert agent["config"]["env"] == {"MODE": "fast", "API_KEY": "****"}
    assert stack.fetch("/api/pm/agent/stop", post={}, token=read)[0] == 403
    assert call(stack, "/api/pm/agent/stop", operate, {})["message"] == "Process stopped"
    eventually(lambda: call(stack, "/api/pm/list", read)[0]["status"] == "stopped")
    (asked,) = call(stack, f"{ROOT}/requests", read)["items"]
    assert (asked["verb"], asked["author"]) == ("stop", "for-operate")
    call(stack, "/api/pm/agent/start", operate, {})
    eventually(lambda: call(stack, "/api/pm/list", read)[0]["status"] == "running")
    assert stack.fetch("/api/pm/agent/start", post={}, token=operate)[0] == 400
    before = call(stack, "/api/pm/list", read)[0]["pid"]
    call(stack, "/api/pm/agent/restart", operate, {})
    eventually(lambda: call(stack, "/api/pm/list", read)[0]["pid"] not in {0, before})
    eventually(lambda: len(call(stack, "/api/pm/agent/logs", read)) == 3)
    assert {line["stream"] for line in call(stack, "/api/pm/agent/logs", read)} == {"stderr"}


def test_the_originals_start_runs_what_has_ended(stack: Stack) -> None:
    """A oneshot that is done and a job that waits for its time run when they are told to."""
    key = token(stack, "operate")
    for name, file, before in (("job", "ran", 1), ("nightly", "nights", 0)):
        ran = stack.root / file

        def count(ran: Path = ran) -> int:
            return len(ran.read_text().splitlines()) if ran.exists() else 0

        assert count() == before
        for number, act in enumerate(("restart", "start"), before + 1):
            call(stack, f"/api/pm/{name}/{act}", key, {})
            eventually(lambda number=number: count() == number)  # type: ignore[misc] # as it is now
            eventually(lambda name=name: state(stack, name) in {"completed", "armed"})  # type: ignore[misc] # the same
    told = call(stack, f"{ROOT}/events?ref=Process/nightly-0&ref=Process/job-0", key)["items"]
    assert sum(one["reason"] == "Asked" for one in told) == 4


def test_who_takes_a_stop_back_is_the_cause(stack: Stack) -> None:
    """Soon after the stop, while it still goes on, and later: a person started it."""
    key = token(stack, "operate")
    for number in range(3):
        call(stack, f"{ROOT}/resources/Process/agent/stop", key, {})
        if number:
            eventually(lambda: state(stack, "agent") == "stopped")
        if number == 1:
            stack.command("start", "agent")
        else:
            page = f"http://127.0.0.1:{stack.port}{ROOT}/requests/Process/agent"
            headers = {"Authorization": f"Bearer {key}"}
            assert httpx.delete(page, headers=headers).status_code == 200
        eventually(lambda: state(stack, "agent") == "running")
    for _ in range(3):
        call(stack, "/api/pm/agent/stop", key, {})
        call(stack, "/api/pm/agent/start", key, {})
        eventually(lambda: state(stack, "agent") == "running")
    causes = stack.resource("Process/agent-0")["vitals"]["causes"]
    assert {one["cause"] for one in causes[1:]} == {"user"}


def test_nothing_is_told_that_is_not_described(stack: Stack) -> None:
    """Of processes, of a gateway, of revisions; after something was asked."""
    key = token(stack, "operate")
    call(stack, f"{ROOT}/resources/Process/agent/stop", key, {"reason": "to be seen"})
    told = call(stack, f"{ROOT}/openapi.json", key)
    every = ("status", "plan", "events", "history", "requests", "resources", "revisions", "sync")
    for path in (*(f"{ROOT}/{one}" for one in every), "/api/pm/list"):
        assert undescribed(told, path, call(stack, path, key)) == [], path
    (revision,) = call(stack, f"{ROOT}/revisions", key)["items"]
    one = call(stack, f"{ROOT}/revisions/{revision['revision'][:7]}", key)
    assert undescribed(told, f"{ROOT}/revisions/{{revision}}", one) == []
    assert (one["author"], bool(one["passes"])) == ("Tester", True)


def state(stack: Stack, name: str) -> str:
    """Of the one instance of a process."""
    (found,) = (one for one in stack.look()["resources"] if one["name"] == f"{name}-0")
    return str(found["vitals"]["state"])


def test_by_password(stack: Stack) -> None:
    """The first password is in a file whose path `up` names, and logs in; nothing shows it."""
    note = stack.state / "state" / "admin.password"
    said = stack.log.read_text() + (stack.state / "log" / "reconciler.log").read_text()
    password = note.read_text().strip()
    assert (str(note) in said, password in said) == (True, False)
    assert stack.fetch(f"{ROOT}/login", post={"password": ""})[0] == 401
    opened = call(stack, f"{ROOT}/login", "", {"password": password})
    assert opened["scope"] == "admin"
    changed = stack.command("password", "hash")
    assert changed.returncode == 2  # an empty line is no password


def test_a_log_is_followed(stack: Stack) -> None:
    """What a process prints reaches a client of the public port as it is printed."""
    key = token(stack, "operate")
    page = f"{ROOT}/resources/Process/agent/logs?follow=1&lines=0"
    url, headers = f"http://127.0.0.1:{stack.port}", {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers) as http, http.stream("GET", page) as answer:
        rows = answer.iter_lines()
        assert next(rows) == ""  # it is there, and nothing came yet
        call(stack, f"{ROOT}/resources/Process/agent/restart", key, {"reason": "to be heard"})
        line = next(row for row in rows if row.strip())
    said = json.loads(line)
    assert (said["process"], said["level"]) == ("agent-0", "error")
    assert said["message"].startswith("up as ")


def test_secrets_stay_inside(stack: Stack) -> None:
    """No page of the API shows a value that is secret."""
    key = token(stack, "admin")
    for path in ("status", "plan", "events", "history", "resources", "resources/Process/agent-0"):
        assert CANARY not in json.dumps(call(stack, f"{ROOT}/{path}", key))
    assert CANARY not in json.dumps(call(stack, "/api/pm/list", key))
