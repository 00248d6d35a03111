"""A git remote as hosts run it: nginx asks for a password, fcgiwrap starts git's own CGI."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from ..clients.nginx import PLACES
from . import free_port
from .git_server import backend, served

_CONF: Final = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{}}
http {{
  access_log off; client_max_body_size 0;
  client_body_temp_path {folder}/body; fastcgi_temp_path {folder}/fastcgi;
  proxy_temp_path {folder}/proxy; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      auth_basic git; auth_basic_user_file {folder}/users;
      fastcgi_pass unix:{folder}/cgi;
      fastcgi_read_timeout 60s; fastcgi_buffering off;
      {params}
    }}
  }}
}}
"""
_ASKED: Final = {
    "PATH_INFO": "$uri",
    "QUERY_STRING": "$query_string",
    "REQUEST_METHOD": "$request_method",
    "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length",
    "HTTP_CONTENT_ENCODING": "$http_content_encoding",
    "GIT_PROTOCOL": "$http_git_protocol",
    "REMOTE_USER": "$remote_user",
    "REMOTE_ADDR": "$remote_addr",
    "HTTP_AUTHORIZATION": "",  # nginx has seen to it: no program of the server learns the password
}


@contextmanager
def serving_with_nginx(root: Path, folder: Path, *, user: str, password: str) -> Iterator[str]:
    """The url of all repositories below ``root``, until the end of the block."""
    folder.mkdir(mode=0o700)
    port = free_port()
    hashed = base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest())
    (folder / "users").write_text(f"{user}:{{SHA}}{hashed.decode()}\n")
    (folder / "nginx.conf").write_text(_conf(root, folder, port))
    with ExitStack() as both:
        both.enter_context(_running(["fcgiwrap", "-c", "2", "-s", f"unix:{folder}/cgi"]))
        _wait(folder / "cgi")
        conf = str(folder / "nginx.conf")
        both.enter_context(_running([_nginx(), "-p", str(folder), "-c", conf]))
        _wait(folder / "pid")
        yield f"http://127.0.0.1:{port}"


def _conf(root: Path, folder: Path, port: int) -> str:
    params = {
        **_ASKED,
        "SCRIPT_FILENAME": backend(),
        **served(root),
    }
    told = "\n      ".join(f'fastcgi_param {name} "{value}";' for name, value in params.items())
    user = "user root;" if os.geteuid() == 0 else ""
    return _CONF.format(folder=folder, port=port, params=told, user=user)


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    """A program, and all it starts, until the end of the block."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _nginx() -> str:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
    found = shutil.which("openresty", path=path) or shutil.which("nginx", path=path)
    if found is None:
        raise AssertionError("nginx is not installed")
    return found


def _wait(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists():
        if time.monotonic() > end:
            raise AssertionError(f"{path} did not come")
        time.sleep(0.01)
