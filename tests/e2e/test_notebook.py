"""A database, an API that needs it, a worker and a front end that need the API: all real."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from reconciler.testing import eventually

from .notebook import EXAMPLE, HELD, STARTS, Notebook, Watch, make_notebook

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

LATE = 0.1
"""How much later than the operator, in seconds, a test may see something."""
ELSEWHERE = """\
apiVersion: reconciler.dev/v1
kind: Probe
metadata: {name: database}
spec:
  exec: [redis-cli, -e, -p, "PORT", ping]
  period: 500ms
  failureThreshold: 1
"""


@pytest.fixture
def notebook(folder: Path) -> Iterator[Notebook]:
    with make_notebook(folder) as stack:
        yield stack


def born(stack: Notebook, name: str) -> float:
    """When a process began, in seconds since the machine started."""
    return float(stack.only(name)["vitals"]["born"]) / os.sysconf("SC_CLK_TCK")


def causes(stack: Notebook, name: str) -> list[str]:
    """Why a process was started each time after the first."""
    return [one["cause"] for one in stack.only(name)["vitals"]["causes"]]


def waits(stack: Notebook, *names: str) -> bool:
    """Whether these are not there, and say that they wait."""
    for name in names:
        found = stack.only(name)
        assert not found["vitals"].get("pid"), found
        assert "database" in json.dumps(found) or "api" in json.dumps(found), found
    return True


def assert_order(stack: Notebook, seen: dict[str, float]) -> None:
    """Nothing began before what it needs answered."""
    assert born(stack, "api") >= seen["database"] - LATE
    assert born(stack, "worker") >= seen["api"] - LATE
    assert born(stack, "frontend") >= seen["api"] - LATE


def answers(stack: Notebook) -> bool:
    """Whether the API itself, not the way to it, answers well."""
    status, body = stack.fetch("/api/config", port=stack.ports["5055"])
    return status == 200 and json.loads(body) == {"dbStatus": "online"}


def test_the_database_dies(notebook: Notebook) -> None:
    """All start in their order; when the database dies the truth is told until all is well."""
    stack = notebook
    database = stack.root / "specs" / "10-database.yaml"
    database.write_text(database.read_text().replace(STARTS, HELD))
    stack.begin()
    stack.start()
    eventually(lambda: stack.only("database")["vitals"].get("pid"), 20)
    eventually(lambda: waits(stack, "api", "worker", "frontend"))
    assert not stack.is_ready("database")
    with Watch().over_these(database=stack.ping, api=lambda: answers(stack)) as watch:
        assert not watch.seen
        stack.go.touch()
        stack.settle()
        assert_order(stack, watch.seen)
    number = stack.works("the first note")

    before = stack.pids()
    stack.go.unlink()
    psutil.Process(before["database-0"]).kill()
    eventually(lambda: not stack.is_ready("database"))
    eventually(lambda: not stack.is_ready("api"))
    assert stack.look()["verdict"]["ready"] is False
    assert stack.fetch(f"/api/notes/{number}") == (503, "the database does not answer\n")
    assert stack.fetch("/")[0] == 200
    # Nothing begins anew for a database that is not there yet.
    eventually(lambda: stack.pids().get("database-0", before["database-0"]) != before["database-0"])
    assert (stack.pids()["api-0"], stack.pids()["frontend-0"]) == (
        before["api-0"],
        before["frontend-0"],
    )

    stack.go.touch()
    eventually(lambda: stack.pids().get("api-0", before["api-0"]) != before["api-0"], 20)
    stack.settle()
    after = stack.pids()
    assert after["frontend-0"] == before["frontend-0"]
    assert not set(before.values()) & {after[name] for name in ("database-0", "api-0", "worker-0")}
    assert causes(stack, "database")[-1] == "crash"
    assert causes(stack, "api") == ["dependency"]
    assert causes(stack, "frontend") == []
    assert stack.note(number)["text"] == "the first note"
    stack.works("the second note")
    assert_all_end(stack)


def assert_all_end(stack: Notebook) -> None:
    """Who needs is stopped before who is needed, and nothing is left."""
    assert stack.stop() in {0, 130}
    assert [process.cmdline() for process in stack.running()] == []
    lines = (stack.state / "run" / "lives.jsonl").read_text().splitlines()
    lives = [json.loads(line) for line in lines]
    ends = [life["name"] for life in lives if "ended" in life][-4:]
    assert sorted(ends[:2]) == ["frontend-0", "worker-0"]
    assert ends[2:] == ["api-0", "database-0"]


@contextmanager
def serve(stack: Notebook) -> Iterator[subprocess.Popen[bytes]]:
    """A database that the stack does not run."""
    with subprocess.Popen(
        ["redis-server", "--port", str(stack.ports["6379"]), "--appendonly", "yes"],
        cwd=stack.root / "data",
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            eventually(stack.ping)
            yield server
        finally:
            server.kill()


def test_a_database_elsewhere_dies(notebook: Notebook) -> None:
    """The same with one the stack does not run: it is probed, and nobody starts it."""
    stack = notebook
    elsewhere = ELSEWHERE.replace("PORT", str(stack.ports["6379"]))
    (stack.root / "specs" / "10-database.yaml").write_text(elsewhere)
    application = stack.root / "specs" / "20-application.yaml"
    application.write_text(application.read_text().replace("Process/database", "Probe/database"))
    stack.begin()
    stack.start()
    eventually(lambda: waits(stack, "api", "worker", "frontend"), 20)
    eventually(lambda: stack.resource("Probe/database")["health"]["code"] == "Degraded")
    with Watch().over_these(database=stack.ping, api=lambda: answers(stack)) as watch:
        with serve(stack):
            stack.settle()
            assert_order(stack, watch.seen)
            number = stack.works("kept elsewhere")
            before = stack.pids()
        eventually(lambda: stack.resource("Probe/database")["health"]["code"] == "Degraded")
        eventually(lambda: not stack.is_ready("api"))
        assert stack.look()["verdict"]["ready"] is False
        assert stack.fetch(f"/api/notes/{number}") == (503, "the database does not answer\n")
        assert stack.pids()["api-0"] == before["api-0"]
        with serve(stack):
            eventually(lambda: causes(stack, "api") == ["dependency"], 20)
            stack.settle()
            assert stack.pids()["frontend-0"] == before["frontend-0"]
            assert stack.note(number)["words"] == "2"
            stack.works("and again")
            assert stack.stop() in {0, 130}
            assert stack.ping()


@pytest.mark.soak
def test_its_own_environment(folder: Path) -> None:
    """`setup` makes what the example needs, and leaves it alone the next time."""
    for name in ("setup", "requirements.txt"):
        (folder / name).write_bytes((EXAMPLE / name).read_bytes())
    for _ in range(2):
        made = subprocess.run(
            ["bash", folder / "setup"], capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    subprocess.run([folder / ".venv" / "bin" / "uvicorn", "--version"], check=True)
