"""What is not as it was: by identity, so that a look costs what moved and not all there is.

Whoever hands out a mapping never changes it any more, and keeps the objects of what is the same.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeVar

from .model import Ref, Resource, Unknown, World

K = TypeVar("K")
V = TypeVar("V")

_NUMBERS: Final = count(1)
_NOTHING: Final[Mapping[str, Any]] = {}


class Version(Mapping[K, V]):
    """A mapping that knows where it may differ from the one before it: the rest is the same.

    One made of ``edited`` costs what differs; it is put together when somebody walks over it.
    """

    __slots__ = ("_parts", "_size", "number", "since", "touched")

    def __init__(
        self, content: Mapping[K, V], before: Mapping[K, V], touched: Iterable[K] = ()
    ) -> None:
        self._parts: tuple[Mapping[K, V], Mapping[K, V | None]] = dict(content), {}
        """What it was, and what is another by now: None for what is gone. Read in one step."""
        self._size = len(content)
        self.number = next(_NUMBERS)
        self.since = before.number if isinstance(before, Version) else 0
        self.touched = frozenset(touched)

    @classmethod
    def edited(cls, before: Mapping[K, V], changes: Mapping[K, V | None]) -> Version[K, V]:
        """The one before with these put in, or taken out where they are None."""
        made = cls({}, before, changes)
        base = before.whole() if isinstance(before, Version) else before
        made._parts = base, changes
        left = len(changes) - sum(one is None for one in changes.values())
        made._size = len(base) - sum(key in base for key in changes) + left
        return made

    def whole(self) -> Mapping[K, V]:
        """All of it."""
        base, changes = self._parts
        if changes:
            fresh = {key: one for key, one in changes.items() if one is not None}
            base = {**base, **fresh}
            for key in changes.keys() - fresh.keys():
                base.pop(key, None)
            self._parts = base, {}
        return base

    def __getitem__(self, key: K) -> V:
        base, changes = self._parts
        if key not in changes:
            return base[key]
        found = changes[key]
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        base, changes = self._parts
        return changes[key] is not None if key in changes else key in base  # type: ignore[index]

    def __iter__(self) -> Iterator[K]:
        return iter(self.whole())

    def __len__(self) -> int:
        return self._size

    def keys(self) -> KeysView[K]:
        return self.whole().keys()

    def values(self) -> ValuesView[V]:
        return self.whole().values()

    def items(self) -> ItemsView[K, V]:
        return self.whole().items()

    def follows(self, before: Mapping[K, Any]) -> bool:
        """Whether ``before`` is what this one knows its differences to."""
        return isinstance(before, Version) and before.number == self.since


def moved(before: Mapping[K, Any], now: Mapping[K, Any]) -> set[K]:
    """The keys of what came, went, or is another object now."""
    if before is now:
        return set()
    known = before.get
    if isinstance(now, Version) and now.follows(before):
        return {key for key in now.touched if known(key) is not now.get(key)}
    found = {key for key, one in now.items() if known(key) is not one}
    stayed = len(now) - sum(key not in before for key in found)
    return found if stayed == len(before) else found | (before.keys() - now)


@dataclass(slots=True)
class Looked:
    """What somebody has looked at last, and will look at again."""

    desired: Mapping[Ref, Resource[Any]] = field(default_factory=dict)
    world: World = field(default_factory=dict)

    def moved(self, desired: Mapping[Ref, Resource[Any]], world: World) -> set[Ref]:
        """The refs of which something else is wanted or seen since."""
        return moved(self.desired, desired) | moved_in(self.world, world, desired)

    def take(self, desired: Mapping[Ref, Resource[Any]], world: World) -> None:
        """All of this has been looked at now."""
        self.desired, self.world = desired, world


def moved_in(before: World, now: World, wanted: Iterable[Ref]) -> set[Ref]:
    """The refs of which something else is seen; all of a kind that comes in or out of sight."""
    found: set[Ref] = set()
    for kind in before.keys() | now.keys():
        old, new = before.get(kind), now.get(kind)
        if old is new or (old == _NOTHING and new == _NOTHING):
            continue
        if _is_hidden(old) or _is_hidden(new):
            found.update(ref for ref in wanted if ref.kind == kind)
        found.update(Ref(kind, name) for name in moved(_things(old), _things(new)))
    return found


def _is_hidden(seen: Mapping[str, Any] | Unknown | None) -> bool:
    return seen is None or isinstance(seen, Unknown)


def _things(seen: Mapping[str, Any] | Unknown | None) -> Mapping[str, Any]:
    return {} if seen is None or isinstance(seen, Unknown) else seen
