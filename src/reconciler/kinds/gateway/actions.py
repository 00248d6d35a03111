"""What is done to make a gateway so."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ...core.model import Apply, Change
from .state import Listener, Settings


class Configure(NamedTuple):
    """Write its files, once nginx accepts them; a running gateway takes them over."""

    name: str
    listen: int
    bind: str
    settings: Settings = Settings()


class Start(NamedTuple):
    """Have it run."""

    listen: int
    bind: str


class SetDefault(NamedTuple):
    """Send what no route takes to this backend, from the next request on."""

    backend: str | None


class KeepTable(NamedTuple):
    """Write the served table to disk again, for the next start."""


class PutPool(NamedTuple):
    """Send the requests for this pool to these endpoints: each a name and an address."""

    name: str
    endpoints: tuple[tuple[str, str], ...]


class DropPools(NamedTuple):
    """Forget pools that no route points to any more."""

    names: tuple[str, ...]


class Retire(NamedTuple):
    """Stop it and remove its files."""

    name: str


GatewayAction: TypeAlias = Configure | Start | SetDefault | KeepTable | PutPool | DropPools | Retire


def steps(change: Change[Listener]) -> tuple[GatewayAction, ...]:
    """Only what differs: a new default backend touches no process."""
    before, after = change.before, change.after
    if after is None:
        return (Retire(change.ref.name),)
    actions: list[GatewayAction] = []
    if before is None or any(field.apply is Apply.RELOAD for field in change.fields):
        actions.append(Configure(change.ref.name, after.listen, after.bind, after.settings))
    if before is None or not before.started:
        actions.append(Start(after.listen, after.bind))
    if (before.default_backend if before else None) != after.default_backend:
        actions.append(SetDefault(after.default_backend))
    return tuple(actions)
