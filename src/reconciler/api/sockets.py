"""Where the operator listens: a unix socket for its owner, and a loopback port if asked for."""

from __future__ import annotations

import errno
import os
import socket as net
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ..clients.files import make_private
from ..core.errors import Terminal, Transient
from ..stack.limits import SOCKET_PATH

"""Bytes of a unix socket's path on Linux."""


@contextmanager
def unix_socket(path: Path) -> Iterator[net.socket]:
    """Listen at ``path``, for its owner alone; what a dead operator left there is replaced."""
    with net.socket(net.AF_UNIX, net.SOCK_STREAM) as listener:
        try:
            inode = _take(listener, path)
        except OSError as exc:
            message = f"cannot listen on {path}: {exc.strerror}"
            raise Transient(message, reason="ListenFailed") from exc
        try:
            yield listener
        finally:
            _leave(path, inode)


@contextmanager
def port_socket(listen: str) -> Iterator[net.socket]:
    """Listen at ``127.0.0.1:PORT`` or ``[::1]:PORT``; any other address is refused."""
    host, port = _loopback(listen)
    with net.socket(net.AF_INET6 if ":" in host else net.AF_INET, net.SOCK_STREAM) as listener:
        try:
            listener.setsockopt(net.SOL_SOCKET, net.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen()
        except OSError as exc:
            message = f"cannot listen on {listen}: {exc.strerror}"
            raise Transient(message, reason="ListenFailed") from exc
        yield listener


def _take(listener: net.socket, path: Path) -> int:
    _check_length(path)
    make_private(path.parent)
    _remove_stale(path)
    # On Linux the file takes the mode the socket has, so there is no moment with a wider one.
    os.fchmod(listener.fileno(), 0o600)
    listener.bind(str(path))
    listener.listen()
    return path.stat().st_ino


def _leave(path: Path, inode: int) -> None:
    with suppress(FileNotFoundError):
        # Whoever took the place over in the meantime keeps it.
        if path.stat().st_ino == inode:
            path.unlink()


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > SOCKET_PATH:
        raise Terminal(
            f"cannot listen on {path}: a unix socket's path may have {SOCKET_PATH} bytes, this "
            f"one has {length}; choose a shorter state directory with --state-dir",
            reason="SocketPathTooLong",
        )


def _remove_stale(path: Path) -> None:
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise Terminal(f"{path} is in the way: it is no socket, move it", reason="NotASocket")
    with net.socket(net.AF_UNIX, net.SOCK_STREAM) as caller:
        caller.settimeout(0)
        # EAGAIN: somebody listens, and is busy.
        if caller.connect_ex(str(path)) in {0, errno.EAGAIN}:
            raise Terminal(
                f"another operator answers on {path}: stop it, or choose another --state-dir",
                reason="AlreadyRunning",
            )
    path.unlink(missing_ok=True)


def _loopback(listen: str) -> tuple[str, int]:
    with suppress(ValueError):
        parts = urlsplit(f"//{listen}")
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        if parts.port is not None and ip_address(host).is_loopback:
            return host, parts.port
    raise Terminal(
        f'cannot listen on "{listen}": write 127.0.0.1:PORT or [::1]:PORT; '
        "others reach the operator through the gateway",
        reason="ListenRefused",
    )
