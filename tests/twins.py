"""Toy programs that replace each other without a pause, a door before them, and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.core.errors import ReconcileError, Transient
from reconciler.core.kind import Kind
from reconciler.core.model import Health, HealthCode, Observed, Ref, Resource, Unknown
from reconciler.core.offer import Offer, Presence, Target
from reconciler.core.request import Asked
from reconciler.core.turns import Traffic
from reconciler.engine.allocate import Ports
from reconciler.engine.asking import Ask, ask, release
from reconciler.engine.journal import Journal
from reconciler.engine.ledger import Ledger
from reconciler.engine.look import Stack
from reconciler.engine.loop import Lane
from reconciler.engine.records import Records
from reconciler.metrics import Metrics
from reconciler.specs.load import Snapshot
from reconciler.testing.clock import FakeClock
from tests.toys import APP, POLICY, AppSpec, AppState, Died, Drop, Live, Put, app

SLOW = 3.0
"""Seconds from the start of a program until it is ready."""
WEB, TWIN, DOOR = Ref("App", "web-0"), Ref("App", "web-0b"), Ref("Door", "door")


class Use(NamedTuple):
    """Send new requests to these ports, and no others."""

    name: str
    ports: tuple[int, ...]


def _offers(resource: Resource[AppSpec], seen: Observed[AppState] | Unknown | None) -> Offer:
    if not isinstance(seen, Observed):
        known = {"main": resource.spec.port or 0}
        return Offer(resource.ref.name, Presence.UNKNOWN if seen else Presence.COMING, known)
    ports = {"main": seen.state.port}
    if not seen.state.started:
        return Offer(resource.ref.name, Presence.COMING, ports)
    words = {"success": Presence.READY, "unknown": Presence.UNKNOWN}
    return Offer(resource.ref.name, words.get(seen.vitals["readiness"], Presence.COMING), ports)


def _follow(
    resource: Resource[AppSpec], seen: Observed[AppState], offers: Sequence[Offer]
) -> tuple[Use, ...]:
    used = seen.vitals["targets"]
    kept = {p for o in offers if o.presence is Presence.UNKNOWN for p in o.ports.values()} & used
    ready = {p for o in offers if o.presence is Presence.READY for p in o.ports.values()}
    return (Use(resource.ref.name, tuple(sorted(kept | ready))),) if kept | ready != used else ()


def _health(seen: Observed[AppState]) -> Health:
    if seen.vitals.get("stuck"):
        return Health(HealthCode.DEGRADED, "GaveUp", "exited with code 3", stuck=True)
    ready = seen.vitals.get("readiness") == "success"
    return Health(HealthCode.HEALTHY if ready else HealthCode.PROGRESSING, "Toy", "not up yet")


def _traffic(seen: Observed[AppState]) -> Traffic:
    targets = frozenset(map(str, seen.vitals["targets"]))
    return Traffic(targets, {str(port): n for port, n in seen.vitals["open"].items()})


APPS = replace(APP, offers=_offers, health=_health)
DOORS: Kind[AppSpec, AppState, Any] = replace(
    APP,
    name="Door",
    wave=20,
    needs=lambda _: (),
    instances=lambda r: (r,),
    points_at=lambda _: (Target(Ref("App", "web"), "main"),),
    bound=_follow,
    traffic=_traffic,
    health=lambda _: Health(HealthCode.HEALTHY, "Toy", ""),
)
KINDS = {"App": APPS, "Door": DOORS}


@dataclass
class Program:
    """One that runs, or is only written down."""

    state: AppState
    born: float


@dataclass
class Scene:
    """The world: it outlives every operator. ``wrongs`` is what must never have happened."""

    clock: FakeClock = field(default_factory=FakeClock)
    programs: dict[str, Program] = field(default_factory=dict)
    targets: frozenset[int] = frozenset()
    open: Counter[int] = field(default_factory=Counter)
    withdrawn: dict[int, float] = field(default_factory=dict)
    blind_until: float = 0.0
    dark_until: float = 0.0
    enabled: bool = True
    stopped: bool = False
    fuse: int | None = None
    done: list[Any] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    def is_ready(self, name: str) -> bool:
        one = self.programs.get(name)
        if one is None or not one.state.started or one.state.word in {"bad", "stuck"}:
            return False
        return self.clock.time - one.born >= SLOW

    def happen(self, what: str, value: int) -> None:
        """What clients and programs do by themselves."""
        names, ports = sorted(self.programs), sorted(+self.open)
        targets = sorted(self.targets)
        if what == "open" and targets:
            self.open[targets[value % len(targets)]] += 1
        elif what == "finish" and ports:
            self.open[ports[value % len(ports)]] -= 1
        elif what == "dark":
            self.dark_until = self.clock.time + value
        elif what == "crash" and names:
            self.programs[names[value % len(names)]].born = self.clock.time
        elif what == "reboot":
            for one in self.programs.values():
                one.state = one.state.model_copy(update={"started": False})
            self.open.clear()

    def is_served(self) -> bool:
        """Whether requests go to what runs, and somewhere if anything is ready."""
        ready = any(map(self.is_ready, self.programs))
        alive = {one.state.port for one in self.programs.values() if one.state.started}
        blind = self.clock.time <= max(self.blind_until, self.dark_until) + SLOW
        return blind or (self.targets <= alive and bool(self.targets) >= ready)

    def end(self, name: str) -> None:
        """A life of ``name`` ends by the operator's doing."""
        if not self.is_ready(name) or not self.enabled or self.stopped:
            return
        port, twin = self.programs[name].state.port, name.removesuffix("b")
        twin = f"{twin}b" if twin == name else twin
        if not self.is_ready(twin):
            self.wrongs.append(f"{name} was ended, and {twin} is not ready")
        if port in self.targets:
            self.wrongs.append(f"{name} was ended while requests are sent to it")
        waited = self.clock.time - self.withdrawn.get(port, self.clock.time)
        if self.open[port] and waited < POLICY.drain:
            self.wrongs.append(f"{name} was ended with open requests after {waited} s")

    def burn(self) -> None:
        if self.fuse is not None:
            if self.fuse == 0:
                raise Died
            self.fuse -= 1


@dataclass
class Programs:
    """The driver of the programs."""

    scene: Scene

    async def observe(self) -> Mapping[str, Observed[Any]]:
        if self.scene.clock.time < self.scene.dark_until:
            raise Transient("nobody answers", reason="Unreachable")
        return {name: self._see(name, one) for name, one in self.scene.programs.items()}

    def _see(self, name: str, one: Program) -> Observed[Any]:
        scene, blind = self.scene, self.scene.clock.time < self.scene.blind_until
        ready = scene.is_ready(name)
        verdict = "unknown" if blind else "success" if ready else "awaited"
        vitals: dict[str, Any] = {"readiness": verdict, "born": one.born, "meets": ["started"]}
        if ready and not blind:
            since = max(one.born + SLOW, scene.blind_until)
            vitals |= {"meets": ["started", "ready"], "readySince": since}
        age = scene.clock.time - one.born
        if one.state.started and one.state.word == "stuck" and age > SLOW:
            vitals["stuck"] = True
        return Observed(one.state, owned=True, vitals=vitals)

    async def apply(self, action: Any) -> None:
        self.scene.burn()
        self.scene.done.append(action)
        name, programs = action.name, self.scene.programs
        match action:
            case Put(_, state) if name not in programs:
                written = AppState(**{**state.model_dump(), "started": False})
                programs[name] = Program(written, 0.0)
            case Live(_, AppState() as state):
                before = programs[name]
                if not before.state.started or before.state != state:
                    self.scene.end(name)
                    programs[name] = Program(state, self.scene.clock.time)
            case Drop():
                self.scene.end(name)
                programs.pop(name, None)


@dataclass
class Doors:
    """The driver of the door."""

    scene: Scene

    async def observe(self) -> Mapping[str, Observed[Any]]:
        state = AppState(word="a", started=True)
        vitals = {"targets": self.scene.targets, "open": dict(self.scene.open)}
        return {"door": Observed(state, owned=True, vitals=vitals)}

    async def apply(self, action: Any) -> None:
        scene = self.scene
        scene.burn()
        scene.done.append(action)
        if isinstance(action, Use):
            for port in scene.targets - set(action.ports):
                scene.withdrawn[port] = scene.clock.time
            scene.targets = frozenset(action.ports)


class Operator:
    """One operator's life over a scene; its records and journal outlive it."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self.scene = scene
        self.journal, self.records = Journal(folder / "journal.db"), Records(folder / "records.db")
        self.ledger = Ledger(KINDS, self.journal, ports=Ports(KINDS, self.records))
        drivers: dict[str, Any] = {"App": Programs(scene), "Door": Doors(scene)}
        metrics = Metrics(kinds=KINDS, lanes=["toys"])
        self.stack = Stack(KINDS, drivers, self.ledger, self.records, scene.clock, metrics)
        self.lane = Lane("toys", frozenset(KINDS), self.stack)

    def write(self, word: str, *, enabled: bool = True) -> None:
        """Make this the spec."""
        self.scene.enabled = enabled
        web = app("web", word=word, enabled=enabled, turns=True, port=None)
        door = replace(app("door"), ref=DOOR)
        self.ledger.take_snapshot(Snapshot(word, {web.ref: web, door.ref: door}))

    def ask(self, verb: Asked) -> None:
        """Somebody asks for it by hand, where it is possible."""
        there = [ref for ref in (WEB, TWIN) if ref.name in self.scene.programs]
        with suppress(ReconcileError):
            ask(self.stack, [(there or [WEB])[0]], Ask(verb))
        lasting = any(one.verb is Asked.STOP for one in self.stack.requests.asked.get(WEB, ()))
        self.scene.stopped = lasting

    def free(self) -> None:
        """Take back what is asked."""
        release(self.stack, WEB, author="me")
        self.scene.stopped = False

    async def run(self, seconds: float, *, every: float = 1.0) -> None:
        """Let time go on, looking at the world again and again."""
        end = self.scene.clock.time + seconds
        while self.scene.clock.time < end:
            await self.lane.pass_once()
            self.scene.clock.time += every

    def close(self) -> None:
        self.journal.close()
        self.records.close()
