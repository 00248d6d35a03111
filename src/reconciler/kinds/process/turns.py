"""How one instance of a Process replaces another without a pause."""

from __future__ import annotations

from ...core.model import Observed, Resource
from ...core.turns import Policy
from .spec import ProcessSpec
from .state import Program


def turns(resource: Resource[ProcessSpec]) -> Policy | None:
    """How the new one takes over; None where the old one is simply started anew."""
    rollout = resource.spec.rollout
    if rollout.strategy != "blueGreen":
        return None
    return Policy(rollout.min_healthy_time, rollout.progress_deadline, rollout.drain_timeout)


def keeps(resource: Resource[ProcessSpec], seen: Observed[Program]) -> Program:
    """The one that is there, as it is, running or not; it may be asked to begin anew."""
    now = {"started": resource.spec.enabled, "epoch": max(resource.epoch, seen.state.epoch)}
    return seen.state.model_copy(update=now)


def keeps_stock(resource: Resource[ProcessSpec], seen: Observed[Program]) -> Program:
    """The same without our keeper: its record would have to be written anew, secrets and all."""
    return seen.state.model_copy(update={"started": resource.spec.enabled})


def addresses(seen: Observed[Program]) -> frozenset[str]:
    """Where it takes requests."""
    return frozenset(f"127.0.0.1:{port}" for port in seen.state.ports.values())
