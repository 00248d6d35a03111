"""When the keeper gets its turn: supervisord's loop, made to wake up in time."""

from __future__ import annotations

import heapq
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from supervisor.http import deferring_http_channel

from .packets import Answer, Door
from .stock import QuietGroup

NEVER: Final = float("inf")
_WINDING_DOWN: Final = 0.02
_AGAIN: Final = 1.0
_RUNNING: Final = 1
_PIECE: Final = 256 * 1024


class Timers:
    """What is to be looked at when; whoever is put off is not looked at before."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Any]] = []
        self._count = 0

    def set(self, thing: Any, when: float) -> None:
        """Have ``thing.look`` called at ``when`` (monotonic) instead of when it was to be."""
        if thing.due != when:
            thing.due = when
            if when != NEVER:
                self._count += 1
                heapq.heappush(self._heap, (when, self._count, thing))

    def next(self) -> float:
        """When the next look is due; perhaps sooner."""
        return self._heap[0][0] if self._heap else NEVER

    def due(self, now: float) -> Iterator[Any]:
        """Each thing that is due, once."""
        while self._heap and self._heap[0][0] <= now:
            when, _, thing = heapq.heappop(self._heap)
            if thing.due == when:
                thing.due = NEVER
                yield thing


class Loop:
    """Supervisord's loop as it is: a turn about once a second, or when something happens."""

    mode: str = "plain"

    def __init__(self, supervisord: Any) -> None:
        self.timers = Timers()
        self._options = supervisord.options
        self._listeners: list[Callable[[], None]] = []

    def install(self, keeper: Any) -> None:
        """Take our place in supervisord's loop: none is needed."""

    def each_turn(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` in each turn."""
        self._listeners.append(listener)

    def turn(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for thing in self.timers.due(now):
            if not self.guarded(partial(thing.look, now)):
                self.timers.set(thing, now + _AGAIN)
        for listener in self._listeners:
            self.guarded(listener)

    def guarded(self, call: Callable[[], object]) -> bool:
        """Whether ``call`` went well; whatever goes wrong in it, supervisord lives on."""
        try:
            call()
        except Exception as exc:  # noqa: BLE001
            text = f"keeper: {type(exc).__name__}: {exc}"
            self._options.logger.critical(text)
            return False
        return True

    def hear(self, stream: Any) -> None:
        """Read ``stream``; supervisord does so itself."""

    def open_door(self, path: Path, answer: Answer) -> None:
        """Let packets in; none come here, whoever asks does so over supervisord's own socket."""

    def asked(self) -> None:
        """One of supervisord's loops has come round to us."""
        self.turn()


class Groups(dict[str, Any]):
    """supervisord's groups. Its loop sorts and asks all of them each turn, but is spared ours."""

    def __init__(self, groups: Mapping[str, Any]) -> None:
        super().__init__()
        self.others: dict[str, Any] = {}
        self.spare_ours = False
        for name, group in groups.items():
            self[name] = group

    def __setitem__(self, name: str, group: Any) -> None:
        super().__setitem__(name, group)
        if not isinstance(group, QuietGroup):
            self.others[name] = group

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.others.pop(name, None)

    def values(self) -> Any:
        """All groups; once, when the loop is about to ask, those that it is there for."""
        spared, self.spare_ours = self.spare_ours, False
        return self.others.values() if spared else super().values()


class QuickLoop(Loop):
    """Wakes up when a child ends or a time has come, and looks only at streams that speak."""

    mode = "full"

    def __init__(self, supervisord: Any) -> None:
        super().__init__(supervisord)
        self._supervisord = supervisord
        self._keeper: Any = None
        self._groups = Groups({})
        self._poller = self._options.poller
        self._poll = self._poller.poll
        self._close = self._poller.close
        self._streams: dict[int, Any] = {}
        self._ears = select.epoll()
        self._bell, self._rope = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._rope, False)
        self._hot = False

    def install(self, keeper: Any) -> None:
        """Take our place in supervisord's loop."""
        self._keeper = keeper
        self._groups = self._supervisord.process_groups = Groups(self._supervisord.process_groups)
        self._supervisord.get_process_map = self.process_map
        self._poller.register_readable(self._bell)
        self._poller.register_readable(self._ears.fileno())
        self._poller.poll = self.poll
        self._poller.close = self.close
        signal.set_wakeup_fd(self._rope, warn_on_full_buffer=False)
        # Answers travel in pieces of this size, one each time the loop comes round.
        deferring_http_channel.ac_out_buffer_size = _PIECE

    def open_door(self, path: Path, answer: Answer) -> None:
        """Let packets in."""
        with suppress(OSError):
            Door(path, answer, self.hear)

    def asked(self) -> None:
        """Each poll is a turn already."""

    def process_map(self) -> dict[int, Any]:
        """What supervisord has to read and write by itself; of ours, what somebody wrote to one."""
        found: dict[int, Any] = {}
        for group in self._groups.others.values():
            found.update(group.get_dispatchers())
        # What the loop does next is to look at all groups; when it ends them, it needs ours too.
        self._groups.spare_ours = self._options.mood >= _RUNNING
        for name, program in list(self._keeper.written_to.items()):
            if program.stdin and program.stdin.writable():
                found[program.stdin.fd] = program.stdin
            else:
                del self._keeper.written_to[name]
        return found

    def hear(self, stream: Any) -> None:
        """Read ``stream`` when it speaks."""
        self._streams[stream.fd] = stream
        stream.closing = self._leave
        self._ears.register(stream.fd, select.EPOLLIN)

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        """As the poller's own, but no longer than until something is due."""
        self.turn()
        readable, writable = self._poll(self._patience(timeout))
        ours = {self._bell: self._answer, self._ears.fileno(): self._listen}
        for fd in ours.keys() & set(readable):
            self.guarded(ours[fd])
        return [fd for fd in readable if fd not in ours], writable

    def close(self) -> None:
        """End with the poller; a reload makes another one."""
        signal.set_wakeup_fd(-1)
        self._ears.close()
        for fd in (self._bell, self._rope):
            os.close(fd)
        self._close()

    def _patience(self, timeout: float) -> float:
        if self._hot:
            self._hot = _somebody_waits()  # supervisord reaps a hundred at a time
            if self._hot:
                return 0.0
        if self._options.mood < _RUNNING:
            timeout = min(timeout, _WINDING_DOWN)
        return max(0.0, min(timeout, self.timers.next() - time.monotonic()))

    def _answer(self) -> None:
        self._hot = True
        with suppress(BlockingIOError):
            os.read(self._bell, 65536)

    def _listen(self) -> None:
        for fd, _ in self._ears.poll(0):
            stream = self._streams.get(fd)
            if stream is None:
                continue
            try:
                stream.handle_read_event()
            except Exception:  # noqa: BLE001 (one stream's trouble is not another's)
                stream.handle_error()

    def _leave(self, fd: int) -> None:
        if self._streams.pop(fd, None):
            with suppress(OSError):
                self._ears.unregister(fd)


def _somebody_waits() -> bool:
    """Whether a child has ended that nobody has noticed."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False
