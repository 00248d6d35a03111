"""Who holds a port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..settings import Settings
from .checks import Finding, Grade
from .outcome import Failure
from .reading import Opening, openings

if TYPE_CHECKING:
    import psutil


class Holder(NamedTuple):
    """A program that listens on a port."""

    pid: int
    name: str
    command: str
    folder: str
    """Where it runs; empty when this user may not see that."""

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def refuse_busy_ports(settings: Settings) -> None:
    """A Failure that names who holds a public port that the stack needs."""
    for opening in openings(settings):
        held = foreign(opening, settings.state_dir)
        if held is not None:
            raise Failure(
                f"port {opening.port} is taken by {held}; {opening.written} wants it",
                hint=f"end that program, or change spec.listen; {_look(opening.port)} shows it",
            )


def port(settings: Settings) -> Iterator[Finding]:
    """Whether the public ports are free, or ours."""
    for opening in openings(settings):
        held = foreign(opening, settings.state_dir)
        if held is None:
            yield Finding("port", Grade.OK, f"{opening.port} is free, or held by this stack")
        else:
            text = f"{opening.port} is taken by {held}; {opening.written} wants it"
            yield Finding("port", Grade.ERROR, text, _look(opening.port))


def _look(number: int) -> str:
    return f"`ss -ltnp sport = :{number}`"


def foreign(opening: Opening, state_dir: Path) -> str | None:
    """Who else holds the port; None when it is free or held by this very stack."""
    if is_free(opening):
        return None
    found = holders(opening.port)
    # What an earlier life of the stack left behind is ended before the next one begins.
    if any(_belongs(holder, state_dir) for holder in found):
        return None
    return ", ".join(map(str, found)) or "a program this user may not see"


def _belongs(holder: Holder, state_dir: Path) -> bool:
    # nginx names no folder in its command line, but it runs in ours.
    return str(state_dir) in holder.command or Path(holder.folder).is_relative_to(state_dir)


def is_free(opening: Opening) -> bool:
    """Whether this machine would let us listen there."""
    family = socket.AF_INET6 if ":" in opening.address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((opening.address, opening.port))
            probe.listen()
        except OSError:
            return False
    return True


def _holder(process: psutil.Process) -> Holder:
    import psutil

    folder = ""
    with suppress(psutil.AccessDenied):
        folder = process.cwd()
    return Holder(process.pid, process.name(), " ".join(process.cmdline()), folder)


def holders(number: int) -> list[Holder]:
    """The programs that listen on a port, as far as this user may see them."""
    import psutil

    try:
        wired = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        pids = {one.pid for one in wired if one.laddr and one.laddr.port == number and one.pid}
        return [_holder(psutil.Process(pid)) for pid in sorted(pids)]
    except psutil.Error:
        return []
