"""Picks ports for those who asked for any free one, and remembers what was picked."""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from ..core.errors import Transient
from ..core.kind import Kinds
from ..core.model import Ref, Resource
from ..core.moved import Version, moved
from .records import Records

log = logging.getLogger(__name__)

TOPIC: Final = "port"
FIRST: Final = 20000
LAST: Final = 29999
"""Below what the kernel gives to outgoing connections, so that none takes it meanwhile."""

Instances = Mapping[Ref, Resource[Any]]


class _Placed(NamedTuple):
    open: Resource[Any]
    numbers: Mapping[str, int]
    result: Resource[Any]


class Ports:
    """One number per instance and port, the same across restarts until the resource goes."""

    def __init__(self, kinds: Kinds, records: Records) -> None:
        self._kinds = kinds
        self._records = records
        self._taken: dict[str, int] = records.all(TOPIC)
        self._guessed: set[int] = set()
        self._placed: dict[Ref, _Placed] = {}
        self._instances: Instances = {}
        self._result: Instances = {}
        self._wanted: dict[Ref, Mapping[str, int | None]] = {}
        """Of each instance that listens."""

    def placed(self, instances: Instances) -> Instances:
        """The same instances, every port a number."""
        edited = moved(self._instances, instances)
        for ref in edited:
            one = instances.get(ref)
            self._wanted.pop(ref, None)
            if one is not None and (own := self._kinds[ref.kind].ports(one)):
                self._wanted[ref] = own
        # Cut short, the next result knows nothing of the last one.
        before, self._result = self._result, {}
        self._instances = instances
        ports = [port for own in self._wanted.values() for port in own.values()]
        if None not in ports:
            self._result = instances
            return instances
        fixed = {port for port in ports if port is not None}
        wanted = self._wanted.items()
        placed = {ref: self._place(ref, instances[ref], own, fixed) for ref, own in wanted}
        self._result = Version(dict(instances.items()) | placed, before, edited | placed.keys())
        return self._result

    def _place(
        self, ref: Ref, one: Resource[Any], ports: Mapping[str, int | None], fixed: set[int]
    ) -> Resource[Any]:
        open_ones = [name for name, port in ports.items() if port is None]
        numbers = {name: self._number(ref, name, fixed) for name in open_ones}
        return self._with(one, numbers) if numbers else one

    def _with(self, one: Resource[Any], numbers: Mapping[str, int]) -> Resource[Any]:
        """The same object as before for the same instance: all caches go by identity."""
        known = self._placed.get(one.ref)
        if known is None or known.open is not one or known.numbers != numbers:
            result = self._kinds[one.ref.kind].with_ports(one, numbers)
            known = self._placed[one.ref] = _Placed(one, numbers, result)
        return known.result

    @property
    def guessed(self) -> frozenset[int]:
        """Numbers that nothing will remember: who starts the process picks anew."""
        return frozenset(self._guessed)

    def keep_only(self, instances: Instances) -> None:
        """Let go what nobody wants any more."""
        for key in list(self._taken):
            ref = Ref(*key.rpartition(":")[0].split("/", 1))
            if ref not in instances:
                del self._taken[key]
                self._placed.pop(ref, None)
                self._record(key, None)

    def _number(self, ref: Ref, name: str, fixed: set[int]) -> int:
        key = f"{ref}:{name}"
        number = self._taken.get(key)
        # A number somebody wrote down in the meantime is theirs.
        if number is None or number in fixed:
            number = _free_port({*fixed, *self._taken.values()})
            self._taken[key] = number
            if self._records.read_only:
                self._guessed.add(number)
            self._record(key, number)
        return number

    def _record(self, key: str, number: int | None) -> None:
        try:
            if number is None:
                self._records.clear(TOPIC, key)
            else:
                self._records.write(TOPIC, key, number)
        except Transient as exc:  # kept in memory; another one may be picked after a restart
            log.warning("%s", exc)


def _free_port(avoid: set[int]) -> int:
    # From anywhere on: two stacks on one machine hardly ever pick the same.
    begin = random.randrange(FIRST, LAST + 1)  # noqa: S311 (no secret)
    numbers = chain(range(begin, LAST + 1), range(FIRST, begin))
    # Where all are busy, who starts says so and names whose port it is.
    return next((number for number in numbers if number not in avoid and _is_free(number)), FIRST)


def _is_free(number: int) -> bool:
    """Whether nobody listens there, on any address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", number))
        except OSError:
            return False
    return True
