"""All that is true at one moment, as the engine hands it over: replaced whole, never changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from .rows import Row, View


@dataclass(frozen=True, slots=True)
class Standing:
    """How the operator itself does: its checks, its watchers, what it saw, what it was asked."""

    checks: Mapping[str, bool] = field(default_factory=dict)
    watchers: Mapping[str, bool] = field(default_factory=dict)
    kinds: Mapping[str, bool] = field(default_factory=dict)
    """Whether the last look saw what there is of each."""
    observed_at: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)
    """What is asked by hand for the moment, by verb."""


@dataclass(frozen=True, slots=True)
class Unfolding:
    """How far the revision in use has come, and whether it is the newest commit."""

    phases: Mapping[str, bool] = field(default_factory=dict)
    seconds: float | None = None
    """How long it took; None before it was judged."""
    rolled_back: bool = False
    quarantined: int = 0

    def rows(self) -> Iterator[Row]:
        for phase, is_so in self.phases.items():
            yield Row("rollout_phase", (phase,), is_so)
        if self.seconds is not None:
            yield Row("rollout_duration_seconds", (), self.seconds)
        yield Row("revision_rolled_back", (), self.rolled_back)
        yield Row("revisions_quarantined", (), self.quarantined)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Resources as their views, and what is known of the whole."""

    resources: tuple[View, ...] = ()
    differing: Collection[str] = ()
    unseen: Collection[str] = ()
    blocked: Mapping[str, int] = field(default_factory=dict)
    revision: str = ""
    since: float = 0.0
    problems: int = 0
    standing: Standing = field(default_factory=Standing)
    unfolding: Unfolding = field(default_factory=Unfolding)

    def processes(self) -> list[View]:
        return [view for view in self.resources if view["kind"] == "Process"]

    def rows(self) -> Iterator[Row]:
        """What is not said by the view of one resource alone."""
        if self.revision:
            yield Row("spec_revision_info", (self.revision,), 1)
            yield Row("spec_revision_timestamp_seconds", (self.revision,), self.since)
        yield Row("spec_problems", (), self.problems)
        for reason, count in self.blocked.items():
            yield Row("blocked", (reason,), count)
        yield from self._standing()
        yield from self.unfolding.rows()
        yield from self._in_sync()
        planes = (view for view in self.resources if view["kind"] in {"Gateway", "Route"})
        versions = (view["vitals"].get("version") for view in planes)
        known = (one for one in versions if isinstance(one, int))
        yield Row("route_table_version", (), max(known, default=0))

    def _standing(self) -> Iterator[Row]:
        now = self.standing
        yield Row("observation_timestamp_seconds", (), now.observed_at)
        for family, found in (
            ("check_ok", now.checks),
            ("watcher_up", now.watchers),
            ("kind_observed", now.kinds),
            ("requests", now.requests),
        ):
            for name, value in found.items():
                yield Row(family, (name,), value)

    def _in_sync(self) -> Iterator[Row]:
        for view in self.resources:
            if not view["system"]:
                unseen, key = view["kind"] in self.unseen, (view["kind"], view["name"])
                truth = -1 if unseen else view["ref"] not in self.differing
                yield Row("resource_in_sync", key, truth)
