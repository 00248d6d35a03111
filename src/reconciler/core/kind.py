"""What a kind must supply, and what a driver must do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias

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
    Resource,
    SpecT,
    StateT,
    Verb,
)
from .request import Request


class Driver(Protocol[StateT, ActionT_contra]):
    """The one door to the world."""

    async def observe(self) -> Mapping[str, Observed[StateT]]:
        """Everything of this kind, ours or not. Raises ReconcileError when it cannot be seen."""
        ...

    async def apply(self, action: ActionT_contra) -> None:
        """Do one idempotent thing, soon; never wait for health. Calls may run side by side."""
        ...


def _alone(resource: Resource[Any]) -> tuple[Resource[Any], ...]:
    return (resource,)


def _nothing_due(resource: Resource[Any], seen: Observed[Any], now: float) -> Due:
    return Due()


def _unpaused(resource: Resource[Any]) -> Resource[Any]:
    return resource


def _calls_for_nothing(seen: Observed[Any]) -> Request | None:
    return None


def _disturbs_nobody(change: Change[Any]) -> bool:
    return False


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
    instances: Callable[[Resource[SpecT]], tuple[Resource[SpecT], ...]] = _alone
    """What one document stands for: ``Process/web`` -> ``Process/web-0``, ``Process/web-1``."""
    due: Callable[[Resource[SpecT], Observed[StateT], float], Due] = _nothing_due
    """Work that time brings (backups, cron runs). ``now`` is Unix time in seconds."""
    paused: Callable[[Resource[SpecT]], Resource[SpecT]] = _unpaused
    """The same resource, asked to rest while something it needs is being put in place."""
    resumed: Callable[[Resource[SpecT]], Resource[SpecT]] = _unpaused
    """The same resource, asked to run though it is written not to."""
    calls_for: Callable[[Observed[StateT]], Request | None] = _calls_for_nothing
    """What the state of the thing itself asks for (a restart, when its liveness probe fails)."""
    disturbs: Callable[[Change[StateT]], bool] = _disturbs_nobody
    """Whether a change must not happen under live dependents (a restore under its writers)."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Field as written -> the variable that gives its default where the stack runs."""
    plural: str = ""
    short: str = ""

    def defaults_in(self, environ: Mapping[str, str]) -> dict[str, Json]:
        """The fields that need not be written in this environment."""
        return {name: environ[key] for name, key in self.defaults.items() if environ.get(key)}

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
