"""The keeper's wire: ``reconciler.*`` on supervisord's socket, JSON in and JSON out."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .keeper import Keeper

VERSION = 1


def make(supervisord: Any, **_: Any) -> Interface:
    """What supervisord calls when it loads us; whatever is wrong, it gets an interface."""
    keeper, why = None, ""
    try:
        from .checks import choose

        keeper, why = choose(supervisord)
    except Exception as exc:  # noqa: BLE001 (an exception here would end supervisord)
        why = f"{type(exc).__name__}: {exc}"
    mode = keeper.loop.mode if keeper else "off"
    os.environ["RECONCILER_KEEPER_MODE"] = mode
    told = f"keeper: {mode}{why and ', '}{why}"
    supervisord.options.logger.info(told)
    interface = Interface(keeper, mode, why)
    if keeper:
        keeper.loop.open_door(keeper.door, interface.answer)
    return interface


class Interface:
    """Every public method is a call of the wire."""

    def __init__(self, keeper: Keeper | None, mode: str, why: str) -> None:
        self._keeper = keeper
        self._mode = mode
        self._why = why

    def answer(self, asked: str) -> str:
        """The same for who asks often: ``changes {...}``. Raises LookupError for another call."""
        method, _, given = asked.partition(" ")
        return {"do": self.do, "changes": self.changes}[method](given)

    def hello(self, _given: str = "{}") -> str:
        """Who answers, and how much of it works."""
        from supervisor.options import VERSION as SUPERVISOR

        answer = {"interface": VERSION, "mode": self._mode, "why": self._why}
        answer |= {"supervisor": SUPERVISOR, "life": self._keeper.life if self._keeper else ""}
        return json.dumps(answer)

    def changes(self, given: str) -> str:
        """What has changed since a version of a life."""
        asked = json.loads(given)
        words = str(asked["life"]), int(asked["since"]), str(asked.get("others") or "")
        return json.dumps(self._awake().changes(*words))

    def do(self, given: str) -> str:
        """Do what is asked, in order; for each null, or what was wrong with it."""
        from .verbs import perform_all

        keeper = self._awake()
        return json.dumps(perform_all(keeper, json.loads(given)))

    def view(self, given: str) -> str:
        """What the live process was started with."""
        program = self._awake().programs.get(json.loads(given)["name"])
        return json.dumps({"view": program.started_with() if program else None})

    def tail(self, given: str) -> str:
        """The last output before the last end; of one that has not ended yet, the last so far."""
        asked = json.loads(given)
        program = self._awake().programs.get(asked["name"])
        lines = program.tail if program else []
        if program and not lines and program.pid and program.streams:
            lines = program.streams.last_words()
        return json.dumps({"lines": lines[-int(asked.get("lines") or 50) :]})

    def _awake(self) -> Keeper:
        if self._keeper is None:
            from supervisor.xmlrpc import Faults, RPCError

            raise RPCError(Faults.FAILED, f"the keeper is off: {self._why}")
        return self._keeper
