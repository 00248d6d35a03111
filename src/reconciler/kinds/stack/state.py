"""What a Stack looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

from ...core.model import Resource, State
from ...core.sealed import Sealed
from .notification import Notification
from .spec import StackSpec


class StackState(State):
    """The settings in force."""

    revert: bool = False
    deadline: float = 0.0
    settle: float = 0.0
    commits: bool = False
    """Whether what is taken back is undone on the branch too."""
    source: str = ""
    """Where the specs come from, and what of it."""
    interval: float = 0.0
    signed: bool = False
    credentials: tuple[Sealed, ...] = ()
    windows: tuple[str, ...] = ()
    notifications: tuple[str, ...] = ()
    told: tuple[Sealed, ...] = ()
    """Where to, and what is signed with."""


def render(resource: Resource[StackSpec]) -> StackState:
    revert, source = resource.spec.auto_revert, resource.spec.source
    state = StackState(
        revert=revert.enabled,
        deadline=revert.deadline,
        settle=revert.min_healthy_time,
        commits=revert.commit,
        windows=tuple(one.model_dump_json(exclude_none=True) for one in resource.spec.windows),
        notifications=tuple(map(_written, resource.spec.notifications)),
        told=tuple(found for one in resource.spec.notifications for found in _secrets(one)),
    )
    if source is None:
        return state
    auth = (source.auth.password,) if source.auth else ()
    hook = (source.webhook.secret,) if source.webhook else ()
    return state.model_copy(
        update={
            "source": f"{source.url} {source.ref} {source.path}",
            "interval": source.interval,
            "signed": source.verify is not None,
            "credentials": (*auth, *hook),
        }
    )


def _written(one: Notification) -> str:
    """All that may be shown."""
    hidden = {"secret"} if isinstance(one.url, str) else {"secret", "url"}
    return one.model_dump_json(exclude=hidden)


def _secrets(one: Notification) -> tuple[Sealed, ...]:
    return tuple(found for found in (one.url, one.secret) if isinstance(found, Sealed))
