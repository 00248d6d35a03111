"""A whole stack in a folder of its own, as a user has it after a clone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from reconciler.testing import eventually, free_port

ROOT = Path(__file__).parents[2]
RECONCILER = Path(sys.executable).with_name("reconciler")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Shows a redirect instead of following it."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Stack:
    """A clone with the shipped specs on free ports; ``up`` runs it, ``stop`` ends it."""

    root: Path
    port: int
    home: Path
    process: subprocess.Popen[bytes] | None = None
    env: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.root / ".reconciler"

    def environ(self) -> dict[str, str]:
        """What a user's shell would hand over, and no more."""
        return {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "USER": "tester",
            "LANG": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": str(self.home / "gitconfig"),
            **self.env,
        }

    def command(self, *args: str, deadline: float = 60) -> subprocess.CompletedProcess[str]:
        """One call of ``reconciler`` in the folder of the clone."""
        return subprocess.run(
            [RECONCILER, *args],
            cwd=self.root,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=deadline,
            check=False,
        )

    def git(self, *args: str) -> str:
        """One call of git in the folder of the clone."""
        return subprocess.run(
            ["git", *args],
            cwd=self.root,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def commit(self, message: str) -> None:
        """What is in specs/ becomes what is wanted."""
        self.git("add", "-A", "specs")
        self.git("commit", "-q", "-m", message)

    def up(self) -> None:
        """Run the stack in the foreground of a process of its own, and wait until it is in sync."""
        with (self.root / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [RECONCILER, "up"],
                cwd=self.root,
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.settle()

    def settle(self, deadline: float = 40) -> None:
        """Wait until the operator says that nothing differs and all is healthy."""

        def settled() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, (self.root / "up.log").read_text()
            verdict = self.status()["verdict"]
            assert verdict["inSync"], verdict
            assert verdict["health"] == "Healthy", verdict
            return True

        eventually(settled, deadline, every=0.1)

    def status(self) -> dict[str, Any]:
        """The status as the operator tells it; an AssertionError while there is none."""
        said = self.command("status", "-o", "json")
        assert said.stdout.strip(), said.stderr
        answer: dict[str, Any] = json.loads(said.stdout)
        assert answer.get("resources"), answer
        return answer

    def pids(self) -> dict[str, int]:
        """The process id of each of the user's processes."""
        return {
            item["name"]: item["vitals"]["pid"]
            for item in self.status()["resources"]
            if item["kind"] == "Process" and item["vitals"].get("pid") and not item.get("system")
        }

    def kept(self) -> list[str]:
        """The files in the backup."""
        remote = self.root / "backup.git"
        listing = ["git", f"--git-dir={remote}", "ls-tree", "-r", "--name-only", "main"]
        done = subprocess.run(
            listing, env=self.environ(), capture_output=True, text=True, check=False
        )
        return done.stdout.splitlines()

    def fetch(self, path: str = "/") -> tuple[int, str]:
        """Status and body of a request through the public port."""
        opener = urllib.request.build_opener(NoRedirect)
        try:
            with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("Location") or error.read().decode()

    def running(self) -> list[psutil.Process]:
        """Every process of this machine that works from this folder or names it."""
        found = []
        for process in psutil.process_iter():
            try:
                said = [process.cwd(), *process.cmdline()]
            except psutil.Error:
                continue
            if process.pid != os.getpid() and any(str(self.root) in text for text in said):
                found.append(process)
        return found

    def stop(self) -> int:
        """Ctrl-C, and wait for the end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process = None
        return code

    def end(self) -> None:
        """Whatever the test left, it ends here."""
        try:
            if self.process is not None:
                self.stop()
        finally:
            for process in self.running():
                process.kill()


@pytest.fixture
def clone() -> Iterator[Stack]:
    """The shipped stack in a git repository of its own, not running yet."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-e2e-"))
    root, home = folder / "clone", folder / "home"
    home.mkdir()
    shutil.copytree(ROOT / "specs", root / "specs")
    shutil.copytree(ROOT / "examples" / "site", root / "examples" / "site")
    ports = {port: str(free_port()) for port in ("7860", "8010", "8011", "9418")}
    for path in (root / "specs").iterdir():
        text = path.read_text().replace("interval: 60s", "interval: 1s")
        for shipped, port in ports.items():
            text = text.replace(shipped, port)
        path.write_text(text)
    (root / ".gitignore").write_text("/.reconciler/\n/data/\n/backup.git/\n/up.log\n")
    (home / "gitconfig").write_text("[user]\nname = Tester\nemail = tester@localhost\n")
    stack = Stack(root, int(ports["7860"]), home)
    stack.git("init", "-q", "-b", "main")
    stack.git("add", "-A")
    stack.git("commit", "-q", "-m", "the shipped stack")
    yield stack
    stack.end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stack(clone: Stack) -> Stack:
    """The shipped stack, running and in sync."""
    clone.up()
    return clone
