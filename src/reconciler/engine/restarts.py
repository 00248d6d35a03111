"""Notices what began anew, and why: from the causes a driver tells, else from another pid.

What else a driver warns of is told on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from ..core.model import Json, Observed, Ref, Unknown, World
from .journal import Event

ALARMING: Final = frozenset({"crash", "liveness", "memory"})
"""Causes after which the last words matter."""
GAVE_UP: Final = "failed"


@dataclass(slots=True)
class Restarts:
    """What was told of each thing's restarts while this operator looked on."""

    counts: Counter[Ref] = field(default_factory=Counter)
    ended: set[Ref] = field(default_factory=set)
    """Those whose last words nobody has heard yet."""
    _seen: dict[str, Mapping[str, Observed[Any]]] = field(default_factory=dict)
    _told: dict[Ref, float] = field(default_factory=dict)
    _pids: dict[Ref, int] = field(default_factory=dict)

    def notice(self, world: World, asked: AbstractSet[Ref]) -> Iterator[Event]:
        """Take in a look at the world; tells of every restart it shows.

        Where only a pid tells, those that were ``asked`` for are not told.
        """
        for kind, seen in world.items():
            if isinstance(seen, Unknown):
                continue
            if kind not in self._seen:  # what was before this operator is no news
                self._told |= {Ref(kind, name): _newest(live) for name, live in seen.items()}
            before, self._seen[kind] = self._seen.get(kind, {}), seen
            for name, live in seen.items() if seen is not before else ():
                old = before.get(name)
                if old is not live:
                    yield from self._look(Ref(kind, name), live, old, asked)

    def forget(self, refs: AbstractSet[Ref]) -> None:
        """These are gone for good."""
        for ref in refs:
            for table in (self._told, self._pids, self.counts):
                table.pop(ref, None)

    def _look(
        self, ref: Ref, live: Observed[Any], before: Observed[Any] | None, asked: AbstractSet[Ref]
    ) -> Iterator[Event]:
        if live.vitals.get("state") == GAVE_UP != (before.vitals.get("state") if before else ""):
            self.ended.add(ref)
        last = self._told.get(ref, 0.0)
        self._told[ref] = max(last, _newest(live))
        warning = live.vitals.get("warning")
        if warning and _at(warning) > last:
            yield Event(ref, "Warning", str(warning["reason"]), str(warning["message"]))
        causes = live.vitals.get("causes")
        if causes is None:
            yield from self._by_pid(ref, live, asked)
        else:
            yield from self._by_cause(ref, live, [one for one in causes if _at(one) > last])

    def _by_cause(self, ref: Ref, live: Observed[Any], causes: list[Json]) -> Iterator[Event]:
        for one in causes:
            if one["cause"] in ALARMING:
                self.ended.add(ref)
            yield _told(ref, one, live.vitals)

    def _by_pid(self, ref: Ref, live: Observed[Any], asked: AbstractSet[Ref]) -> Iterator[Event]:
        pid, old = live.vitals.get("pid") or None, self._pids.get(ref)
        if pid is None or pid == old:
            return
        self._pids[ref] = pid
        if old is not None:
            self.counts[ref] += 1
            if ref not in asked:
                self.ended.add(ref)
                yield Event(ref, "Warning", "Restarted", f"pid {old} is gone, {pid} runs")


def _at(told: Mapping[str, Json]) -> float:
    return float(told["at"])


def _newest(live: Observed[Any]) -> float:
    """When the last thing happened that its driver tells of."""
    told = [*(live.vitals.get("causes") or ()), live.vitals.get("warning")]
    return max((_at(one) for one in told if one), default=0.0)


def _told(ref: Ref, cause: Mapping[str, Json], vitals: Mapping[str, Json]) -> Event:
    name = str(cause["cause"])
    detail = str(cause.get("detail") or (exit_words(vitals) if name == "crash" else ""))
    alarming = name in ALARMING
    text = f"{name}: {detail}" if detail else name
    return Event(ref, "Warning" if alarming else "Normal", "Restarted", text)


def exit_words(vitals: Mapping[str, Json]) -> str:
    """How it ended the last time: ``exit code 1``, ``signal KILL``; empty when nobody knows."""
    last = vitals.get("lastExit") or {}
    if last.get("signal"):
        return f"signal {last['signal']}"
    return "" if last.get("code") is None else f"exit code {last['code']}"
