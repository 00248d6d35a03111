"""Restores by hand and drills on a real stack: who writes rests, and only for the moment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.testing import eventually

from .small import Small, count, make_small

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

PEN = """\
---
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: pen}
spec:
  shell: "while :; do date >> data/pen.log; sleep 0.1; done"
  restart: {maxBackoff: 2s}
"""
TARGET = "spec: {repository: backup, path: data/, settle: 0s"


@pytest.fixture
def stack() -> Iterator[Small]:
    """A writer that waits for the restore, and a pen that does not."""
    with make_small() as stack:
        spec = stack.root / "specs" / "data.yaml"
        spec.write_text(spec.read_text().replace(TARGET, TARGET + ", writers: [pen]") + PEN)
        stack.commit("a pen")
        stack.up()
        eventually(lambda: stack.kept_lines() > 20, 40, every=0.2)
        yield stack


def ordered(stack: Small, *words: str) -> dict[str, Any]:
    """What an order did, once it is done."""
    said = stack.command("sync", *words, "-o", "json")
    assert said.returncode == 0, said.stderr + said.stdout
    (one,) = json.loads(said.stdout)["items"]
    did: dict[str, Any] = one["outcome"]["did"]
    return did


def pid_of(stack: Small, name: str) -> int:
    return int(stack.resource(f"Process/{name}")["vitals"].get("pid") or 0)


def test_an_older_version_under_its_writers(stack: Small) -> None:
    """They are stopped for the moment and told why; what they wrote since can be had again."""
    version = ordered(stack, "now", "data")["commit"]
    kept = lines_of(stack, version)
    eventually(lambda: stack.lines() > kept + 50, 30)
    starts, pen = len(stack.found()), pid_of(stack, "pen-0")
    said = stack.command("sync", "restore", "data", "--at", version[:12])
    assert said.returncode == 0, said.stderr + said.stdout
    assert "what was here is safety/" in said.stdout
    eventually(lambda: len(stack.found()) > starts, 30)
    assert stack.found()[-1] == kept
    eventually(lambda: pid_of(stack, "pen-0") not in {0, pen}, 30, every=0.2)
    told = stack.command("events", "-o", "json").stdout
    assert "rests until SyncTarget/data is restored" in told
    assert "rests while SyncTarget/data is restored" in told
    eventually(lambda: lines_of(stack, "main") >= kept, 30, every=0.2)
    to = stack.home / "look"
    ordered(stack, "restore", "data", "live.db", "--at", "safety/last", "--to", str(to))
    assert [path.name for path in to.iterdir()] == ["live.db"]
    assert count(to / "live.db") > kept + 50
    did = ordered(stack, "verify", "data", "--all")
    assert (did["databases"], did["ok"]) == (1, True)
    conditions = stack.resource("SyncTarget/data")["conditions"]
    verified = [one for one in conditions if one["type"] == "RestoreVerified"]
    assert [one["status"] for one in verified] == ["True"]


def lines_of(stack: Small, version: str) -> int:
    copy = stack.home / "version.db"
    copy.write_bytes(stack.read_remote(stack.remote, "show", f"{version}:data/live.db"))
    return count(copy)


def test_who_prefers_starts_without(stack: Small) -> None:
    """The remote is away: after the timeout it starts, and is backed up only once restored."""
    kept = last_kept(stack)
    spec = stack.root / "specs" / "data.yaml"
    restore = ", restore: {onStart: prefer, timeout: 2s}"
    spec.write_text(spec.read_text().replace(TARGET, TARGET + restore))
    stack.commit("prefer")
    shutil.rmtree(stack.root / "data")
    stack.server.desk.broken = True
    starts = len(stack.found())
    stack.start()
    eventually(lambda: len(stack.found()) > starts, 60, every=0.2)
    assert stack.found()[-1] == 0
    assert "StartedWithout" in stack.command("sync", "status").stdout
    stack.server.desk.broken = False
    eventually(lambda: stack.lines() > 20, 30)
    assert stack.kept_lines() == kept
    starts = len(stack.found())
    did = ordered(stack, "restore", "data")
    eventually(lambda: len(stack.found()) > starts, 30)
    assert stack.found()[-1] == kept
    assert Path(did["putAside"], "live.db").exists()
    assert did["safety"]
    eventually(lambda: stack.kept_lines() > kept, 30, every=0.2)


def last_kept(stack: Small) -> int:
    """What the remote has once the stack has stopped."""
    assert stack.stop() == 0
    return stack.kept_lines()
