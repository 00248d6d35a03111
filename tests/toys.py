"""A small world in memory: two kinds, worlds that die and go dark, for tests of core and engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from reconciler.core.ordered import Arguments, Obeys, takes_nothing
from reconciler.core.plan import expand
from reconciler.core.request import Asked, Request, Watch
from reconciler.core.turns import Policy


class AppSpec(Spec):
    """A toy program."""

    word: str = "a"
    copies: int = 1
    enabled: bool = True
    priority: int = 0
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    timeout: float | None = None
    anyway: bool = False
    port: int | None = 0
    turns: bool = False


class AppState(State):
    """A toy program in the world."""

    word: Annotated[str, Apply.RESTART]
    started: bool
    epoch: Annotated[int, Apply.RESTART] = 0
    port: int = 0
    after: tuple[str, ...] = ()


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


class Nudge(NamedTuple):
    """Have it read its files again."""

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
    name, turns = resource.ref.name, resource.spec.turns
    places = [
        (n, side) for n in range(resource.spec.copies) for side in (("", "b") if turns else ("",))
    ]
    return tuple(
        Resource(
            Ref("App", f"{name}-{n}{side}"),
            resource.spec,
            resource.origin,
            resource.digest,
            instance_of=resource.ref,
            index=n,
            suspend=resource.suspend,
            drift=resource.drift,
            annotations=resource.annotations,
            beside=Ref("App", f"{name}-{n}{'' if side else 'b'}") if turns else None,
        )
        for n, side in places
    )


def _app_needs(resource: Resource[AppSpec]) -> tuple[Need, ...]:
    spec = resource.spec
    apps = (Need(Ref("App", n), "started", spec.timeout, spec.anyway) for n in spec.needs)
    follows = (Need(Ref("App", n), "started", follow=True) for n in spec.follows)
    data = (Need(Ref("Data", n), "restored", spec.timeout, spec.anyway) for n in spec.restored)
    return (*apps, *follows, *data)


def _app_state(resource: Resource[AppSpec]) -> AppState:
    spec = resource.spec
    assert spec.port is not None, "ports are numbers before anything is rendered"
    return AppState(
        word=spec.word,
        started=spec.enabled,
        epoch=resource.epoch,
        port=spec.port,
        after=spec.needs,
    )


def _app_health(seen: Observed[AppState]) -> Health:
    if seen.vitals.get("stuck"):
        return Health(HealthCode.DEGRADED, "GaveUp", "it failed too often", stuck=True)
    return Health(HealthCode.HEALTHY if seen.state.started else HealthCode.DEGRADED, "Toy", "")


def _calls_for(seen: Observed[AppState]) -> Request | None:
    dead = seen.vitals.get("dead")
    return Request(Asked.RESTART, "liveness", "it is dead", "reconciler") if dead else None


def _switched(on: bool) -> Callable[[Resource[AppSpec]], Resource[AppSpec]]:
    return lambda one: replace(one, spec=one.spec.model_copy(update={"enabled": on}))


def _watches(resource: Resource[AppSpec], everything: bool) -> Watch | None:
    return Watch((resource.annotations["folder"],), ("*.txt",), 0.05) if everything else None


def _brings_back(change: Change[DataState]) -> bool:
    return change.after is not None and (change.before is None or not change.before.restored)


POLICY = Policy(min_healthy=10.0, deadline=100.0, drain=30.0)
"""How one toy program takes the place of another."""


def _goes_on(resource: Resource[AppSpec], seen: Observed[AppState]) -> AppState:
    now = {"started": resource.spec.enabled, "epoch": max(resource.epoch, seen.state.epoch)}
    return seen.state.model_copy(update=now)


APP = Kind(
    name="App",
    Spec=AppSpec,
    State=AppState,
    wave=10,
    render=_app_state,
    steps=steps,
    health=_app_health,
    needs=_app_needs,
    instances=_instances,
    paused=_switched(on=False),
    resumed=_switched(on=True),
    calls_for=_calls_for,
    reloads=lambda r: Nudge(r.ref.name) if r.spec.word != "deaf" else None,
    ports=lambda r: {"main": r.spec.port} if r.spec.port != 0 else {},
    with_ports=lambda r, numbers: replace(
        r, spec=r.spec.model_copy(update={"port": numbers["main"]})
    ),
    watches=_watches,
    turns=lambda r: POLICY if r.spec.turns else None,
    keeps=_goes_on,
    addresses=lambda seen: frozenset({str(seen.state.port)}) if seen.state.port else frozenset(),
)


def _save_once(resource: Resource[DataSpec], arguments: Arguments) -> tuple[Any, ...]:
    takes_nothing(arguments)
    return (Save(resource.ref.name),)


def _saving(resource: Resource[DataSpec], seen: Observed[DataState], now: float) -> Due:
    left = seen.vitals.get("saved", 0) + resource.spec.every - now
    if not resource.spec.every:
        return Due()
    return Due(after=left) if left > 0 else Due((Save(resource.ref.name),))


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
    due=_saving,
    obeys={"save": Obeys(_save_once), "mend": Obeys(_save_once, unsettled=True)},
    disturbs=_brings_back,
)

TOYS = {kind.name: kind for kind in (APP, DATA)}


class Died(BaseException):
    """The operator was killed here."""


@dataclass
class ToyDriver:
    """A world in memory. It dies after ``fuse`` actions, may be dark, and may refuse names.

    With ``lives`` it tells when each thing was born and how often it began anew.
    """

    things: dict[str, Observed[Any]] = field(default_factory=dict)
    fuse: int | None = None
    dark: bool = False
    refuses: dict[str, ReconcileError] = field(default_factory=dict)
    done: list[Any] = field(default_factory=list)
    lives: bool = False
    _births: int = 0

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
                vitals = before.vitals if before is not None and self.lives else {}
                self.things[name] = Observed(
                    type(state)(**half.model_dump()), owned=True, vitals=vitals
                )
            case Live(name, state):
                vitals = self._life(self.things.get(name), state) if self.lives else {}
                self.things[name] = Observed(state, owned=True, vitals=vitals)
            case Nudge(name):
                return
            case Drop(name):
                self.things.pop(name, None)
            case Save(name):
                seen = self.things[name]
                self.things[name] = Observed(seen.state, owned=True, vitals={"saved": 1e9})

    def _life(self, before: Observed[Any] | None, state: Any) -> dict[str, Any]:
        """A new one, unless what runs goes on as it was."""
        old: dict[str, Any] = dict(before.vitals) if before is not None else {}
        if not getattr(state, "started", True):
            return old | {"born": 0}
        same = ("word", "port", "epoch", "path")
        goes_on = before is not None and getattr(before.state, "started", True)
        if goes_on and all(getattr(before.state, n, 0) == getattr(state, n, 0) for n in same):
            return old
        self._births += 1
        restarts = old.get("restarts", -1) + 1
        return {"born": self._births, "restarts": restarts}


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


def running(
    word: str = "a",
    *,
    started: bool = True,
    owned: bool = True,
    vitals: Mapping[str, Any] | None = None,
    **state: Any,
) -> Observed[AppState]:
    """A toy program as it is seen."""
    return Observed(AppState(word=word, started=started, **state), owned=owned, vitals=vitals or {})


def lying(path: str = "x", *, restored: bool = True, owned: bool = True) -> Observed[DataState]:
    """A toy folder as it is seen."""
    vitals = {"meets": ["restored"] if restored else []}
    return Observed(DataState(path=path, restored=restored), owned=owned, vitals=vitals)
