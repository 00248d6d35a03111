"""A small world in memory: two kinds, worlds that die and go dark, for tests of core and engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Annotated, Any, NamedTuple

from reconciler.core.errors import ReconcileError, Transient
from reconciler.core.kind import Kind
from reconciler.core.model import (
    Apply,
    Change,
    Due,
    Health,
    HealthCode,
    Need,
    Observed,
    Origin,
    Ref,
    Resource,
    Spec,
    State,
)
from reconciler.core.plan import expand


class AppSpec(Spec):
    """A toy program."""

    word: str = "a"
    copies: int = 1
    enabled: bool = True
    priority: int = 0
    needs: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


class AppState(State):
    """A toy program in the world."""

    word: Annotated[str, Apply.RESTART]
    started: bool


class DataSpec(Spec):
    """A toy data folder."""

    path: str = "x"
    every: float = 0.0


class DataState(State):
    """A toy data folder in the world."""

    path: str
    restored: bool = True


class Put(NamedTuple):
    """Write it down: half of the work."""

    name: str
    state: State


class Live(NamedTuple):
    """Bring it to life: the other half."""

    name: str
    state: State


class Drop(NamedTuple):
    """Take it away."""

    name: str


class Save(NamedTuple):
    """Due work."""

    name: str


def steps(change: Change[Any]) -> tuple[Any, ...]:
    """Two steps to make, one to drop."""
    if change.after is None:
        return (Drop(change.ref.name),)
    return (Put(change.ref.name, change.after), Live(change.ref.name, change.after))


def _instances(resource: Resource[AppSpec]) -> tuple[Resource[AppSpec], ...]:
    return tuple(
        Resource(
            Ref("App", f"{resource.ref.name}-{n}"),
            resource.spec,
            resource.origin,
            resource.digest,
            instance_of=resource.ref,
            index=n,
            suspend=resource.suspend,
            drift=resource.drift,
        )
        for n in range(resource.spec.copies)
    )


def _app_needs(resource: Resource[AppSpec]) -> tuple[Need, ...]:
    apps = (Need(Ref("App", name), "started") for name in resource.spec.needs)
    data = (Need(Ref("Data", name), "restored") for name in resource.spec.restored)
    return (*apps, *data)


def _app_health(seen: Observed[AppState]) -> Health:
    return Health(HealthCode.HEALTHY if seen.state.started else HealthCode.DEGRADED, "Toy", "")


def _brings_back(change: Change[DataState]) -> bool:
    return change.after is not None and (change.before is None or not change.before.restored)


APP = Kind(
    name="App",
    Spec=AppSpec,
    State=AppState,
    wave=10,
    render=lambda r: AppState(word=r.spec.word, started=r.spec.enabled),
    steps=steps,
    health=_app_health,
    needs=_app_needs,
    instances=_instances,
    paused=lambda r: replace(r, spec=r.spec.model_copy(update={"enabled": False})),
)

DATA = Kind(
    name="Data",
    Spec=DataSpec,
    State=DataState,
    wave=5,
    render=lambda r: DataState(path=r.spec.path),
    steps=steps,
    health=lambda seen: Health(
        HealthCode.HEALTHY if seen.state.restored else HealthCode.PROGRESSING, "Toy", ""
    ),
    needs=lambda _: (),
    due=lambda r, seen, now: (
        Due((Save(r.ref.name),) if now >= seen.vitals.get("saved", 0) + r.spec.every else ())
        if r.spec.every
        else Due()
    ),
    disturbs=_brings_back,
)

TOYS = {kind.name: kind for kind in (APP, DATA)}


class Died(BaseException):
    """The operator was killed here."""


@dataclass
class ToyDriver:
    """A world in memory. It dies after ``fuse`` actions, may be dark, and may refuse names."""

    things: dict[str, Observed[Any]] = field(default_factory=dict)
    fuse: int | None = None
    dark: bool = False
    refuses: dict[str, ReconcileError] = field(default_factory=dict)
    done: list[Any] = field(default_factory=list)

    async def observe(self) -> Mapping[str, Observed[Any]]:
        if self.dark:
            raise Transient("nobody answers", reason="Unreachable")
        return dict(self.things)

    async def apply(self, action: Any) -> None:
        if self.fuse is not None:
            if self.fuse == 0:
                raise Died
            self.fuse -= 1
        if action.name in self.refuses:
            raise self.refuses[action.name]
        self.done.append(action)
        self._do(action)

    def _do(self, action: Any) -> None:
        match action:
            case Put(name, state):
                before = self.things.get(name)
                # Half made: it is there and ours, and not yet what was wanted.
                half = state.model_copy(update={"started": False, "restored": False})
                half = half if before is None else before.state
                self.things[name] = Observed(
                    type(state)(**half.model_dump()), owned=True, vitals={}
                )
            case Live(name, state):
                self.things[name] = Observed(state, owned=True, vitals={})
            case Drop(name):
                self.things.pop(name, None)
            case Save(name):
                seen = self.things[name]
                self.things[name] = Observed(seen.state, owned=True, vitals={"saved": 1e9})


def app(name: str, **spec: Any) -> Resource[AppSpec]:
    """A written toy program."""
    return _written("App", name, AppSpec(**spec))


def data(name: str, **spec: Any) -> Resource[DataSpec]:
    """A written toy folder."""
    return _written("Data", name, DataSpec(**spec))


def _written(kind: str, name: str, spec: Any) -> Resource[Any]:
    digest = str(hash(spec.model_dump_json()))
    return Resource(Ref(kind, name), spec, Origin(PurePath("specs/toys.yaml"), 1), digest)


def desired(*resources: Resource[Any]) -> dict[Ref, Resource[Any]]:
    """What is written, expanded."""
    return expand(TOYS, resources)


def running(word: str = "a", *, started: bool = True, owned: bool = True) -> Observed[AppState]:
    """A toy program as it is seen."""
    return Observed(AppState(word=word, started=started), owned=owned, vitals={})


def lying(path: str = "x", *, restored: bool = True, owned: bool = True) -> Observed[DataState]:
    """A toy folder as it is seen."""
    vitals = {"meets": ["restored"] if restored else []}
    return Observed(DataState(path=path, restored=restored), owned=owned, vitals=vitals)
