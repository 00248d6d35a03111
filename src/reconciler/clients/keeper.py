"""Talks to our keeper inside supervisord. What is asked side by side travels as one call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ..core.errors import ReconcileError, Terminal, Transient
from ..core.model import Json
from .supervisord import Supervisord

__all__ = ["OFF", "Entry", "Hello", "Keeper"]

Entry: TypeAlias = Mapping[str, Any]
"""What the keeper knows of one program: state, wanted, stamp, epoch, digest, pid, born, …"""

TOGETHER: Final = 200  # supervisord does nothing else meanwhile
INTERFACE: Final = 1
UNSUPPORTED: Final = "Unsupported"
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


class _Op(NamedTuple):
    words: tuple[str, str, Mapping[str, Json]]
    answer: asyncio.Future[None]


class Keeper:
    """One keeper, and a mirror of what it knows that costs what changed."""

    def __init__(self, supervisord: Supervisord) -> None:
        self._supervisord = supervisord
        self._life, self._version = "", 0
        self._programs: dict[str, Entry] = {}
        self._looking: asyncio.Task[Mapping[str, Entry]] | None = None
        self._turn = asyncio.Lock()
        self._ops: list[_Op] = []
        self._sender: asyncio.Task[None] | None = None

    @property
    def life(self) -> str:
        """Which life of the keeper was looked at last."""
        return self._life

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
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def do(self, verb: str, name: str, args: Mapping[str, Json] | None = None) -> None:
        """Have the keeper do one idempotent thing; it never waits for the outcome."""
        loop = asyncio.get_running_loop()
        op = _Op((verb, name, args or {}), loop.create_future())
        self._ops.append(op)
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send_ops())
        await op.answer

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
            said = await self._ask("changes", {"life": self._life, "since": self._version})
            before = {} if said["all"] else self._programs
            gone = set(said["gone"])
            if said["programs"] or gone or said["all"]:
                fresh = {name: self._known(name, one) for name, one in said["programs"].items()}
                kept = {name: one for name, one in before.items() if name not in gone}
                self._programs = kept | fresh
            self._life, self._version = said["life"], said["version"]
            return self._programs

    def _known(self, name: str, entry: Entry) -> Entry:
        known = self._programs.get(name)
        return known if known == entry else entry

    async def _ask(self, method: str, args: Json, *, weight: int = 1) -> Any:
        text = json.dumps(args, separators=(",", ":"))
        answer = await self._supervisord.call(f"reconciler.{method}", text, weight=weight)
        try:
            return json.loads(answer)
        except (ValueError, TypeError) as exc:
            text = f"the keeper's answer to {method} makes no sense"
            raise Transient(text, reason="Unreachable") from exc

    async def _send_ops(self) -> None:
        await asyncio.sleep(0)  # who calls at the same moment, by way of a task, comes along
        while self._ops:
            ops, self._ops = self._ops[:TOGETHER], self._ops[TOGETHER:]
            try:
                words = [list(op.words) for op in ops]
                answers = await self._ask("do", words, weight=len(ops))
                for op, answer in zip(ops, answers, strict=True):
                    _settle(op, answer)
            except ReconcileError as exc:
                _fail(ops, exc)
            except BaseException:
                error = Transient("talking to the keeper was cut short", reason="Interrupted")
                _fail(ops + self._ops, error)
                self._ops = []
                raise


def _settle(op: _Op, answer: Json) -> None:
    if op.answer.done():  # its caller gave up
        return
    if answer is None or answer["reason"] == _ALREADY.get(op.words[0]):
        op.answer.set_result(None)
        return
    reason, message = str(answer["reason"]), str(answer["message"])
    failure = Terminal if reason in _NEVER else Transient
    op.answer.set_exception(failure(f"the keeper refuses: {message}", reason=reason))


def _fail(ops: list[_Op], error: ReconcileError) -> None:
    for op in ops:
        if not op.answer.done():
            op.answer.set_exception(error)
