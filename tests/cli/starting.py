"""Runs command lines for a stack of one process, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

SPEC = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {name: web}
spec:
  command: [sleep, "3600"]
"""
Start = Callable[..., "subprocess.Popen[str]"]


def running(folder: Path) -> list[psutil.Process]:
    """Every process that works in the folder or names it."""
    found = []
    for process in psutil.process_iter():
        try:
            said = [process.cwd(), *process.cmdline()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in text for text in said):
            found.append(process)
    return found


@pytest.fixture
def start(stack_dir: Path) -> Iterator[Start]:
    """Runs ``reconciler`` for a stack of one process; what is left of it is ended."""
    specs = stack_dir / "specs"
    specs.mkdir()
    (specs / "web.yaml").write_text(SPEC)
    environ = {**os.environ, "RECONCILER_STATE_DIR": str(stack_dir), "COLUMNS": "100"}

    def call(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=stack_dir,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    yield call
    for process in running(stack_dir):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def finish(child: subprocess.Popen[str], deadline: float = 60) -> tuple[int, str, str]:
    out, err = child.communicate(timeout=deadline)
    return child.returncode, out, err
