"""The watch for passwords sees one wherever it may show: else its silence would say nothing."""

from __future__ import annotations

import base64
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from tests.canary import Canary, look_through

from reconciler.testing import eventually
from reconciler.testing.git_server import git, make_bare

SECRET = "canary/of this test"


@pytest.fixture
def seen() -> Canary:
    found = Canary()
    found.know(SECRET)
    return found


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_processes_are_seen(seen: Canary, how: str) -> None:
    """What a program is started with is looked at while it runs."""
    told = [SECRET] if how == "argument" else []
    environ = {"TOKEN": SECRET} if how == "variable" else {}
    command = [sys.executable, "-c", "input()", *told]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE) as process:
        eventually(lambda: seen.found)
        process.communicate(b"\n")
    seen.close()
    assert seen.found[0].startswith(f"/proc/{process.pid}/")


def test_files_logs_and_commits_are_seen(seen: Canary, tmp_path: Path) -> None:
    """Plain or coded, in a file, a log, or packed away in a repository."""
    (tmp_path / "plain").write_text(SECRET)
    (tmp_path / "coded").write_bytes(base64.b64encode(f"me:{SECRET}".encode()))
    (tmp_path / "x.credential").write_text(SECRET)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "data").write_text(SECRET)
    bare = make_bare(tmp_path / "x.git")
    git(bare, "hash-object", "-w", str(tmp_path / "plain"))
    look_through(seen, tmp_path)
    assert sorted(Path(one.split()[0]).name for one in seen.found) == ["coded", "plain", "x.git"]
    seen.emit(logging.makeLogRecord({"msg": "hello %s", "args": (SECRET,)}))
    assert seen.found[-1] == "a log"
    seen.close()
