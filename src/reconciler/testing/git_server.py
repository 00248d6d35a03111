"""A git remote over HTTP with a password, for tests and examples: a bridge to git's own CGI.

python -m reconciler.testing.git_server --root DIR --port 8418 --user me --password-file FILE
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hmac
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit


@dataclass
class Desk:
    """What the server serves, to whom, and how it behaves just now."""

    root: Path
    user: str = "me"
    password: str = ""
    forbidden: bool = False
    """Answer 403 to everybody."""
    broken: bool = False
    """Answer 500 to everybody."""
    refuses: str = ""
    """Answer 403 to requests that have this in their path or query."""
    requests: list[str] = field(default_factory=list)
    """Method and path of each request, in order."""

    @property
    def expected(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def refusal(self, authorization: str, path: str = "") -> int | None:
        """The status to refuse with, or None to let the request in."""
        if self.broken:
            return 500
        if self.password and not hmac.compare_digest(
            authorization.encode("latin-1"), self.expected.encode()
        ):
            return 401
        is_forbidden = self.forbidden or (self.refuses and self.refuses in path)
        return 403 if is_forbidden else None


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer: two would wait for each other's acknowledgement
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing: what is asked for is in ``Desk.requests``."""

    def _answer(self) -> None:
        desk = self.server.desk
        desk.requests.append(f"{self.command} {self.path}")
        body = self._body()
        refusal = desk.refusal(self.headers.get("Authorization", ""), self.path)
        if refusal is not None:
            self._refuse(refusal)
            return
        done = subprocess.run(
            [backend()], input=body, env=self._environ(), stdout=subprocess.PIPE, check=False
        )
        self._pass_on(done.stdout)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        if status == 401:  # noqa: PLR2004 (an HTTP status)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(_chunks(self.rfile))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _environ(self) -> dict[str, str]:
        parts = urlsplit(self.path)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            **served(self.server.desk.root),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_USER": self.server.desk.user,
            "REMOTE_ADDR": self.client_address[0],
        }

    def _pass_on(self, output: bytes) -> None:
        head, _, body = output.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line]
        status = next((value for name, value in headers if name == "Status"), "200 OK")
        self.send_response(int(status.split(" ", 1)[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1."""

    daemon_threads = True

    def __init__(self, desk: Desk, port: int = 0) -> None:
        self.desk = desk
        super().__init__(("127.0.0.1", port), Exchange)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def make_bare(path: Path) -> Path:
    """An empty repository that can be pushed to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    git(path.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
    return path


def git(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, stdin: bytes = b""
) -> bytes:
    """Run git as a stranger to the project would, and return what it prints."""
    who = {
        f"GIT_{role}_{part}": "test"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    closed = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder)}
    env = {"PATH": os.environ.get("PATH", os.defpath), **closed, **who, **(environ or {})}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, input=stdin, capture_output=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def files_of(bare: Path, branch: str) -> dict[str, bytes]:
    """What a branch holds, by path; one command for all of them."""
    lines = git(bare, "ls-tree", "-r", "-z", branch).split(b"\0")[:-1]
    found = [(line.split(b" ", 2)[2][:40], line.partition(b"\t")[2]) for line in lines]
    told = git(bare, "cat-file", "--batch", stdin=b"".join(id_ + b"\n" for id_, _ in found))
    files, at = {}, 0
    for id_, name in found:
        start = told.index(b"\n", at) + 1
        _, kind, size = told[at:start].split()
        assert kind == b"blob", f"{id_!r} at {name!r} is a {kind!r}"
        at = start + int(size) + 1
        files[os.fsdecode(name)] = told[start : at - 1]
    return files


@contextmanager
def serving(desk: Desk, port: int = 0) -> Iterator[Server]:
    """The server, listening until the end of the block."""
    server = Server(desk, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="reconciler.testing.git_server")
    parser.add_argument("--root", type=Path, required=True, help="folder of bare repositories")
    parser.add_argument("--port", type=int, default=8418)
    parser.add_argument("--user", default="me")
    parser.add_argument("--password-file", type=Path, help="its first line is the password")
    parser.add_argument("--create", action="append", default=[], metavar="NAME.git")
    told = parser.parse_args(arguments)
    password = told.password_file.read_text("utf-8").split("\n")[0] if told.password_file else ""
    for name in told.create:
        make_bare(told.root.absolute() / name)
    with Server(Desk(told.root.absolute(), told.user, password), told.port) as server:
        sys.stdout.write(f"serving {told.root} at {server.url}\n")
        sys.stdout.flush()
        server.serve_forever()
    return 0


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def readline(self) -> bytes: ...


def _chunks(source: Readable) -> Iterator[bytes]:
    while size := int(source.readline().split(b";")[0], 16):
        yield source.read(size)
        source.readline()
    source.readline()


def served(root: Path) -> dict[str, str]:
    """What git's own program is told: which folder, whoever owns it, to read and to write."""
    return {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_CONFIG_KEY_1": "http.receivepack",
        "GIT_CONFIG_VALUE_1": "true",
    }


@cache
def backend() -> str:
    folder = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True)
    return f"{folder.stdout.strip()}/git-http-backend"


if __name__ == "__main__":
    raise SystemExit(main())
