"""What a Stack looks like in the world. Desired and observed share this shape."""

from __future__ import annotations

from ...core.model import Resource, State
from ...core.sealed import Sealed
from .spec import StackSpec


class StackState(State):
    """The settings in force."""

    revert: bool = False
    deadline: float = 0.0
    settle: float = 0.0
    source: str = ""
    """Where the specs come from, and what of it."""
    interval: float = 0.0
    signed: bool = False
    credentials: tuple[Sealed, ...] = ()
    windows: tuple[str, ...] = ()


def render(resource: Resource[StackSpec]) -> StackState:
    revert, source = resource.spec.auto_revert, resource.spec.source
    state = StackState(
        revert=revert.enabled,
        deadline=revert.deadline,
        settle=revert.min_healthy_time,
        windows=tuple(one.model_dump_json(exclude_none=True) for one in resource.spec.windows),
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
