"""Prints lines of logs: for a person, for a pipe, or for a collector."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable
from typing import Any, Final

from ..clients.logline import Line, stamp
from .terminal import Terminal, coloured

# Colours are let through to a terminal; anything else it would obey is shown instead.
OBEYED: Final = re.compile(r"(\x1b\[[0-9;]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
HUES: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_replica: Final = re.compile(r"-(0|[1-9][0-9]*)$")


class Voice:
    """Says lines of several logs; each process keeps its colour from one day to the next."""

    def __init__(
        self,
        terminal: Terminal,
        *,
        output: str = "text",
        name_width: int = 0,
        stream: str | None = None,
        timestamps: bool = False,
    ) -> None:
        self.terminal = terminal
        self._name_width = name_width
        self._stream = stream
        self._timestamps = timestamps
        self._live = terminal.out.isatty()
        self._coloured = coloured(terminal.out, terminal.environ)
        self._write = {"json": _as_json, "raw": _as_it_is}.get(output, self._for_people)

    def say(self, lines: Iterable[Line]) -> None:
        """Print them."""
        own = (line for line in lines if self._stream in {None, line.stream})
        if text := "".join(self._write(line) for line in own):
            self.terminal.write(text)

    def _for_people(self, line: Line) -> str:
        time = "-" if line.time is None else stamp(line.time)
        when = f"{time:<27} " if self._timestamps else ""
        text = line.text
        if self._live:
            text = OBEYED.sub(lambda hit: hit[1] or repr(hit[0])[1:-1], text.rstrip("\r"))
            # A colour that a line did not end must not run into the next one.
            text += "\x1b[0m" if "\x1b[" in text else ""
        return f"{self._head(line.process)}{when}{text}\n"

    def _head(self, process: str) -> str:
        if not self._name_width:
            return ""
        self._name_width = max(self._name_width, len(process))
        head = f"{process:<{self._name_width}} | "
        return f"\x1b[{hue(process)}m{head}\x1b[0m" if self._coloured else head


def hue(process: str) -> int:
    """The colour of a process, always the same."""
    return HUES[zlib.crc32(process.encode()) % len(HUES)]


def _as_json(line: Line) -> str:
    said: dict[str, Any] = {**line.view()}
    if found := _replica.search(line.process):
        said["replica"] = int(found[1])
    return json.dumps(said, ensure_ascii=False) + "\n"


def _as_it_is(line: Line) -> str:
    return f"{line.text}\n"
