"""What each kind takes, for editors and type checkers; a test holds it equal to the specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import PurePath
from typing import Any, Literal, TypeAlias, TypedDict

from ..core.model import Spec

Duration: TypeAlias = str | timedelta
Size: TypeAlias = str | int
Text: TypeAlias = str | PurePath
Part: TypeAlias = Mapping[str, Any] | Spec
"""A part of a spec: its model, or a mapping with names in snake_case or as in YAML."""


class Metadata(TypedDict, total=False):
    """What is said about a resource, whatever its kind."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    suspend: bool
    drift: Literal["correct", "warn", "ignore"]


class ProcessFields(Metadata, total=False):
    """A program that is kept running."""

    enabled: bool
    type: Literal["service", "oneshot", "cron"]
    schedule: str
    timezone: str
    run_on_start: bool
    concurrency: Literal["forbid", "allow", "replace"]
    command: str | Sequence[Text]
    shell: str
    script: Text
    interpreter: Text
    args: Sequence[Text]
    working_dir: Text
    env: Mapping[str, str | Part]
    env_file: Sequence[Text | Part]
    inherit_env: Sequence[str]
    user: str | int
    umask: str
    limits: Part
    replicas: int
    ports: Sequence[Part]
    depends_on: Sequence[str | Part]
    priority: int
    restart: Part
    stop: Part
    reload: Part
    probes: Part
    watch: Part
    logs: Part
    rollout: Part


class ProbeFields(Metadata, total=False):
    """A check of something that runs elsewhere."""

    http: Part
    tcp: Part
    exec: str | Sequence[Text]
    env: Mapping[str, str | Part]
    working_dir: Text
    period: Duration
    timeout: Duration
    success_threshold: int
    failure_threshold: int


class RouteFields(Metadata, total=False):
    """Which requests go where."""

    priority: int
    order: int
    match: Part
    proxy: Part
    redirect: Part
    respond: Part
    access: Part
    tests: Sequence[Part]
    static: Part


class GatewayFields(Metadata, total=False):
    """The one public port."""

    listen: int
    bind: str
    default_backend: str
    tls: Part
    trusted_proxies: Sequence[str]
    maintenance_page: Part
    limits: Part
    reserved: Mapping[str, str | Literal[False]]


class RepositoryFields(Metadata, total=False):
    """A git remote that keeps backups."""

    url: str
    branch: str
    auth: Part
    committer: Part
    interval: Duration
    base: Text
    lease: Part


class SyncTargetFields(Metadata, total=False):
    """A folder or file that is kept in a repository."""

    repository: str
    path: Text
    excludes: Sequence[Text]
    settle: Duration
    snapshot: Literal["auto", "copy"] | Part
    large_files: Part
    secrets: Part
    restore: Part
    verify: Part
    writers: Sequence[str]


class StackFields(Metadata, total=False):
    """The stack as a whole."""

    source: Part
    auto_revert: Part
    windows: Sequence[Part]
    notifications: Sequence[Part]
