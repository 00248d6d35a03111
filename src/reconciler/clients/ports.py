"""Whether a TCP port is free, and who has it when it is not."""

from __future__ import annotations

import errno
import socket
from typing import Final

import psutil

from ..core.errors import Terminal, Transient

_PRIVILEGED: Final = 1024


class PortBusy(Transient):
    """Somebody listens there; ``pid`` where that can be seen."""

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message, reason="PortBusy")
        self.pid = pid


def claim(bind: str, port: int) -> None:
    """Check that a server could listen there. Raises with the owner's name when it could not."""
    try:
        _try(bind, port)
    except PortBusy as exc:
        if exc.pid is not None and not is_gone(exc.pid):
            raise
        _try(bind, port)  # a process that was ending is gone by now, or may be


def _try(bind: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except OSError as exc:
            raise _refusal(exc, bind, port) from exc


def _refusal(exc: OSError, bind: str, port: int) -> Transient | Terminal:
    where = f"cannot listen on {bind} port {port}"
    match exc.errno:
        case errno.EADDRINUSE:
            pid = owner(port)
            text = f"{where}: {name_of(pid)} has it; stop that, or choose another `listen`"
            return PortBusy(text, pid)
        case errno.EADDRNOTAVAIL:
            text = f"{where}: this machine has no such address; correct `bind`"
            return Terminal(text, reason="NoSuchAddress")
        case errno.EACCES if port < _PRIVILEGED:
            text = f"{where}: ports below {_PRIVILEGED} are for root; choose another `listen`"
            return Terminal(text, reason="PortForbidden")
    return Transient(f"{where}: {exc.strerror}", reason="PortFailed")


def is_taken(port: int) -> bool:
    """Whether somebody listens there, on any address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as exc:
            return exc.errno == errno.EADDRINUSE
    return False


def owner(port: int) -> int | None:
    """Who listens on a port; None when that is another user's business."""
    try:
        found = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return None
    for one in found:
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr[1] == port and one.pid:
            return one.pid
    return None


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens there; cheap, where ``owner`` looks at all there are."""
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr[1] == port for one in found)


def is_gone(pid: int | None) -> bool:
    """Whether this process has certainly ended."""
    return pid is not None and not psutil.pid_exists(pid)


def belongs(pid: int | None, root: int | None) -> bool:
    """Whether process ``pid`` is ``root`` or a child of it."""
    if pid is None or root is None or pid == root:
        return pid is not None and pid == root
    try:
        return psutil.Process(pid).ppid() == root
    except psutil.Error:
        return False


def name_of(pid: int | None) -> str:
    """A process as people know it."""
    if pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"pid {pid}"
