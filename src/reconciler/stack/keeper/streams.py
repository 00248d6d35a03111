"""The pipes between supervisord and one life of a program."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from supervisor.dispatchers import PInputDispatcher

from .output import LogFile, Stream, tail_lines


class Streams:
    """What a program reads and writes, and the log it goes to; from its start to its end."""

    __slots__ = ("_listening", "_pipes", "_program", "dispatchers", "log", "stdin")

    def __init__(self, program: Any, log: LogFile | None = None) -> None:
        self._program = program
        # One that several write to opens itself again when one of them has closed it.
        self.log = log or LogFile(program.config.stdout_logfile, program.settings)
        try:
            self._pipes: dict[str, int | None] = program.config.options.make_pipes(True)  # noqa: FBT003
        except OSError:
            self.log.close()
            raise
        self._listening: list[Stream] = []
        self.dispatchers: dict[int, Any] = {}
        self.stdin: Any = None

    @property
    def of_child(self) -> tuple[int, int, int]:
        """The child's stdin, stdout and stderr."""
        names = ("child_stdin", "child_stdout", "child_stderr")
        return tuple(self._pipes[name] for name in names)  # type: ignore[return-value]

    @property
    def ours(self) -> dict[str, int | None]:
        """Our ends, by the names supervisord gives them."""
        return self._pipes

    @property
    def pipes(self) -> set[str]:
        """What the kernel calls the pipes the program writes to."""
        ends = (self._pipes.get(name) for name in ("stdout", "stderr"))
        return {f"pipe:[{os.fstat(fd).st_ino}]" for fd in ends if fd is not None}

    def open(self) -> None:
        """The child runs: let go of its ends and listen to ours."""
        for name in ("child_stdin", "child_stdout", "child_stderr"):
            _close(self._pipes.pop(name))
            self._pipes[name] = None
        for channel in ("stdout", "stderr"):
            self._listen(channel, self._pipes[channel])
        self.stdin = PInputDispatcher(self._program, "stdin", self._pipes["stdin"])
        self.dispatchers[self._pipes["stdin"]] = self.stdin  # type: ignore[index]

    def beside(self) -> int:
        """One more end to write to, for a command that runs beside the program."""
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        self._pipes[f"beside-{ours}"] = ours
        self._listen("stdout", ours)
        return theirs

    def last_words(self) -> list[str]:
        """Take what has been written so far; the last of its lines."""
        for stream in self._listening:
            stream.drain()
        return tail_lines(self.log.tail())

    def close(self) -> None:
        """Take what is left, and close every end that is open, and the log."""
        for stream in self._listening:
            stream.drain()
            stream.close()
        for fd in self._pipes.values():
            _close(fd)
        self._pipes = dict.fromkeys(self._pipes)
        self.dispatchers = {}
        self.log.close()

    def _listen(self, channel: str, fd: Any) -> None:
        stream = Stream(self._program, channel, fd, self.log)
        self._listening.append(stream)
        self.dispatchers[fd] = stream
        self._program.keeper.loop.hear(stream)


def _close(fd: int | None) -> None:
    if fd is not None:
        with suppress(OSError):
            os.close(fd)
