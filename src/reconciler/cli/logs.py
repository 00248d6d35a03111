"""`reconciler logs`: what processes print. Read from their files: it needs no operator."""

from __future__ import annotations

import json
import re
import select
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from ..clients import logfile
from ..clients.logline import Line
from ..clients.logtail import Follower
from ..core.units import parse_duration
from ..settings import Settings
from .names import demand_word, did_you_mean
from .outcome import Exit, Failure
from .terminal import Terminal
from .voice import Voice

USUAL: Final = 100
AT_ONCE: Final = 500
ALL: Final = "all"
ALL_LOGS: Final = "`reconciler logs all` prints every log there is"
# Instances end in their number; what else lies there belongs to the stack itself.
INSTANCE: Final = re.compile(r"(.*)-[0-9]+b?")


def logs(
    settings: Settings,
    terminal: Terminal,
    *,
    names: Sequence[str] = (),
    follow: bool = False,
    tail: int | None = None,
    since: str | None = None,
    stream: str | None = None,
    output: str = "text",
    timestamps: bool = False,
) -> int:
    """Print the ends of logs as one, by time; with ``follow`` also what comes after them."""
    start = moment(since, time.time()) if since else None
    lines = tail if tail is not None or since else USUAL
    found = named(settings, names)
    if not found and not follow:
        terminal.hint("nothing was written yet")
    width = max(map(len, found)) if follow or len(found) > 1 else 0
    voice = Voice(terminal, output=output, name_width=width, stream=stream, timestamps=timestamps)
    if follow:
        follower = Follower(lambda: _there(settings, names), lines=lines, since=start)
        return _follow(follower, voice)
    return _tell(logfile.merged(found, lines=lines, since=start), voice)


def moment(text: str, now: float) -> float:
    """When ``10m`` ago, ``05:30`` or ``2026-11-22 05:30`` was, in Unix time."""
    with suppress(ValueError):
        return now - parse_duration(text)
    with suppress(ValueError):
        return datetime.fromisoformat(text).timestamp()
    today = datetime.fromtimestamp(now).astimezone()
    try:
        clock = datetime.strptime(text, "%H:%M").replace(tzinfo=today.tzinfo)
    except ValueError as error:
        raise Failure(
            f"--since {text!r} is no time",
            hint="write how long ago, 10m, or a time: 05:30, 2026-11-22T05:30:00Z",
        ) from error
    then = datetime.combine(today.date(), clock.timetz()).timestamp()
    return then if then <= now else then - 86400


def named(settings: Settings, names: Sequence[str]) -> dict[str, Path]:
    """The logs that were asked for; those of all processes when none was."""
    folder, every = settings.log_dir, _every(settings)
    if not names:
        found = {name: path for name, path in every.items() if INSTANCE.fullmatch(name)}
        if not found:
            raise Failure(
                f"there are no logs in {folder}", hint="`reconciler status` says what runs"
            )
        return found
    found = {}
    for name in names:
        demand_word(name)
        own = every if name == ALL else _meant(every, name.rpartition("/")[2])
        if not own and not _is_known(settings, name):
            instances = {*every, *_recorded(settings)}
            hint = did_you_mean(name, {*instances, *map(_written, instances)}, ALL_LOGS)
            raise Failure(f"there is no log of {name} in {folder}", hint=hint)
        found |= own
    return found


def _every(settings: Settings) -> dict[str, Path]:
    """All logs, also of what another supervisord still writes for us."""
    adopted = {}
    for path in (settings.durable / "adopted").glob("*.json"):
        with suppress(OSError, ValueError, TypeError):
            if log := json.loads(path.read_bytes()).get("log"):
                adopted[path.stem] = Path(log)
    return logfile.find_logs(settings.log_dir) | adopted


def _meant(every: Mapping[str, Path], name: str) -> dict[str, Path]:
    own = logfile.instances_of(name)
    return {one: path for one, path in every.items() if own.fullmatch(one)}


def _written(instance: str) -> str:
    """What the specs call it."""
    return INSTANCE.sub(r"\1", instance)


def _is_known(settings: Settings, name: str) -> bool:
    """Whether there is such a process, though it has not written a word."""
    own = logfile.instances_of(name.rpartition("/")[2])
    return any(map(own.fullmatch, _recorded(settings)))


def _recorded(settings: Settings) -> set[str]:
    return {path.stem for path in (settings.durable / "processes").glob("*.json")}


def _there(settings: Settings, names: Sequence[str]) -> Mapping[str, Path]:
    try:
        return named(settings, names)
    except Failure:
        return {}


def _tell(lines: Iterable[Line], voice: Voice) -> int:
    for some in _batches(lines):
        voice.say(some)
        if voice.terminal.closed:
            break
    return Exit.OK


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    rest = iter(lines)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def _follow(follower: Follower, voice: Voice) -> int:
    with suppress(BrokenPipeError):
        while not voice.terminal.closed:
            if fresh := follower.look():
                voice.say(fresh)
            if not follower.behind:
                _pause(voice.terminal)
    return Exit.OK


def _pause(terminal: Terminal) -> None:
    """Wait for the next look; raises BrokenPipeError once the reader of the output has gone."""
    try:
        number = terminal.out.fileno()
    except (OSError, ValueError):
        time.sleep(logfile.EVERY)
        return
    watch = select.poll()
    watch.register(number, 0)
    if watch.poll(logfile.EVERY * 1000):
        raise BrokenPipeError
