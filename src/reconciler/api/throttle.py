"""How often one may ask, and how often one may guess. In memory, bounded, pure but for its past."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Final

REMEMBERED: Final = 10_000
"""Callers at a time; the one that was quiet longest is forgotten for a new one."""

TRIES: Final = 5
WINDOW: Final = 15 * 60.0
FIRST_PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 3600.0
FORGIVEN_AFTER: Final = 86400.0
V6_NETWORK: Final = 64

AT_ONCE: Final = 2
WAITING: Final = 8


@dataclass(slots=True)
class Guesses:
    """What one address got wrong."""

    count: int = 0
    last: float = 0.0
    blocked_until: float = 0.0


@dataclass(slots=True)
class Logins:
    """Failed logins by address: five in a quarter of an hour, then pauses that double."""

    _seen: OrderedDict[str, Guesses] = field(default_factory=OrderedDict)

    def wait(self, address: str, now: float) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        guesses = self._seen.get(network_of(address))
        return 0.0 if guesses is None else max(0.0, guesses.blocked_until - now)

    def begin(self, address: str, now: float) -> None:
        """Count a try as failed until it is known better: many at once count as many."""
        guesses = self._seen.setdefault(network_of(address), Guesses())
        self._seen.move_to_end(network_of(address))
        # Once blocked, an hour of quiet does not buy five new tries.
        if now - guesses.last > (WINDOW if guesses.count < TRIES else FORGIVEN_AFTER):
            guesses.count = 0
        guesses.count += 1
        guesses.last = now
        if guesses.count >= TRIES:
            pause = FIRST_PAUSE * 2.0 ** min(guesses.count - TRIES, 10)
            guesses.blocked_until = now + min(pause, LONGEST_PAUSE)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def forgive(self, address: str) -> None:
        """It was the right password."""
        self._seen.pop(network_of(address), None)


@dataclass(slots=True)
class Rates:
    """A bucket for each caller: ``burst`` requests at once, ``rate`` a second for ever."""

    rate: float = 20.0
    burst: float = 100.0
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait(self, caller: str, now: float) -> float:
        """Count one request; seconds until it would be welcome, 0 when it is."""
        left, then = self._left.get(caller, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.rate)
        if left < 1:
            return (1 - left) / self.rate
        self._left[caller] = (left - 1, now)
        self._left.move_to_end(caller)
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return 0.0


class Turn:
    """Few at a time: to look at a password takes memory and a core."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many already."""
        return self._waiting >= WAITING

    async def __aenter__(self) -> None:
        self._waiting += 1
        try:
            await self._turn.acquire()
        except BaseException:
            self._waiting -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._turn.release()
        self._waiting -= 1


def retry(seconds: float) -> dict[str, str]:
    """The header that says when to come back."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def network_of(address: str) -> str:
    """What counts as one guesser: an address, or the network an IPv6 address can move in."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return address
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return known.exploded[: V6_NETWORK // 16 * 5 - 1]
