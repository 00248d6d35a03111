"""The real gateway, without supervisord."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..clients.gateway import GatewayWire
from ..clients.nginx import find_nginx
from ..clients.resolve import Resolver
from ..clients.table import Table
from ..kinds.gateway.driver import GatewayDriver
from ..kinds.gateway.files import Place
from ..kinds.route.driver import RouteDriver


class LocalRunner:
    """Runs the gateway from its start record, as supervisord and the launcher would."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.process: subprocess.Popen[bytes] | None = None

    async def pid(self) -> int | None:
        process = self.process
        return process.pid if process is not None and process.poll() is None else None

    async def start(self) -> None:
        if await self.pid() is None:
            self.launch()

    def launch(self) -> None:
        """Start it, whatever was before."""
        record = json.loads(self.place.record.read_bytes())
        with (self.place.state_dir / "log" / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                record["argv"],
                cwd=record["cwd"],
                env=record["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def stop(self) -> None:
        self._send(signal.SIGQUIT)

    async def hang_up(self) -> None:
        self._send(signal.SIGHUP)

    def kill(self) -> None:
        """End the master at once, as a lack of memory would; its workers are on their own."""
        if self.process is not None:
            self._send(signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class LocalGateway(NamedTuple):
    """A real gateway in a folder of its own: everything the drivers are made of."""

    place: Place
    runner: LocalRunner
    wire: GatewayWire
    table: Table
    gateway: GatewayDriver
    routes: RouteDriver

    async def aclose(self) -> None:
        """Leave nothing behind."""
        await self.wire.aclose()
        self.runner.close()


def make_gateway(
    state_dir: Path, runner: LocalRunner | None = None, resolver: Resolver | None = None
) -> LocalGateway:
    """A gateway that is not there yet; with ``runner``, one that is, to a new operator's eyes."""
    place = Place(state_dir)
    for folder in ("run", "state", "log"):
        (state_dir / folder).mkdir(mode=0o700, exist_ok=True)
    runner = runner or LocalRunner(place)
    wire = GatewayWire(place.run / "gateway.sock")
    table = Table(wire, place.table)
    driver = GatewayDriver(place, table, runner, find_nginx, resolver=resolver)
    routes = RouteDriver(table, runner, place.prefix, resolver, edition=driver.folder.edition)
    return LocalGateway(place, runner, wire, table, driver, routes)
