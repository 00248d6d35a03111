"""What a kind must supply, and what a driver must do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, runtime_checkable

from .errors import ReconcileError
from .model import (
    ActionT,
    ActionT_contra,
    Change,
    Due,
    Health,
    HealthCode,
    Json,
    Need,
    Observed,
    Ref,
    Resource,
    SpecT,
    StateT,
    Unknown,
    Verb,
)
from .offer import Offer, Target
from .ordered import Obeys
from .remark import Remark
from .request import Request, Watch
from .status import Told
from .turns import Policy, Traffic
from .usual import (
    alone,
    as_it_is,
    as_written,
    at_any_time,
    calls_for_nothing,
    disturbs_nobody,
    follows_nobody,
    no_ports,
    no_turns,
    nobody_writes,
    nothing_due,
    nothing_left,
    nothing_to_say,
    nowhere,
    offers_nothing,
    points_at_nothing,
    reloads_nothing,
    silent,
    unpaused,
    watches_nothing,
)


class Driver(Protocol[StateT, ActionT_contra]):
    """The one door to the world."""

    async def observe(self) -> Mapping[str, Observed[StateT]]:
        """Everything of this kind, ours or not. Raises ReconcileError when it cannot be seen.

        What was returned never changes any more; what is the same may be the very same object.
        """
        ...

    async def apply(self, action: ActionT_contra) -> Mapping[str, Json] | None:
        """Do one idempotent thing, soon; never wait for health. Calls may run side by side.

        What was done, in facts, where anybody may have ordered it.
        """
        ...


@runtime_checkable
class Hears(Protocol):
    """A driver that knows what its things printed."""

    async def last_lines(self, name: str) -> Sequence[str]:
        """The last output before the last end, at most 50 lines; nothing when there is none."""
        ...


@runtime_checkable
class DoesMany(Protocol):
    """A driver to which the steps of many things are less work together than one by one."""

    async def apply_all(
        self, work: Mapping[str, Sequence[Any]]
    ) -> Mapping[str, ReconcileError | None]:
        """For each name its actions, in order, up to the first that fails; why, or None.

        What is not in the answer was not touched, and is to be done one by one.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[SpecT, StateT, ActionT]):
    """A vertical slice of the product. Every function here is pure."""

    name: str
    Spec: type[SpecT]
    State: type[StateT]
    wave: int
    """Tie-break of the order among refs that do not need each other; lower goes first."""
    render: Callable[[Resource[SpecT]], StateT]
    """The wanted shape."""
    steps: Callable[[Change[StateT]], tuple[ActionT, ...]]
    """Which change calls for which actions."""
    health: Callable[[Observed[StateT]], Health]
    needs: Callable[[Resource[SpecT]], Iterable[Need]]
    """Edges of the graph, in the names the user wrote."""
    tells: Callable[[Observed[StateT]], Iterable[Told]] = silent
    """Conditions of its own, beside those that every kind has."""
    instances: Callable[[Resource[SpecT]], tuple[Resource[SpecT], ...]] = alone
    """What one document stands for: ``Process/web`` -> ``Process/web-0``, ``Process/web-1``."""
    due: Callable[[Resource[SpecT], Observed[StateT], float], Due] = nothing_due
    """Work that time brings (backups, cron runs). ``now`` is Unix time in seconds."""
    obeys: Mapping[str, Obeys] = field(default_factory=dict)
    """What may be ordered to be done once, by its verb."""
    is_timed: Callable[[Resource[SpecT]], bool] = at_any_time
    """Whether ``due`` may ever say anything about it."""
    parting: Callable[[Resource[SpecT], Observed[StateT]], tuple[ActionT, ...]] = nothing_left
    """What to do before the stack goes, soon: its processes have ended by then."""
    paused: Callable[[Resource[SpecT]], Resource[SpecT]] = unpaused
    """The same resource, asked to rest while something it needs is being put in place."""
    resumed: Callable[[Resource[SpecT]], Resource[SpecT]] = unpaused
    """The same resource, asked to run though it is written not to."""
    calls_for: Callable[[Observed[StateT]], Request | None] = calls_for_nothing
    """What the state of the thing itself asks for (a restart, when its liveness probe fails)."""
    reloads: Callable[[Resource[SpecT]], ActionT | None] = reloads_nothing
    """The action that makes it read its files again, where it can (a reload signal)."""
    ports: Callable[[Resource[SpecT]], Mapping[str, int | None]] = no_ports
    """The TCP ports one instance listens on, by name; None: any free one, which the engine picks
    once and remembers."""
    with_ports: Callable[[Resource[SpecT], Mapping[str, int]], Resource[SpecT]] = as_written
    """The same instance with the picked numbers in place; called before ``render``."""
    watches: Callable[[Resource[SpecT], bool], Watch | None] = watches_nothing
    """Files whose change restarts it; True asks for a sensible default where none is written."""
    disturbs: Callable[[Change[StateT]], bool] = disturbs_nobody
    """Whether a change must not happen under live dependents (a restore under its writers)."""
    writers: Callable[[Resource[SpecT]], Iterable[Ref]] = nobody_writes
    """Who rests while such a change is made, and waits for nothing else of it."""
    points_at: Callable[[Resource[SpecT]], Iterable[Target]] = points_at_nothing
    """What it uses wherever that is, without waiting for it: a route and its process."""
    offers: Callable[[Resource[SpecT], Observed[StateT] | Unknown | None], Offer] = offers_nothing
    """What one instance offers to those that point at it."""
    bound: Callable[[Resource[SpecT], Observed[StateT], Sequence[Offer]], tuple[ActionT, ...]] = (
        follows_nobody
    )
    """What is to be done so that it follows what it points at. Facts of the moment, not drift."""
    turns: Callable[[Resource[SpecT]], Policy | None] = no_turns
    """How one of two instances replaces the other without a pause; None where nothing does."""
    keeps: Callable[[Resource[SpecT], Observed[StateT]], StateT] = as_it_is
    """What is there, wanted to go on as it is and to run as far as the resource says so."""
    addresses: Callable[[Observed[StateT]], frozenset[str]] = nowhere
    """Where it takes requests, as whoever passes requests on names it: ``127.0.0.1:8000``."""
    traffic: Callable[[Observed[StateT]], Traffic] | None = None
    """Who passes requests on tells of them; the rest does not pass any on."""
    review: Callable[[Mapping[Ref, Resource[Any]]], Iterable[Remark]] = nothing_to_say
    """Warnings about everything that is written together."""
    prove: Callable[[Mapping[Ref, Resource[Any]]], Iterable[Remark]] = nothing_to_say
    """What the specs themselves say must hold and does not: while there is any, nothing of this
    kind is changed."""
    elsewhere: bool = False
    """Whether it tells of something that others run: a revision that leaves it as it is has no
    part in how that does."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Field as written -> the variable that gives its default where the stack runs."""
    plural: str = ""
    short: str = ""

    def defaults_in(self, environ: Mapping[str, str]) -> dict[str, Json]:
        """The fields that need not be written in this environment."""
        return {name: environ[key] for name, key in self.defaults.items() if environ.get(key)}

    def wanted(self, resource: Resource[SpecT]) -> Any:
        """The wanted shape; of what is kept for now, that."""
        return self.render(resource) if resource.kept is None else resource.kept

    def starts(self, change: Change[StateT]) -> bool:
        """Whether ``change`` brings something to life, and so must wait for what it needs."""
        if change.after is None or not getattr(change.after, "started", True):
            return False
        return change.verb is Verb.CREATE or not getattr(change.before, "started", True)

    def meets(self, seen: Observed[StateT], condition: str) -> bool:
        """Whether what is seen fulfils ``condition`` of a dependent.

        A driver may say so itself by ``vitals["meets"]``, a list of conditions; else healthy does.
        """
        said = seen.vitals.get("meets")
        if said is not None:
            return condition in said
        return self.health(seen).code is HealthCode.HEALTHY


AnyKind: TypeAlias = Kind[Any, Any, Any]
Kinds: TypeAlias = Mapping[str, AnyKind]
Drivers: TypeAlias = Mapping[str, Driver[Any, Any]]
