"""`reconciler adopt`: takes over what another supervisord runs, without a restart."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ..core.lines import Line, Span, Style, grid, line
from ..core.model import Resource
from ..core.sealed import Sealed
from ..kinds import KINDS
from ..kinds.process.adoption import Adoption, folder_of, full_name, name_looks, write_adoption
from ..kinds.process.looks import Looks, as_seen, look
from ..kinds.process.spec import ProcessSpec
from ..kinds.process.state import EXECUTED, Program, render
from ..settings import Settings
from ..stack.place import Place, prepare
from .client import NoOperator
from .foreign import Daemon, find_daemon
from .import_.draft import ORIGINAL
from .outcome import Exit, Failure
from .stack import find_operator
from .terminal import Terminal

FROM_FILE: Final = ("argv", "interpreter", "env", "working_dir", "umask", "user")
WANTED: Final = Program(started=True)
"""What is to run, and cannot be told more of."""


class Found(NamedTuple):
    """One instance of the specs, and what runs for it elsewhere."""

    name: str
    wanted: Program
    process: str = ""
    looks: Looks | None = None
    seen: Program | None = None
    log: str = ""
    why: str = ""
    is_ours: bool = False

    @property
    def differs(self) -> list[str]:
        """The fields for which it would be restarted."""
        if self.seen is None:
            return []
        return [one for one in EXECUTED if getattr(self.seen, one) != getattr(self.wanted, one)]

    @property
    def is_settled(self) -> bool:
        """Whether nobody has to look at it: it is taken over as it is, ours, or to rest anyway."""
        rests = not (self.seen or self.wanted.started)
        return rests or self.is_ours or (self.seen is not None and not self.differs)


def adopt(
    settings: Settings,
    terminal: Terminal,
    *,
    socket: Path,
    conf: Path | None = None,
    dry_run: bool = False,
) -> int:
    """Write down which processes of ``socket`` are those of the specs."""
    from ..app import make_loader

    daemon = asyncio.run(find_daemon(socket.absolute(), conf))
    snapshot = make_loader(settings, read_only=dry_run).load()
    if snapshot.problems:
        raise Failure(
            f"the specs are not valid: {snapshot.problems[0]}", hint="`validate` says more"
        )
    _refuse_other_specs(settings, snapshot.source)
    resources = [one for ref, one in sorted(snapshot.resources.items()) if ref.kind == "Process"]
    found = [
        _find(settings, daemon, instance)
        for resource in resources
        for instance in KINDS["Process"].instances(resource)
    ]
    if not dry_run:
        _write(settings, daemon, found)
    terminal.show(grid(list(_rows(found)), width=terminal.width))
    terminal.talk(*_words(daemon, found, dry_run=dry_run))
    return Exit.OK if all(one.is_settled for one in found) else Exit.DIFFERENCES


def _refuse_other_specs(settings: Settings, source: str) -> None:
    """What an operator follows decides: what is adopted and not written there, it would stop."""
    with suppress(NoOperator):
        follows = find_operator(settings).status().get("source", source)
        if follows != source:
            raise Failure(
                f"the operator follows {follows}, not {source}",
                hint="write the specs with `import --suspend`, commit them, then adopt",
            )


def _find(settings: Settings, daemon: Daemon, instance: Resource[ProcessSpec]) -> Found:
    name = instance.ref.name
    original = instance.annotations.get(ORIGINAL, instance.written_as.name)
    info = daemon.partner(original, instance.index)
    process = full_name(info) if info else ""
    if instance.beside is not None:
        return Found(name, WANTED, process, why="it is replaced beside itself: it must be ours")
    if any(number is None for number in KINDS["Process"].ports(instance).values()):
        text = "its port is found when it starts: it must be ours"
        return Found(name, WANTED, process, why=text)
    wanted = render(instance)
    if _is_ours(settings, name):
        return Found(name, wanted, process, why="is kept here already", is_ours=True)
    if info is None or not info["pid"] or info["statename"] not in {"RUNNING", "STARTING"}:
        said = f"is {info['statename'].lower()} there" if info else "is not known there"
        return Found(name, wanted, process, why=f"{original} {said}")
    looks = look(int(info["pid"]))
    if looks is None:
        return Found(name, wanted, process, why=f"{original} has just ended there")
    seen = as_seen(looks, wanted)
    if seen != wanted and (written := daemon.written(process)) is not None:
        # It may have become another program, or changed its name; its file says how it began.
        seen = _by_file(written, wanted)
    return Found(name, wanted, process, looks, seen, str(info["stdout_logfile"]))


def _by_file(written: Program, wanted: Program) -> Program:
    """What it was started with, in the words of ``wanted`` where these mean the same."""
    update = {one: getattr(written, one) for one in FROM_FILE}
    if os.path.realpath(written.working_dir) == os.path.realpath(wanted.working_dir):
        update["working_dir"] = wanted.working_dir
    update["env"] = {
        key: wanted.env[key] if _plain(wanted.env.get(key)) == _plain(value) else value
        for key, value in written.env.items()
    }
    return wanted.model_copy(update=update)


def _plain(value: str | Sealed | None) -> str | None:
    return value.reveal() if isinstance(value, Sealed) else value


def _is_ours(settings: Settings, name: str) -> bool:
    adopted = folder_of(settings.state_dir) / f"{name}.json"
    return (settings.durable / "processes" / f"{name}.json").exists() and not adopted.exists()


def _write(settings: Settings, daemon: Daemon, found: Sequence[Found]) -> None:
    try:
        prepare(Place(settings.state_dir, settings.specs))
    except (OSError, ValueError) as error:
        raise Failure(str(error)) from error
    for one in found:
        if one.seen is None or one.looks is None:
            continue
        adoption = Adoption(
            one.name,
            str(daemon.socket),
            one.process,
            one.looks.pid,
            one.looks.born,
            name_looks(one.looks),
            one.log,
            one.seen,
        )
        write_adoption(folder_of(settings.state_dir), adoption)


def _rows(found: Sequence[Found]) -> Iterator[Sequence[Span]]:
    for one in found:
        if one.seen is None:
            verdict = Span(f"· {one.why}", Style.FAINT)
        elif one.differs:
            verdict = Span(f"~ restarts when applied: {', '.join(_told(one))}", Style.CHANGE)
        else:
            verdict = Span("✔ nothing differs", Style.GOOD)
        pid = f"pid {one.looks.pid}" if one.looks else ""
        yield (Span(one.name), Span(one.process), Span(pid), verdict)


def _told(one: Found) -> Iterator[str]:
    """The names of what differs; values may be secret."""
    for name in one.differs:
        if name != "env" or one.seen is None:
            yield Program.model_fields[name].alias or name
            continue
        for key in sorted(one.wanted.env.keys() | one.seen.env.keys()):
            if one.wanted.env.get(key) != one.seen.env.get(key):
                yield f"env {key}"


def _words(daemon: Daemon, found: Sequence[Found], *, dry_run: bool) -> Iterator[Line]:
    known = {one.process for one in found}
    if rest := [name for name in daemon.names if name not in known]:
        yield line(Span(f"left alone, for no spec names them: {', '.join(rest)}", Style.FAINT))
    if why := daemon.distrust:
        yield line(Span(f"judged by the processes alone: {why}", Style.FAINT))
    if dry_run or not any(one.seen for one in found):
        return
    yield line(
        Span("next: `reconciler up`, then `reconciler diff`. ", Style.CALM),
        "The other supervisord goes on keeping them; what changes moves here, one at a time.",
    )
