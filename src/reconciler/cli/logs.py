"""`reconciler logs`: what processes print. Read from their files: it needs no operator."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from ..settings import Settings
from .names import did_you_mean
from .outcome import Exit, Failure
from .tail import Tail, last_lines
from .terminal import Terminal

# Instances end in their number; what else lies there belongs to the stack itself.
INSTANCE: Final = re.compile(r".*-[0-9]+")
EVERY: Final = 0.2
# Colours are let through to a terminal; anything else it would obey is shown instead.
OBEYED: Final = re.compile(r"(\x1b\[[0-9;]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def logs(
    settings: Settings,
    terminal: Terminal,
    *,
    names: Sequence[str] = (),
    follow: bool = False,
    tail: int = 100,
) -> int:
    """Print the last lines of each log, and with ``follow`` what comes after them."""
    folder = settings.log_dir
    found = named(folder, names)
    prefixed = follow or len(found) > 1
    voice = Voice(terminal, max(map(len, found)) if prefixed else 0)
    if follow:
        return _follow(folder, names, voice, tail)
    for name, path in found.items():
        voice.say(name, b"".join(word + b"\n" for word in last_lines(path, tail)))
    return Exit.OK


def named(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The logs that were asked for; those of all processes when none was."""
    if not names:
        found = {k: v for k, v in find_logs(folder).items() if INSTANCE.fullmatch(k)}
        if not found:
            raise Failure(
                f"there are no logs in {folder}", hint="`reconciler status` says what runs"
            )
        return found
    found = {}
    for name in names:
        own = find_logs(folder, name.rpartition("/")[2])
        if not own:
            hint = did_you_mean(name, find_logs(folder))
            raise Failure(f"there is no log of {name} in {folder}", hint=hint)
        found |= own
    return found


def find_logs(folder: Path, name: str | None = None) -> dict[str, Path]:
    """The log of each instance; ``web`` means web-0, web-1 and so on."""
    try:
        paths = sorted(folder.glob("*.log"))
    except OSError as error:
        raise Failure(f"{folder} cannot be read: {error.strerror}") from error
    own = re.compile(rf"{re.escape(name)}(-[0-9]+)?" if name else ".*")
    return {path.stem: path for path in paths if own.fullmatch(path.stem)}


class Voice:
    """Prints pieces of several logs, each line with the name of who said it."""

    def __init__(self, terminal: Terminal, name_width: int) -> None:
        self.terminal = terminal
        self._name_width = name_width
        self._live = terminal.out.isatty()

    def say(self, name: str, data: bytes) -> None:
        """Print whole lines."""
        head = f"{name:<{self._name_width}} | " if self._name_width else ""
        rows = data.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")
        if data:
            self.terminal.write("".join(f"{head}{self._safe(row)}\n" for row in rows))

    def _safe(self, row: str) -> str:
        if not self._live:
            return row
        return OBEYED.sub(lambda hit: hit[1] or repr(hit[0])[1:-1], row.rstrip("\r"))


def _follow(folder: Path, names: Sequence[str], voice: Voice, tail: int) -> int:
    tails: dict[str, Tail] = {}
    with ExitStack() as opened:
        while not voice.terminal.closed:
            # Looked up again each time: instances come.
            for name, path in _there(folder, names).items():
                if name not in tails:
                    tails[name] = opened.enter_context(closing(Tail(path, count=tail)))
                if fresh := tails[name].news():
                    voice.say(name, fresh)
            time.sleep(EVERY)
    return Exit.OK


def _there(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    try:
        return named(folder, names)
    except Failure:
        return {}
