"""Routes to processes: requests go to who can take them, and wait while somebody is coming."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from reconciler.testing import eventually, free_port

from .crowd import SERVER, crowd
from .herd import Herd, make_herd

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

RESTARTS = 40 if os.environ.get("RECONCILER_SOAK") == "1" else 2
ROUTE = """\
apiVersion: reconciler.dev/v1
kind: Gateway
metadata: {{name: gateway}}
spec: {{listen: {port}}}
---
apiVersion: reconciler.dev/v1
kind: Route
metadata: {{name: web}}
spec: {{proxy: {{process: {{name: web, port: http, wait: 20s}}}}}}
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {{name: web}}
spec:
  command: [python3, server.py]
  replicas: {replicas}
  ports: [{{name: http, port: auto}}]
  restart: {{backoff: 300ms}}
"""
PROBE = """\
  probes:
    readiness: {http: {port: http, path: /ready}, period: 100ms, failureThreshold: 1}
"""


@pytest.fixture
def herd() -> Iterator[Herd]:
    with make_herd() as stack:
        (stack.root / "signs").mkdir()
        (stack.root / "server.py").write_text(SERVER)
        ignored = stack.root / ".gitignore"
        ignored.write_text(ignored.read_text() + "/signs/\n")
        yield stack


def begin(stack: Herd, replicas: int, more: str = "") -> None:
    """Run a stack of so many instances, all of them ready."""
    stack.port = free_port()
    for number in range(replicas):
        (stack.root / "signs" / f"web-{number}").touch()
    text = ROUTE.format(port=stack.port, replicas=replicas) + more
    (stack.root / "specs" / "web.yaml").write_text(text)
    stack.begin()
    stack.up()


def get(stack: Herd) -> tuple[int, str, http.client.HTTPMessage]:
    with closing(http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)) as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers


def endpoints(stack: Herd) -> dict[str, bool]:
    """Who is in the pool as it is served, and whether it is ready."""
    found: Any = stack.resource("Route/web")["vitals"]["endpoints"] or ()
    return {one["name"]: one.get("ready", True) for one in found}


def pid_of(stack: Herd, name: str) -> int:
    return int(stack.resource(f"Process/{name}")["vitals"].get("pid") or 0)


def test_instances_come_and_go_under_load(herd: Herd) -> None:
    """A kill, a failing probe and its return cost no request; with nobody left it is a page."""
    stack = herd
    begin(stack, 3, PROBE)
    names = {"web-0", "web-1", "web-2"}
    with crowd(stack.port, "GET", "GET", "GET", "GET") as many:
        eventually(lambda: many.names.keys() == names)
        os.kill(pid_of(stack, "web-1"), signal.SIGKILL)
        eventually(lambda: endpoints(stack) == {"web-0": True, "web-1": False, "web-2": True})
        eventually(lambda: all(endpoints(stack).values()))
        (stack.root / "signs" / "web-0").unlink()
        eventually(lambda: endpoints(stack) == {"web-1": True, "web-2": True})
        before = many.names["web-0"]
        count = sum(many.names.values())
        eventually(lambda: sum(many.names.values()) > count + 200)
        assert many.names["web-0"] <= before + 4  # those that were under way
        assert stack.look()["verdict"]["inSync"]
        assert stack.resource("Route/web")["health"]["code"] == "Healthy"
        (stack.root / "signs" / "web-0").touch()
        eventually(lambda: many.names["web-0"] > before + 10)
    assert not many.failed, many.counts

    for name in sorted(names):
        (stack.root / "signs" / name).unlink()
    eventually(lambda: endpoints(stack) == {})
    status, _, headers = get(stack)
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    health = stack.resource("Route/web")["health"]
    assert (health["code"], health["reason"]) == ("Degraded", "NotReady")
    assert "Process/web" in health["message"]
    assert stack.look()["verdict"]["inSync"]
    told = stack.command("describe", "route/web").stdout
    assert "no instance of Process/web is ready" in told


def test_a_restart_costs_no_request(herd: Herd) -> None:
    """Asked for or by an edit: the only instance goes and comes, and requests wait for it."""
    stack = herd
    begin(stack, 1, PROBE)
    with crowd(stack.port, "GET", "POST", "GET", "POST") as many:
        for number in range(3):
            before = pid_of(stack, "web-0")
            if number < 2:
                stack.ask("restart", "web-0")
            else:
                path = stack.root / "specs" / "web.yaml"
                path.write_text(path.read_text().replace("replicas", "umask: '077'\n  replicas"))
                stack.commit("an edit that restarts it")
            eventually(lambda old=before: pid_of(stack, "web-0") not in {0, old}, 20)
            count = sum(many.counts.values())
            eventually(lambda n=count: sum(many.counts.values()) > n + 50, 20)
    assert not many.failed, many.counts
    assert endpoints(stack) == {"web-0": True}


def test_without_the_operator_the_gateway_goes_on(herd: Herd) -> None:
    """It serves, it passes over who is gone, and an operator that returns withdraws nobody."""
    stack = herd
    begin(stack, 2, PROBE)
    operator = stack.find_operator()
    assert operator is not None
    os.kill(operator.pid, signal.SIGSTOP)
    with crowd(stack.port, "GET", "GET") as many:
        eventually(lambda: many.names.keys() == {"web-0", "web-1"})
        web = next(
            one for one in operator.parent().children() if "server.py" in " ".join(one.cmdline())
        )
        web.kill()
        count = sum(many.counts.values())
        eventually(lambda: sum(many.counts.values()) > count + 300)
        operator.kill()
        eventually(lambda: stack.look()["verdict"]["inSync"], 40)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            assert any(endpoints(stack).values())
        eventually(lambda: endpoints(stack) == {"web-0": True, "web-1": True}, 20)
    assert not many.failed, many.counts
