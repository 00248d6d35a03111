"""All programs of a stack, what is asked of them and what has changed."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from supervisor import events
from supervisor.states import SupervisorStates

from . import families
from .beacon import Beacon
from .lives import Lives
from .loop import NEVER, Loop, QuickLoop
from .others import others as tell_others
from .program import Program
from .spawning import Starter
from .stock import Group, GroupConfig, ProgramConfig, QuietGroup

_GONE_AT_MOST: Final = 1000
_fit: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}")


class Keeper:
    """Keeps programs inside supervisord; one for each supervisord."""

    def __init__(self, supervisord: Any, loop: Loop, state_dir: Path) -> None:
        self.options = supervisord.options
        self.loop = loop
        self.life = secrets.token_hex(8)
        self.stack = os.environ.get("RECONCILER_STACK_START", "")
        self.lives = Lives(state_dir / "run" / "lives.jsonl", self.stack)
        self.starter = Starter(str(state_dir), quick=loop.mode == "full")
        self.version = 0
        self._beacon = Beacon(state_dir / "run" / "keeper.version", self.life)
        self.programs: dict[str, Program] = {}
        self.written_to: dict[str, Program] = {}
        self._supervisord = supervisord
        self._logs = state_dir / "log"
        self._wake = str(state_dir / "run" / "wake.sock")
        self.door = state_dir / "run" / "keeper.sock"
        self._bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._bell.setblocking(False)  # noqa: FBT003 (the C type takes no keyword)
        self._rung = ""
        self._changed: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._forgotten = 0
        self._adopted: Mapping[str, set[int]] | None = None
        loop.each_turn(self.look_anew)
        # What else supervisord runs is told together with ours.
        events.subscribe(events.ProcessStateEvent, self._turn_over)
        events.subscribe(events.ProcessGroupEvent, self._turn_over)

    @property
    def winding_down(self) -> bool:
        """Whether supervisord is about to end."""
        return bool(self.options.mood < SupervisorStates.RUNNING)

    def know(self, name: str) -> Program:
        """The program of that name, made if it is new. Raises ValueError."""
        program = self.programs.get(name)
        if program is None:
            if not _fit.fullmatch(name):
                raise ValueError(f"{name!r} cannot be the name of a program")
            if name in self._supervisord.process_groups:
                raise ValueError(f"supervisord has a group {name} that is not the keeper's")
            log = f"{self._logs}/{name}.log"
            config = ProgramConfig(self.options, name, log, self._make)
            kind = QuietGroup if self.loop.mode == "full" else Group
            self._supervisord.add_process_group(GroupConfig(config, kind, self))
            program = self.programs[name]
            self._gone.pop(name, None)
            program.remember()
        return program

    def _make(self, config: ProgramConfig, group: Group) -> Program:
        program = Program(config, group, self)
        self.programs[config.name] = program
        return program

    def drop(self, program: Program) -> None:
        """Forget a program that is stopped."""
        program.show("stopped")
        self._supervisord.remove_process_group(program.name)

    def forget(self, name: str) -> None:
        """Supervisord has let go of it."""
        self.loop.timers.set(self.programs.pop(name), NEVER)
        self.written_to.pop(name, None)
        self.lives.forget(name)
        self._changed.pop(name, None)
        self._turn_over()
        self._gone[name] = self.version
        if len(self._gone) > _GONE_AT_MOST:
            oldest = next(iter(self._gone))
            self._forgotten = self._gone.pop(oldest)
        self.ring(name)

    def touch(self, name: str) -> None:
        """``name`` is not as it was."""
        self._turn_over()
        self._changed.pop(name, None)
        self._changed[name] = self.version

    def _turn_over(self, _event: object = None) -> None:
        """Something is not as it was in the last version."""
        self.version += 1
        self._beacon.show(self.version)

    def changes(self, life: str, since: int, others: str = "") -> dict[str, Any]:
        """What is not as it was in version ``since`` of the same life; else all there is.

        ``others`` is the word that was told for all that is not the keeper's.
        """
        everything = life != self.life or since < self._forgotten or since > self.version
        names, gone = list(self.programs), []
        if not everything:
            names, gone = _later(self._changed, since), _later(self._gone, since)
        return {
            "life": self.life,
            "version": self.version,
            "all": everything,
            "programs": {name: self.programs[name].entry() for name in names},
            "gone": gone,
            "others": tell_others(self._supervisord.process_groups, others),
        }

    def ring(self, name: str) -> None:
        """Tell the operator to look, once a turn; when it is not there it looks by itself."""
        self._rung = name
        if self.loop.mode != QuickLoop.mode:  # the next turn may be long in coming
            self._send()

    def _send(self) -> None:
        with suppress(OSError):
            self._bell.sendto(self._rung.encode(), self._wake)
        self._rung = ""

    def say(self, text: str) -> None:
        """A word of ours in supervisord's log."""
        self.options.logger.info(text)

    def strays(self, name: str) -> set[int]:
        """What we adopted of program ``name``; looked up once a turn for all of them."""
        if self._adopted is None:
            self._adopted = families.adopted(self.options.pidhistory)
        return self._adopted.get(name, set())

    def wind_down(self) -> None:
        """Stop all, what others need after those; each time as far as it goes."""
        for program in self.programs.values():
            if not program.live and program.phase in {"backoff", "armed"}:
                program.enter("stopped")
        live = [program for program in self.programs.values() if program.live]
        needed = {family for program in live for family in program.settings.after}
        free = [program for program in live if not needed & {program.family, program.name}]
        for program in free or live:  # a circle is cut
            program.end()
        # supervisord lets go of one group each time; those that have stopped need no time.
        groups = self._supervisord.stop_groups
        groups[:] = [group for group in groups if group.config.name not in self.programs]
        groups += [program.group for program in live]

    def look_anew(self) -> None:
        """What was found a while ago says nothing about now."""
        self._adopted = None
        self.starter.forget()
        if self._rung:
            self._send()


def _later(versions: dict[str, int], since: int) -> list[str]:
    """The names with a version after ``since``; the newest are last."""
    found = []
    for name in reversed(versions):
        if versions[name] <= since:
            break
        found.append(name)
    return found
