"""The API of a real stack, on its public port: nothing without a token, everything with one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

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
    (agent,) = call(stack, "/api/pm/list", read)
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
