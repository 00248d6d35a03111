"""Which stack a command means, and who speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..settings import Settings, read_settings
from .client import Operator
from .outcome import Failure


def find_settings(
    specs: Path | None = None,
    state_dir: Path | None = None,
    *,
    worktree: bool = False,
    listen: str | None = None,
) -> Settings:
    """The stack that flags and environment name; `./specs` when they name none."""
    try:
        return read_settings(specs, state_dir, worktree=worktree, listen=listen)
    except ValueError as error:
        raise Failure(str(error)) from error


def find_operator(settings: Settings, *, deadline: float = 10.0) -> Operator:
    """The client of the stack's operator; nothing is opened yet."""
    return Operator(settings.operator_socket, deadline=deadline)


def resources_of(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All resources of a status, those of the stack itself last."""
    return sorted(
        status.get("resources", ()),
        key=lambda one: (bool(one.get("system")), one["kind"], one["name"]),
    )
