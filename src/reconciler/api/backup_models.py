"""What the views of backups hold, for the API's description."""

from __future__ import annotations

from typing import Any

from .models import HealthView, View


class OrderView(View):
    """Something to be done once, and what came of it."""

    id: str
    ref: str
    verb: str
    arguments: dict[str, Any]
    author: str
    reason: str
    at: str | None
    state: str
    """``pending``, ``running``, ``done`` or ``failed``."""
    waits: dict[str, Any] | None
    """What keeps it from being begun: {reason, message}."""
    progress: dict[str, Any] | None
    """While it runs: {stage, done, total, unit}; total 0 where nobody knows."""
    outcome: dict[str, Any] | None
    """Once it has ended: {ok, at, reason, message, did}."""


class TargetView(View):
    """How one sync target is."""

    name: str
    ref: str
    path: str
    repository: str
    url: str | None
    restored: bool
    health: HealthView
    backed: str | None
    """When all that lay there was on the remote, the last time."""
    pushed: str | None
    """When something was pushed, the last time."""
    verified: str | None
    """When a restore was tried and proven, the last time."""
    unpushed: int
    """Versions that were taken here and are not on the remote."""
    remote_ahead: bool
    conflict: dict[str, Any] | None
    lease: str | None


class VersionView(View):
    """One version of a target."""

    commit: str
    short: str
    time: str
    host: str
    author: str
    message: str
    pushed: bool
    files: int | None
    """How many paths it changed; null where what was before it is not known here."""


class FileView(View):
    """One file of a version."""

    path: str
    size: int
    large: dict[str, str] | None
    """{sha256, asset} of one that git has but a pointer to."""


class FilesView(View):
    """What a version holds."""

    commit: str | None
    files: list[FileView]
    total: int
