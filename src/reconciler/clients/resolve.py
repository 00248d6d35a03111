"""Where hosts are that have names: looked up again and again, by timers beside the loop.

What is followed is said after each look at the world, and what was found is read at the next one.
A name server that is silent or says no takes nothing away: the last addresses stay.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple, Protocol, TypeAlias

from ..core.backend import is_usable
from ..core.backoff import Backoff
from ..core.model import Json
from .names import Address, Names

log = logging.getLogger(__name__)

EVERY: Final = 10.0
"""A name is looked up again after so many seconds, give or take a fifth."""
LIMIT: Final = 10.0
"""A look-up that takes longer has failed."""
PAUSE: Final = 1.0
"""Two look-ups of one name are at least so far apart, however eager somebody is (seconds)."""

IP: TypeAlias = IPv4Address | IPv6Address


class Found(NamedTuple):
    """What is known of a name. ``addresses`` is None before the first answer."""

    addresses: tuple[IP, ...] | None = None
    problem: str = ""
    """Why the last look-up failed; empty when it did not."""

    def told(self) -> dict[str, Json]:
        """The same for people and programs."""
        addresses = None if self.addresses is None else [str(one) for one in self.addresses]
        return {"addresses": addresses, "problem": self.problem}


class Lookup(Protocol):
    """What finds addresses. Raises OSError when nobody knows any."""

    async def find(self, host: str, port: int) -> list[Address]: ...


class Resolver:
    """Looks up the names it is told to follow, and rings when an answer is another one."""

    def __init__(self, ring: Callable[[], None], names: Lookup | None = None) -> None:
        self._ring = ring
        self._names = names or Names()
        self._found: dict[str, Found] = {}
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._eager: dict[str, asyncio.Event] = {}
        self._backoff = Backoff(longest=EVERY)

    def follow(self, hosts: Iterable[str]) -> None:
        """Look up exactly these from now on. To be called within the event loop."""
        wanted = set(hosts)
        for host in self._rounds.keys() - wanted:
            self._rounds.pop(host).cancel()
            self._eager.pop(host)
            self._found.pop(host, None)
        for host in wanted - self._rounds.keys():
            self._eager[host] = asyncio.Event()
            self._rounds[host] = asyncio.create_task(self._go_round(host))

    def found(self, host: str) -> Found:
        """What is known of a name now."""
        return self._found.get(host, Found())

    def hurry(self, host: str) -> None:
        """What was found does not answer: look again soon."""
        if host in self._eager:
            self._eager[host].set()

    async def aclose(self) -> None:
        """Look no more."""
        rounds = list(self._rounds.values())
        self.follow(())
        if rounds:
            await asyncio.wait(rounds)

    async def _go_round(self, host: str) -> None:
        failures = 0
        while True:
            found = await self._look(host)
            failures = failures + 1 if found.problem else 0
            before, self._found[host] = self._found.get(host), found
            if before != found:
                self._ring()
            await asyncio.sleep(PAUSE)
            delay = self._backoff.delay(failures) if failures else EVERY
            with suppress(TimeoutError):
                async with asyncio.timeout(_spread(delay) - PAUSE):
                    await self._eager[host].wait()
            self._eager[host].clear()

    async def _look(self, host: str) -> Found:
        last = self._found.get(host, Found())
        try:
            async with asyncio.timeout(LIMIT):
                answers = await self._names.find(host, 0)
        except TimeoutError:
            return last._replace(problem=f"cannot find {host}: no answer in {LIMIT:.0f} s")
        except OSError as exc:
            return last._replace(problem=str(exc))
        except Exception as exc:  # a fault of ours with one name must not end the others
            log.exception("looking up %s failed", host)
            return last._replace(problem=f"internal error: {type(exc).__name__}")
        return _usable(host, answers, last)


def _usable(host: str, answers: Iterable[Address], last: Found) -> Found:
    """The same whatever the order of the answers; not where no backend can be."""
    every = {ip_address(str(answer.address[0]).partition("%")[0]) for answer in answers}
    good = sorted(filter(is_usable, every), key=lambda one: (one.version, int(one)))
    if not good:
        text = ", ".join(sorted(map(str, every))) or "no address"
        return last._replace(problem=f"{host} is {text}, which is no address of a backend")
    return Found(tuple(good))


def _spread(delay: float) -> float:
    """Not all at once."""
    return delay * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
