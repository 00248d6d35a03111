"""What all spec files hold together, kept up to date file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from ..core.kind import Kinds
from ..core.model import Need, Ref, Resource
from ..core.offer import Target
from .files import Placed, SpecFile
from .links import GATEWAY, ROUTE, STACK, Hold, Links, is_numbered
from .problem import Problem


class Shelf:
    """Every document by its name; adding and removing a file costs what the file holds."""

    def __init__(self) -> None:
        self.written: dict[Ref, tuple[Placed, ...]] = {}
        self.good: dict[Ref, Resource[Any]] = {}
        self.needs: dict[Ref, tuple[Need, ...]] = {}
        self.targets: dict[Ref, tuple[Target, ...]] = {}
        self.unusable: set[Ref] = set()
        self.leaning: set[str] = set()
        """Files that were read from other files too."""
        self.faulty: dict[str, SpecFile] = {}
        self.gateways: set[Ref] = set()
        self.routes: set[Ref] = set()
        self.stacks: set[Ref] = set()
        self.numbered: set[Ref] = set()
        self._kinds: Counter[str] = Counter()
        """How many of each kind are good."""
        self.touched: set[Ref] = set()
        """Those that may be others than when somebody last asked, and emptied this."""
        self._doubled: set[Ref] = set()

    def add(self, name: str, file: SpecFile) -> None:
        for placed in file.placed:
            ref = placed.ref
            places = (*self.written.get(ref, ()), placed)
            self._settle(ref, tuple(sorted(places, key=lambda one: one.origin)))
        if any(True for _ in file.outside):
            self.leaning.add(name)
        if file.problems:
            self.faulty[name] = file

    def remove(self, name: str, file: SpecFile) -> None:
        for placed in file.placed:
            places = self.written.get(placed.ref, ())
            left = [one for one in places if str(one.origin.path) != name]
            self._settle(placed.ref, tuple(left))
        self.leaning.discard(name)
        self.faulty.pop(name, None)

    def copy(self) -> Shelf:
        """One of its own with the same on it."""
        twin = Shelf()
        for name, held in vars(self).items():
            setattr(twin, name, held.copy())
        return twin

    def problems(self) -> Iterator[Problem]:
        return (problem for file in self.faulty.values() for problem in file.problems)

    def broken(self) -> Iterator[str]:
        """Files whose own text is wrong."""
        return (name for name, file in self.faulty.items() if file.is_broken)

    def unsettled(self) -> set[Ref]:
        """Refs that are written, though nobody can say now what they are."""
        kept = (file.kept for file in self.faulty.values())
        return self.unusable.union(self._doubled, *kept)

    def odd(self, frozen: AbstractSet[Ref]) -> set[Ref]:
        """What is not as a sound file says: it is as it was, and may be another the next time."""
        return {*frozen, *(ref for file in self.faulty.values() for ref in file.kept)}

    def kinds(self, frozen: AbstractSet[Ref]) -> set[str]:
        """The kinds of which anything is there."""
        good = (kind for kind, count in self._kinds.items() if count)
        return {*good, *(ref.kind for ref in self.odd(frozen))}

    def doubles(self) -> Iterator[Hold]:
        """Names that are written twice."""
        for ref in self._doubled:
            first, *_, last = self.written[ref]
            message = f"{ref} is already defined in {first.origin}"
            yield Hold((last.ref,), message, "rename or remove one of them", ref.name)

    def links(self, kinds: Kinds) -> Links:
        """All that is known of who is who."""
        return Links(
            kinds,
            self.good,
            self.needs,
            self.targets,
            frozenset(self.unsettled()),
            not any(self.broken()),
            self.gateways,
            self.routes,
            self.stacks,
            self.numbered,
        )

    def _settle(self, ref: Ref, places: tuple[Placed, ...]) -> None:
        self.touched.add(ref)
        if ref in self.good:
            self._kinds[ref.kind] -= 1
        for group in (self.written, self.good, self.needs, self.targets):
            group.pop(ref, None)
        for marked in (self.unusable, self._doubled, *self._marked()):
            marked.discard(ref)
        if places:
            self._put(ref, places)

    def _put(self, ref: Ref, places: tuple[Placed, ...]) -> None:
        self.written[ref] = places
        placed = places[0]
        if len(places) > 1:
            self._doubled.add(ref)
        elif placed.resource is None:
            self.unusable.add(ref)
        else:
            self.good[ref] = placed.resource
            self._kinds[ref.kind] += 1
            self._mark(ref)
            if placed.needs:
                self.needs[ref] = placed.needs
            if placed.targets:
                self.targets[ref] = placed.targets

    def _marked(self) -> tuple[set[Ref], ...]:
        return self.gateways, self.routes, self.stacks, self.numbered

    def _mark(self, ref: Ref) -> None:
        if ref.kind == GATEWAY:
            self.gateways.add(ref)
        elif ref.kind == ROUTE:
            self.routes.add(ref)
        elif ref.kind == STACK:
            self.stacks.add(ref)
        elif is_numbered(ref):
            self.numbered.add(ref)
