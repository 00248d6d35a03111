"""Asks the keeper in packets: a fraction of what HTTP and XML around the same words take."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from ..stack.limits import PACKET


class Packets:
    """One question at a time to one keeper; the connection is kept."""

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)
        self._socket: socket.socket | None = None
        self._turn = asyncio.Lock()

    async def post(self, body: bytes) -> bytes:
        """The answer to ``body``. Raises OSError when nobody is there who answers this way."""
        if len(body) > PACKET:
            raise BlockingIOError("too long for a packet")
        loop = asyncio.get_running_loop()
        async with self._turn:
            asked = self._socket = self._socket or _connect(self._path)
            try:
                asked.send(body)  # all of it or nothing
                answer = await loop.sock_recv(asked, PACKET + 1)
            except BaseException:
                self._drop()  # its answer must not be taken for that of the next one
                raise
            if not answer:
                self._drop()
                raise ConnectionResetError("it was not answered")
            return answer

    async def aclose(self) -> None:
        """End the connection."""
        self._drop()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connect(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    return made
