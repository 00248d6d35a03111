"""From a changed route to the first request that finds it so."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..rounds import OURS, Board, Target, interleave, timed
from ..sides import folder
from . import texts
from .fronts import Caddy, Ours, Static, ask, have, program
from .load import put_ahead

RELOAD = "nginx -s reload"
MANY = 200


def updates(board: Board, *, sizes: Sequence[int], rounds: int) -> None:
    """One route of N: ours, a reload of nginx, Caddy's PATCH."""
    for size in sizes:
        with folder() as place, program(place / "behind") as behind, ExitStack() as stack:
            marks = _marks(place, behind, size, stack)
            ways = {name: each.change for name, each in marks.items()}
            ahead = (Target(RELOAD, ahead=500),) if size == max(sizes) >= 10_000 else ()
            row = board.row(f"gateway, change 1 of {size} routes", "ms", *ahead)
            for name, samples in interleave(ways, rounds=rounds).items():
                row.add(name, *samples)
                if name == OURS:
                    _tail(board, size, marks[OURS].once)
                if name == OURS and size in {min(sizes), max(sizes)}:
                    _compare(board, samples, sizes=sizes, size=size)


def _tail(board: Board, size: int, change: Callable[[], float]) -> None:
    """The slowest of many, which peers would take minutes for."""
    took = sorted(change() for _ in range(MANY))
    board.row(f"gateway, change 1 of {size} routes, p99 of {MANY}").add(OURS, took[-MANY // 100])


def _compare(board: Board, samples: Sequence[float], *, sizes: Sequence[int], size: int) -> None:
    few = f"{min(sizes)} routes"
    row = board.row(
        f"gateway, change 1 of {max(sizes)} against {min(sizes)}", "ms", Target(few, within=1.5)
    )
    row.add(OURS if size == max(sizes) else few, *samples)


def _marks(place: Path, behind: int, size: int, stack: ExitStack) -> dict[str, _Marks]:
    ours, reloaded = Ours(place / "ours", behind, size), Reloaded(place / "nginx", behind, size)
    ways: dict[str, _Marks] = {}
    stack.enter_context(ours.running())
    ways[OURS] = _Marks(ours.port, lambda mark: _put(ours, mark))
    stack.enter_context(reloaded.running())
    ways[RELOAD] = _Marks(reloaded.port, reloaded.mark)
    put_ahead([*ours.pids(), *reloaded.pids()])
    if have(Caddy):
        caddy = Caddy(place / "caddy", behind, size)
        stack.enter_context(caddy.running())
        ways[Caddy.name] = _Marks(caddy.port, lambda mark: _patch(caddy, mark))
        put_ahead(caddy.pids())
    return ways


class Reloaded(Static):
    """An nginx with a location for each route."""

    def words(self) -> Sequence[str]:
        words = super().words()
        self._write("")
        return words

    def mark(self, mark: str) -> None:
        self._write(mark)
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)

    def _write(self, mark: str) -> None:
        text = texts.static(self.port, self.behind, self.routes, mark)
        (self.place / "nginx.conf").write_text(text)


class _Marks:
    """Changes one route, again and again, and waits until a new request sees it."""

    def __init__(self, port: int, put: Callable[[str], object]) -> None:
        self._port = port
        self._put = put
        self._number = 0

    def change(self) -> float:
        """The middle one of three: the first one comes after the work of another side."""
        return sorted(self.once() for _ in range(3))[1]

    def once(self) -> float:
        self._number += 1
        mark = f"mark-{self._number:06d}"
        return timed(lambda: self._until_seen(mark))

    def _until_seen(self, mark: str) -> None:
        self._put(mark)
        deadline = time.monotonic() + 60
        while mark.encode() not in ask(self._port, "/mark"):
            assert time.monotonic() < deadline, f"port {self._port} never said {mark}"


def _put(ours: Ours, mark: str) -> None:
    rule = {"match": {"pathEqual": "/mark"}, "respond": {"status": 200, "body": mark}}
    ours.put("mark", rule)


def _patch(caddy: Caddy, mark: str) -> None:
    wire = http.client.HTTPConnection("127.0.0.1", caddy.admin, timeout=60)
    handler = {"@id": "mark", "handler": "static_response", "body": mark}
    wire.request("PATCH", "/id/mark", json.dumps(handler), {"Content-Type": "application/json"})
    answer = wire.getresponse()
    assert answer.status == http.HTTPStatus.OK, answer.read()
    wire.close()
