"""Talks to our keeper inside supervisord. What is asked side by side travels as one call."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple, TypeAlias

from ..core.errors import ReconcileError, Terminal, Transient
from ..core.model import Json
from .beacon import shows
from .packets import Packets
from .supervisord import ProcessInfo, Supervisord

log = logging.getLogger(__name__)

__all__ = ["OFF", "Entry", "Hello", "Keeper", "Operation"]

Entry: TypeAlias = Mapping[str, Any]
"""What the keeper knows of one program: state, wanted, stamp, epoch, digest, pid, born, …"""

Operation: TypeAlias = tuple[str, str, Mapping[str, Json]]
"""A verb, the program it is about, and its arguments."""

TOGETHER: Final = 200  # supervisord does nothing else meanwhile
TRUSTED: Final = 25.0
"""Seconds for which a keeper that shows no change is not asked: it may be there and not answer."""
INTERFACE: Final = 1
UNSUPPORTED: Final = "Unsupported"
OFTEN: Final = frozenset({"do", "changes"})
_NEVER: Final = frozenset({"UnknownVerb"})
_ALREADY: Final = {"stop": "UnknownProgram", "signal": "NotRunning"}
"""What a verb may be refused for because there is nothing to do."""


class Hello(NamedTuple):
    """How supervisord keeps programs: ``full``, ``plain``, or ``off``, and ``why`` it is off."""

    mode: str
    why: str = ""
    life: str = ""

    @property
    def keeps(self) -> bool:
        return self.mode != "off"


OFF: Final = Hello("off", "the keeper is not loaded")


class _Asked(NamedTuple):
    """Operations that one caller asked for, and what became of each."""

    operations: Sequence[Operation]
    answers: asyncio.Future[list[ReconcileError | None]]


class Keeper:
    """One keeper, and a mirror of what it knows that costs what changed.

    ``beacon`` is where it shows its version: as long as that is the mirror's, it is not asked.
    Where it takes ``packets``, what is asked often travels in them.
    """

    def __init__(
        self,
        supervisord: Supervisord,
        *,
        beacon: Path | None = None,
        packets: Packets | None = None,
    ) -> None:
        self._packets = packets
        self._supervisord = supervisord
        self._beacon = beacon
        self._answered = float("-inf")
        self._life, self._version = "", 0
        self._programs: dict[str, Entry] = {}
        self._word = ""
        self._others: Sequence[ProcessInfo] | None = None
        self._looking: asyncio.Task[Mapping[str, Entry]] | None = None
        self._turn = asyncio.Lock()
        self._asked: list[_Asked] = []
        self._sender: asyncio.Task[None] | None = None

    @property
    def life(self) -> str:
        """Which life of the keeper was looked at last."""
        return self._life

    @property
    def others(self) -> Sequence[ProcessInfo] | None:
        """What supervisord runs besides, as of the last look; None when the keeper does not tell.

        The very same object as long as nothing of it changes.
        """
        return self._others

    async def hello(self) -> Hello:
        """Whether and how it is there; a supervisord without it says ``off``."""
        try:
            said = await self._ask("hello", {})
        except Terminal as exc:
            if exc.reason == UNSUPPORTED:
                return OFF
            raise
        if said.get("interface") != INTERFACE:
            return Hello("off", f"the keeper speaks version {said.get('interface')}")
        return Hello(str(said["mode"]), str(said.get("why", "")), str(said["life"]))

    async def look(self) -> Mapping[str, Entry]:
        """All programs as they are now. Unchanged ones are the very same objects as before."""
        if self._is_current():
            return self._programs
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    def _is_current(self) -> bool:
        """Whether the mirror is what the keeper would tell. A silent one is asked in time."""
        if self._beacon is None or not self._life or monotonic() - self._answered > TRUSTED:
            return False
        return shows(self._beacon, self._life, self._version)

    async def do(self, verb: str, name: str, args: Mapping[str, Json] | None = None) -> None:
        """Have the keeper do one idempotent thing; it never waits for the outcome."""
        [why] = await self.do_all([(verb, name, args or {})])
        if why is not None:
            raise why

    async def do_all(self, operations: Sequence[Operation]) -> list[ReconcileError | None]:
        """Have it do idempotent things, in order; what is wrong with each, if anything.

        What is not to be kept as it is told is not started in the same call.
        """
        if not operations:
            return []
        loop = asyncio.get_running_loop()
        asked = _Asked(operations, loop.create_future())
        self._asked.append(asked)
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send_asked())
        return await asked.answers

    async def view(self, name: str) -> Json | None:
        """The view of the record that the live process was started with, where that is known."""
        return (await self._ask("view", {"name": name})).get("view")

    async def tail(self, name: str, lines: int = 50) -> list[str]:
        """The last output before the last end."""
        return [
            str(one) for one in (await self._ask("tail", {"name": name, "lines": lines}))["lines"]
        ]

    async def _look(self) -> Mapping[str, Entry]:
        async with self._turn:
            await asyncio.sleep(0)  # who looks at the same moment comes along
            self._looking = None  # who comes later wants a later look
            known = {"life": self._life, "since": self._version, "others": self._word}
            said = await self._ask("changes", known)
            before = {} if said["all"] else self._programs
            gone = set(said["gone"])
            if said["programs"] or gone or said["all"]:
                fresh = {name: self._known(name, one) for name, one in said["programs"].items()}
                kept = {name: one for name, one in before.items() if name not in gone}
                self._programs = kept | fresh
            self._life, self._version = said["life"], said["version"]
            self._answered = monotonic()
            self._hear_of_others(said.get("others") or {"word": ""})
            return self._programs

    def _hear_of_others(self, said: Mapping[str, Json]) -> None:
        self._word = said["word"]
        if not self._word:
            self._others = None
        elif "processes" in said:
            self._others = said["processes"]

    def _known(self, name: str, entry: Entry) -> Entry:
        known = self._programs.get(name)
        return known if known == entry else entry

    async def _ask(self, method: str, args: Json, *, weight: int = 1) -> Any:
        text = json.dumps(args, separators=(",", ":"))
        try:
            answer = await self._send(method, text, weight)
        except ReconcileError:
            self._answered = float("-inf")  # who does not answer is asked again, whatever it shows
            raise
        try:
            return json.loads(answer)
        except (ValueError, TypeError) as exc:
            text = f"the keeper's answer to {method} makes no sense"
            raise Transient(text, reason="Unreachable") from exc

    async def _send(self, method: str, text: str, weight: int) -> str:
        """In a packet, or as supervisord takes calls: where there are none, or it is too long."""
        if self._packets is not None and method in OFTEN:
            try:
                async with self._supervisord.patience(weight):
                    return (await self._packets.post(f"{method} {text}".encode())).decode()
            except OSError as exc:
                log.debug("the keeper takes no packet: %s", exc)
        return str(await self._supervisord.call(f"reconciler.{method}", text, weight=weight))

    async def _send_asked(self) -> None:
        while self._asked:
            asked = self._take()
            try:
                words = [list(words) for one in asked for words in one.operations]
                answers = iter(await self._ask("do", words, weight=len(words)))
                for one in asked:
                    whys = [_why(words, next(answers)) for words in one.operations]
                    if not one.answers.done():  # its caller gave up
                        one.answers.set_result(whys)
            except ReconcileError as exc:
                _fail(asked, exc)
            except BaseException:
                error = Transient("talking to the keeper was cut short", reason="Interrupted")
                _fail(asked + self._asked, error)
                self._asked = []
                raise

    def _take(self) -> list[_Asked]:
        """As many as go with one call; what one caller asks for is not parted."""
        taken, count = [self._asked.pop(0)], 0
        count = len(taken[0].operations)
        while self._asked and count + len(self._asked[0].operations) <= TOGETHER:
            taken.append(self._asked.pop(0))
            count += len(taken[-1].operations)
        return taken


def _why(operation: Operation, answer: Json) -> ReconcileError | None:
    if answer is None or answer["reason"] == _ALREADY.get(operation[0]):
        return None
    reason, message = str(answer["reason"]), str(answer["message"])
    failure = Terminal if reason in _NEVER else Transient
    return failure(f"the keeper refuses: {message}", reason=reason)


def _fail(asked: list[_Asked], error: ReconcileError) -> None:
    for one in asked:
        if not one.answers.done():
            one.answers.set_result([error] * len(one.operations))
