"""Who holds the public port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from ..settings import Settings
from .checks import Finding, Grade
from .client import NoOperator
from .outcome import Failure
from .stack import find_operator

PUBLIC: Final = 7860


def port(settings: Settings) -> Iterator[Finding]:
    """Whether the public port is free, or ours."""
    if is_free(PUBLIC):
        yield Finding("port", Grade.OK, f"{PUBLIC} is free")
    elif _runs(settings):
        yield Finding("port", Grade.OK, f"{PUBLIC} is held by {owner(PUBLIC)}")
    else:
        text = f"{PUBLIC} is held by {owner(PUBLIC)}, and no stack of ours runs here"
        fix = f"end that program, or set spec.listen of the Gateway; ss -ltnp sport = :{PUBLIC}"
        yield Finding("port", Grade.WARNING, text, fix)


def is_free(number: int) -> bool:
    """Whether this machine would let us listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def owner(number: int) -> str:
    """The program that listens on a port, as far as this user may see it."""
    import psutil

    try:
        wired = psutil.net_connections("tcp")
        pids = {c.pid for c in wired if c.laddr and c.laddr.port == number and c.pid}
        names = [f"{psutil.Process(pid).name()} (pid {pid})" for pid in sorted(pids)]
    except psutil.Error:
        names = []
    return ", ".join(names) or "a program of another user"


def _runs(settings: Settings) -> bool:
    try:
        find_operator(settings, deadline=2).status()
    except NoOperator:
        return False
    except Failure:
        return True
    return True
