"""What the views of backups hold, for the API's description."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .models import HealthView, View


class TroubleView(View):
    """What is in the way."""

    reason: str
    message: str


class ProgressView(View):
    """How far something is that takes a while; a total is 0 where nobody knows it."""

    stage: str
    done: int
    total: int
    unit: str
    bytes: int
    bytes_total: int = Field(alias="bytes_total")


class EndView(View):
    """What came of an order."""

    ok: bool
    at: str | None
    reason: str
    message: str
    did: dict[str, Any]
    """What it did; which words there are hangs on the verb."""


class ConflictView(View):
    """What was changed here and on the remote."""

    branch: str
    """Where ours is: the remote keeps its own version."""
    commit: str
    paths: list[str]
    kept: dict[str, list[Any]]
    """By path, what of ours is kept there."""


class ThresholdView(View):
    """From which size on files go to a store."""

    threshold: int
    store: str


class OrderView(View):
    """Something to be done once, and what came of it."""

    id: str
    ref: str
    verb: str
    arguments: dict[str, Any]
    author: str
    reason: str
    at: str | None
    until: str | None
    """When it is given up, if it could not be begun by then."""
    state: str
    """``pending``, ``running``, ``done`` or ``failed``."""
    waits: TroubleView | None
    """What keeps it from being begun."""
    progress: ProgressView | None
    """While it runs."""
    outcome: EndView | None
    """Once it has ended."""


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
    conflict: ConflictView | None
    excludes: list[str]
    origin: str | None
    suspend: bool
    files: int | None
    bytes: int | None
    skipped: list[dict[str, str]]
    """What the backup should have and has not."""
    error: TroubleView | None
    """What went wrong, the last time."""
    large_files: ThresholdView | None
    """Null: none go to a store."""
    lease: str | None
    """Whether this stack may write there."""
    lease_holder: str | None
    lease_host: str | None
    progress: ProgressView | None
    """While something is done with it."""


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
