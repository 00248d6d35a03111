"""What stands in front of a program: ours and what others use for it, each in its own folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import psutil

from reconciler.clients.nginx import find_nginx
from reconciler.clients.table import PutEntry
from reconciler.kinds.gateway.actions import Configure, Start
from reconciler.testing import eventually, eventually_async, free_port
from reconciler.testing.nginx import LocalGateway, make_gateway

from . import texts


class Front(ABC):
    """One front with N routes to one program."""

    name: ClassVar[str]
    needs: ClassVar[str] = "nginx"

    def __init__(self, place: Path, behind: int, routes: int) -> None:
        self.place = place
        self.behind = behind
        self.routes = routes
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        place.mkdir()

    @abstractmethod
    def words(self) -> Sequence[str]:
        """Write its files; the command line."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Up, for as long as the block lasts."""
        with (self.place / "out").open("wb") as out:
            # In a session of its own, as ours is: that is how Linux shares out processors.
            self.process = subprocess.Popen(
                self.words(),
                cwd=self.place,
                stdout=out,
                stderr=out,
                env=self.environ(),
                start_new_session=True,
            )
        try:
            eventually(self.answers, 60)
            yield
        finally:
            for process in [*psutil.Process(self.process.pid).children(), self.process]:
                process.kill()
            self.process.wait()

    def environ(self) -> dict[str, str]:
        return {**os.environ, "GOMAXPROCS": str(texts.WORKERS), "HOME": str(self.place)}

    def answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, f"{self.name} has ended"
        return ask(self.port, "/r00000/x").startswith(b"HTTP/1.1 200")

    def pids(self) -> list[int]:
        assert self.process is not None
        return [
            self.process.pid,
            *(child.pid for child in psutil.Process(self.process.pid).children()),
        ]


def ask(port: int, path: str) -> bytes:
    """What a new connection gets."""
    with socket.create_connection(("127.0.0.1", port), 10) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: wire.recv(1 << 16), b""))


class Static(Front):
    """The floor: an nginx that has nothing to decide."""

    name = "static nginx"

    def words(self) -> Sequence[str]:
        (self.place / "nginx.conf").write_text(texts.static(self.port, self.behind))
        return ["nginx", "-p", str(self.place), "-c", "nginx.conf"]


class Telling(Static):
    """The same, telling the program what ours tells it."""

    name = "nginx that tells"

    def words(self) -> Sequence[str]:
        (self.place / "nginx.conf").write_text(texts.telling(self.port, self.behind))
        return ["nginx", "-p", str(self.place), "-c", "nginx.conf"]


class Naive(Front):
    """The original's way."""

    name = "naive scan"

    def words(self) -> Sequence[str]:
        (self.place / "nginx.conf").write_text(texts.naive(self.port, "routes.json"))
        (self.place / "routes.json").write_text(texts.naive_rules(self.behind, self.routes))
        found = asyncio.run(find_nginx())
        return [found.binary, "-p", str(self.place), "-c", "nginx.conf", "-g", found.globals]


class Haproxy(Front):
    """HAProxy with a map."""

    name = "haproxy"
    needs = "haproxy"

    def words(self) -> Sequence[str]:
        lines = "".join(f"/r{number:05d}/ behind\n" for number in range(self.routes))
        (self.place / "map").write_text(lines)
        text = texts.haproxy(self.port, self.behind, "map")
        (self.place / "haproxy.cfg").write_text(text)
        return ["haproxy", "-db", "-f", "haproxy.cfg"]


class Caddy(Front):
    """Caddy with a route for each."""

    name = "caddy"
    needs = "caddy"

    def words(self) -> Sequence[str]:
        self.admin = free_port()
        names = (f"r{number:05d}" for number in range(self.routes))
        text = texts.caddy(self.port, self.behind, f"127.0.0.1:{self.admin}", names)
        (self.place / "caddy.json").write_text(text)
        return ["caddy", "run", "--config", "caddy.json"]


class Ours(Front):
    """The gateway as it is shipped."""

    name = "ours"

    def words(self) -> Sequence[str]:
        raise NotImplementedError  # its own start record says them

    @contextmanager
    def running(self) -> Iterator[None]:
        self.parts = make_gateway(self.place)
        self.loop = asyncio.Runner()
        try:
            self.loop.run(self._start(self.parts))
            eventually(self.answers, 60)
            yield
        finally:
            self.loop.run(self.parts.aclose())
            self.loop.close()

    def pids(self) -> list[int]:
        assert self.parts.runner.process is not None
        master = self.parts.runner.process.pid
        return [master, *(child.pid for child in psutil.Process(master).children())]

    def put(self, name: str, rule: dict[str, object]) -> None:
        """Have this rule served."""
        self.loop.run(self.parts.table.change(PutEntry(name, rule)))

    async def _start(self, parts: LocalGateway) -> None:
        await parts.gateway.apply(Configure("gateway", self.port, "127.0.0.1"))
        await parts.gateway.apply(Start(self.port, "127.0.0.1"))
        await eventually_async(lambda: _is_up(parts))
        rules = (self._rule(number) for number in range(self.routes))
        await asyncio.gather(*(parts.table.change(rule) for rule in rules))

    def _rule(self, number: int) -> PutEntry:
        proxy = {"backend": f"http://127.0.0.1:{self.behind}"}
        rule = {"match": {"pathPrefix": f"/r{number:05d}/"}, "proxy": proxy}
        return PutEntry(f"r{number:05d}", rule)


async def _is_up(parts: LocalGateway) -> bool:
    return (await parts.gateway.observe())["gateway"].vitals["state"] == "running"


PEERS: tuple[type[Front], ...] = (Static, Telling, Haproxy, Caddy, Naive)


def have(front: type[Front]) -> bool:
    """Whether it is installed."""
    return shutil.which(front.needs) is not None


@contextmanager
def program(place: Path) -> Iterator[int]:
    """The program behind all of them; its port."""
    port = free_port()
    place.mkdir()
    (place / "nginx.conf").write_text(texts.backend(port))
    process = subprocess.Popen(["nginx", "-p", str(place), "-c", "nginx.conf"])
    try:
        eventually(lambda: ask(port, "/").endswith(b"ok\n"), 20)
        yield port
    finally:
        process.terminate()
        process.wait()
