"""A real supervisord with the keeper in it, spoken to over its socket."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import xmlrpc.client
from pathlib import Path
from typing import Any

from reconciler.stack.place import Place, clean_environment, prepare
from reconciler.testing import eventually

SPEC = {"epoch": 0, "cause": "spec", "detail": ""}


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path)
        self._connection = host, connection  # so that it is closed with the proxy
        return connection


class World:
    """One stack without an operator: supervisord alone, or under its parent."""

    def __init__(self, state_dir: Path, *, stack: str = "s1", **environ: str) -> None:
        self.state_dir = state_dir
        self.place = Place(state_dir, Path("/tmp"), operator=False)
        self.stack = stack
        self.environ = environ
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start supervisord as its parent would."""
        prepare(self.place)
        environ = clean_environment(self.place, os.environ, self.stack) | self.environ
        command = [sys.executable, "-P", "-W", "ignore", "-m", "supervisor.supervisord"]
        self.process = subprocess.Popen(
            [*command, "-c", str(self.place.configuration)],
            env=environ,
            cwd=self.state_dir,
            start_new_session=True,
        )
        eventually(self.answers, 20)

    def answers(self) -> bool:
        """Whether supervisord answers."""
        try:
            return bool(self.ask("hello", {}))
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> int:
        """End supervisord in order."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def stock(self, method: str, *given: Any) -> Any:
        """One of supervisord's own calls."""
        return self._call(f"supervisor.{method}", *given)

    def ask(self, method: str, given: Any) -> Any:
        """One call of the wire."""
        return json.loads(self._call(f"reconciler.{method}", json.dumps(given)))

    def _call(self, method: str, *given: Any) -> Any:
        transport = _Transport(str(self.place.socket))
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
            return getattr(proxy, method)(*given)

    def do(self, verb: str, name: str = "web-0", **given: Any) -> None:
        """One thing the keeper does without a complaint."""
        assert self.ask("do", [[verb, name, given]]) == [None]

    def record(self, *argv: str, name: str = "web-0", **more: Any) -> None:
        """Write a start record."""
        record: dict[str, Any] = {"argv": list(argv), "cwd": "/tmp", "revision": "r1"}
        record |= {"digest": "d1", "view": {"argv": list(argv)}, **more}
        record["env"] = {
            "RECONCILER_PROCESS": name,
            "PATH": os.environ["PATH"],
            "STACK": str(self.state_dir),
        } | more.get("env", {})
        path = self.state_dir / f"state/processes/{name}.json"
        path.write_text(json.dumps(record))

    def keep(self, name: str = "web-0", *, stamp: str = "s", **settings: Any) -> None:
        """Have a program kept; quick to stop unless it says otherwise."""
        self.do("keep", name, stamp=stamp, settings={"grace": 5, **settings})

    def shell(self, script: str, name: str = "web-0", **settings: Any) -> dict[str, Any]:
        """Keep and start a script; its entry as soon as it has been started."""
        self.record("/bin/sh", "-c", script, name=name)
        self.keep(name, **settings)
        self.do("start", name, **SPEC)
        return self.entry(name)

    def entry(self, name: str = "web-0") -> dict[str, Any]:
        """What the keeper says of a program."""
        return dict(self.entries()[name])

    def entries(self) -> dict[str, Any]:
        """What the keeper says of all."""
        return dict(self.ask("changes", {"life": "", "since": 0})["programs"])

    def until(self, state: str, name: str = "web-0", seconds: float = 15.0) -> dict[str, Any]:
        """Wait for a state; the entry then."""
        found: dict[str, Any] = eventually(
            lambda: (entry := self.entry(name))["state"] == state and entry, seconds
        )
        return found

    def until_live(self, name: str = "web-0", *, other_than: int = 0) -> dict[str, Any]:
        """Wait for a process of another number than that; its entry."""
        found: dict[str, Any] = eventually(
            lambda: (entry := self.entry(name))["pid"] not in {0, other_than} and entry, 15.0
        )
        return found

    def log(self, name: str = "web-0") -> list[str]:
        """The lines of a program's log."""
        path = self.state_dir / f"log/{name}.log"
        return path.read_text(errors="replace").split("\n")[:-1]

    def kin(self, name: str = "web-0") -> set[int]:
        """Every living process that carries a program's name; any program's when it is empty."""
        tag, found = f"RECONCILER_PROCESS={name}".encode(), set()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            named = tag in words or not name
            if named and f"STACK={self.state_dir}".encode() in words:
                found.add(int(path.name))
        return found
