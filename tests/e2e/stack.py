"""A stack in a folder of its own, driven from outside as a user drives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from reconciler.cli.client import Operator
from reconciler.cli.outcome import Failure
from reconciler.testing import eventually

ROOT = Path(__file__).parents[2]
RECONCILER = Path(sys.executable).with_name("reconciler")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Shows a redirect instead of following it."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Stack:
    """A work tree with specs on free ports; ``up`` runs it, ``stop`` ends it."""

    root: Path
    port: int
    home: Path
    process: subprocess.Popen[bytes] | None = None
    env: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.root / ".reconciler"

    @property
    def log(self) -> Path:
        """What ``up`` said."""
        return self.root / "up.log"

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
        """One call of ``reconciler`` in the folder of the stack."""
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
        """One call of git in the folder of the stack."""
        return subprocess.run(
            ["git", *args],
            cwd=self.root,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def begin(self) -> None:
        """The folder becomes a git work tree, with all that is in it as its first commit."""
        text = "[user]\nname = Tester\nemail = tester@localhost\n"
        (self.home / "gitconfig").write_text(text)
        self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "the first specs")

    def commit(self, message: str) -> str:
        """What is in specs/ becomes what is wanted; the new revision."""
        self.git("add", "-A", "specs")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def start(self, *command: str | Path) -> None:
        """Run the stack in the foreground of a process of its own."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command or (RECONCILER, "up"),
                cwd=self.root,
                env=self.environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def up(self) -> None:
        """Start, and wait until all is in sync and healthy."""
        self.start()
        self.settle()

    def settle(self, deadline: float = 40) -> None:
        """Wait until the operator says that nothing differs and all is healthy."""

        def settled() -> bool:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            status = self.status()
            verdict = status["verdict"]
            assert status["revision"] == self.git("rev-parse", "HEAD").strip(), verdict
            sick = [one for one in status["resources"] if one["health"]["code"] != "Healthy"]
            assert verdict["inSync"], (verdict, sick)
            assert verdict["health"] == "Healthy", (verdict, sick)
            return True

        eventually(settled, deadline, every=0.1)

    def status(self) -> dict[str, Any]:
        """The status as the operator tells it; an AssertionError while there is none."""
        said = self.command("status", "-o", "json")
        assert said.stdout.strip(), said.stderr
        answer: dict[str, Any] = json.loads(said.stdout)
        assert answer.get("resources"), answer
        return answer

    def look(self) -> dict[str, Any]:
        """The same straight from the operator's socket, many times faster than a command."""
        try:
            answer: dict[str, Any] = self.operator.status()
        except Failure as failure:
            raise AssertionError(str(failure)) from failure
        assert answer.get("resources"), answer
        return answer

    @property
    def operator(self) -> Operator:
        """The operator behind its socket."""
        return Operator(self.state / "run" / "operator.sock")

    def resource(self, ref: str) -> dict[str, Any]:
        """One resource of the status."""
        found = [one for one in self.status()["resources"] if one["ref"] == ref]
        assert found, ref
        return dict(found[0])

    def pids(self) -> dict[str, int]:
        """The process id of each of the user's processes."""
        return {
            item["name"]: item["vitals"]["pid"]
            for item in self.status()["resources"]
            if item["kind"] == "Process" and item["vitals"].get("pid") and not item.get("system")
        }

    def fetch(
        self, path: str = "/", *, post: Any = None, token: str = "", port: int = 0
    ) -> tuple[int, str]:
        """Status and body of a request through the public port; a redirect's body is its target."""
        headers = {"Content-Type": "application/json"} if post is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{port or self.port}{path}",
            data=None if post is None else json.dumps(post).encode(),
            headers=headers,
        )
        try:
            with urllib.request.build_opener(NoRedirect).open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers.get("Location") or error.read().decode()

    def running(self) -> list[psutil.Process]:
        """Every process of this machine that works from this folder or names it."""
        return list(_below(self.root))

    def tagged(self) -> Counter[str]:
        """How many live processes say by their environment which process of this stack they are."""
        return Counter(name for process in _below(self.root) if (name := _tag(process)))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask for the end and wait for it."""
        assert self.process is not None
        self.process.send_signal(number)
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

    def read_remote(self, remote: Path, *args: str) -> bytes:
        """What git says about a bare repository of this test; empty when it fails."""
        return subprocess.run(
            ["git", "-c", "safe.directory=*", f"--git-dir={remote}", *args],
            env=self.environ(),
            capture_output=True,
            check=False,
        ).stdout

    def kept(self, remote: str = "backup.git") -> Sequence[str]:
        """The files in a backup."""
        listing = self.read_remote(self.root / remote, "ls-tree", "-r", "--name-only", "main")
        return listing.decode().splitlines()


def _below(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            said = [process.cwd(), *process.cmdline()]
            living = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if living and process.pid != os.getpid() and any(str(folder) in text for text in said):
            yield process


def _tag(process: psutil.Process) -> str:
    try:
        return process.environ().get("RECONCILER_PROCESS", "")
    except psutil.Error:
        return ""
