"""What may be ordered of a SyncTarget to be done once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ...core.model import Json, Resource
from ...core.ordered import Arguments, Obeys, takes_nothing
from .actions import Accept, Backup, Pull, Push, RestoreAt, SyncTargetAction, Verify

SHARE: Final = 0.05
"""What a drill by hand looks at where no spec says how much."""
LONGEST: Final = 4096
MOST: Final = 1000


def _simply(action: Callable[[str], SyncTargetAction]) -> Obeys:
    """Only the target's name is to be known."""

    def actions(resource: Resource[Any], arguments: Arguments) -> tuple[SyncTargetAction, ...]:
        takes_nothing(arguments)
        return (action(resource.ref.name),)

    return Obeys(actions)


def _verify(resource: Resource[Any], arguments: Arguments) -> tuple[SyncTargetAction, ...]:
    _knows(arguments, {"all"})
    everything = arguments.get("all", False)
    if everything not in {True, False}:
        raise ValueError("all must be true or false")
    plan = resource.spec.verify
    usual = plan.share if plan is not None else SHARE
    return (Verify(resource.ref.name, 1.0 if everything else usual, by_hand=True),)


def _restore(resource: Resource[Any], arguments: Arguments) -> tuple[SyncTargetAction, ...]:
    _knows(arguments, {"at", "to", "paths"})
    paths = arguments.get("paths") or []
    if not isinstance(paths, list) or len(paths) > MOST:
        raise ValueError(f"paths must be a list of at most {MOST}")
    at, to = (_text(arguments.get(name) or "", name) for name in ("at", "to"))
    if to and not to.startswith("/"):
        raise ValueError("to must be an absolute path")
    return (RestoreAt(resource.ref.name, at, to, tuple(sorted({*map(_path, paths)}))),)


def _knows(arguments: Arguments, names: set[str]) -> None:
    if strange := sorted(arguments.keys() - names):
        raise ValueError(f"it takes no {', '.join(strange)}; it takes {', '.join(sorted(names))}")


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > LONGEST:
        raise ValueError(f"{name} must be a text")
    if value.startswith("-"):
        raise ValueError(f"{name} must not start with a dash")
    return value


def _path(value: Json) -> str:
    path = _text(value, "a path").removesuffix("/")
    if path.startswith("/") or any(part in {"", ".", ".."} for part in path.split("/")):
        raise ValueError(
            f"{value}: a path is relative to the target, without empty parts, . and .."
        )
    return path


OBEYS: Final[Mapping[str, Obeys]] = {
    "backup": _simply(Backup),
    "push": _simply(Push),
    "pull": _simply(Pull),
    "restore": Obeys(_restore, unsettled=True),
    "verify": Obeys(_verify, unsettled=True),
    "accept": _simply(Accept)._replace(unsettled=True),
}
"""What may be ordered to be done once."""
