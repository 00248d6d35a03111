"""Answers for as long as the operator runs, as a guest in its event loop."""

from __future__ import annotations

import asyncio
import socket as net
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from .server import Config, Server
from .sockets import port_socket, unix_socket
from .streams import Streams

GRACE: Final = 2
"""Seconds for requests under way when the operator is told to stop."""

LAST_WORD: Final = 0.5
"""Seconds for those that were not done by then, to say so."""


async def serve(app: FastAPI, *, socket: Path, listen: str | None = None) -> None:
    """Answer until cancelled; then finish what is under way, soon, and take the socket away.

    Raises Terminal or Transient when it cannot listen.
    """
    with ExitStack() as sockets:
        listeners = [sockets.enter_context(unix_socket(socket))]
        if listen:
            listeners.append(sockets.enter_context(port_socket(listen)))
        await _answer(_Server(app), listeners)


async def _answer(server: _Server, sockets: list[net.socket]) -> None:
    running = asyncio.ensure_future(server.serve(sockets))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        server.stop()
        await running
        raise


class _Server(Server):
    """Uvicorn as a guest in our loop: it leaves signals alone and sleeps until it is needed."""

    def __init__(self, app: FastAPI) -> None:
        config = Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            # Who asks is decided by the socket and the gateway's header, not by X-Forwarded-For.
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE,
        )
        super().__init__(config)
        self._stopping = asyncio.Event()
        self._streams: Streams = app.state.streams

    def stop(self) -> None:
        self.should_exit = True
        self._streams.ended = True
        self._stopping.set()

    async def main_loop(self) -> None:
        # The original looks ten times a second, for a Date header and limits not used here.
        await self._stopping.wait()

    async def shutdown(self, sockets: list[net.socket] | None = None) -> None:
        # Who was let in a moment ago gets a seat first; else asyncio never closes that socket.
        for listener in sockets or ():
            asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)
        await super().shutdown(sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=LAST_WORD)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
