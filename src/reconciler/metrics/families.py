"""Every metric there is: its name, type, labels, and what it says. All else looks it up here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

PREFIX: Final = "reconciler_"


class Family(NamedTuple):
    """All series of one name."""

    type: str
    short: str
    """The name without its prefix."""
    text: str
    labels: tuple[str, ...]
    prefix: str = PREFIX

    @property
    def name(self) -> str:
        return self.prefix + self.short


def _family(kind: str, short: str, text: str, labels: str = "") -> Family:
    return Family(kind, short, text, tuple(labels.split()))


_counter, _gauge = partial(_family, "counter"), partial(_family, "gauge")
_histogram = partial(_family, "histogram")


COUNTED: Final = (
    _gauge("build_info", "What is running: always 1.", "version python"),
    _counter("pass_total", "Passes of a lane, by how they ended.", "lane result"),
    _histogram("pass_duration_seconds", "How long a pass of a lane took.", "lane"),
    _gauge(
        "last_pass_timestamp_seconds",
        "When a lane last finished a pass, however it ended; 0 before the first.",
        "lane",
    ),
    _gauge(
        "last_apply_success_timestamp_seconds",
        "When a pass last ended with everything done; 0 before the first.",
    ),
    _counter("steps_total", "Steps executed, by how they ended.", "kind result"),
    _counter("drift_total", "Changes made outside the specs.", "kind"),
    _histogram(
        "loop_lag_seconds", "How late the operator does what is to be done at a certain time."
    ),
)
"""What the engine reports when it happens."""

OPERATOR: Final = (
    _gauge("check_ok", "1 while a check of /readyz succeeds.", "check"),
    _gauge(
        "observation_timestamp_seconds",
        "When the world was last looked at; 0 before the first look.",
    ),
    _gauge("kind_observed", "1 when the last look saw what there is of a kind.", "kind"),
    _gauge(
        "watcher_up",
        "1 while edits are noticed at once; 0 when they are found by looking now and then.",
        "watcher",
    ),
    _gauge("spec_revision_info", "The revision of the specs in use.", "revision"),
    _gauge(
        "spec_revision_timestamp_seconds",
        "Since when this revision of the specs is in use.",
        "revision",
    ),
    _gauge("rollout_phase", "1 for how far the revision in use has come, 0 for all else.", "phase"),
    _gauge("rollout_duration_seconds", "How long the revision in use took until it was judged."),
    _gauge("revision_rolled_back", "1 while another revision is in use than the newest commit."),
    _gauge("revisions_quarantined", "Commits that are not to be in use again."),
    _gauge("spec_problems", "Problems found in the specs."),
    _gauge("blocked", "Changes held back by the last plan, by reason.", "reason"),
    _gauge("requests", "What is asked by hand for the moment, by verb.", "verb"),
)

RESOURCES: Final = (
    _gauge(
        "resource_in_sync",
        "1 when the world is as the specs say, 0 when not, -1 when it cannot be seen.",
        "kind name",
    ),
    _gauge("resource_healthy", "1 healthy, 0 not, -1 unknown.", "kind name"),
    _gauge("resource_condition", "1 true, 0 false, -1 unknown.", "kind name type"),
    _gauge("resource_suspended", "1 while its spec says suspend.", "kind name"),
)

PROCESSES: Final = (
    _gauge("process_up", "1 while the process runs.", "name"),
    _gauge("process_ready", "1 while the process runs and its probes agree.", "name"),
    _counter("process_restarts_total", "Restarts of a process.", "name"),
    _counter(
        "process_restarts_by_cause_total",
        "Restarts of a process that this operator has seen, by what caused them.",
        "name cause",
    ),
    _gauge(
        "process_exit_status",
        "How it ended the last time: its exit code, or 128 and the signal that killed it.",
        "name",
    ),
    _gauge("process_failures", "Failures of a process in a row.", "name"),
    _gauge("process_gave_up", "1 when it is not started again by itself.", "name"),
    _gauge("process_start_time_seconds", "When the process that runs began.", "name"),
    _counter(
        "process_cpu_seconds_total", "Processor time of the process and all it started.", "name"
    ),
    _gauge("process_resident_memory_bytes", "Memory of the process and all it started.", "name"),
    _gauge("process_open_fds", "Open files of the process and all it started.", "name"),
    _gauge("process_members", "The process and all it started, counted.", "name"),
)

PROBES: Final = (
    _gauge(
        "probe_success",
        "1 when the last verdict of a probe is success, 0 when failure, -1 before there is one.",
        "kind name probe",
    ),
    _gauge("probe_failures", "Failures of a probe in a row.", "kind name probe"),
)

NOTIFICATIONS: Final = (
    _counter(
        "notifications_total",
        "Messages about events, by whom they were for and what became of them.",
        "notification result",
    ),
    _gauge(
        "notification_failing", "1 while one who is to be told of events cannot be.", "notification"
    ),
)

BACKUPS: Final = (
    _gauge(
        "sync_last_success_timestamp_seconds", "When the last backup succeeded; 0: never.", "name"
    ),
    _gauge(
        "sync_last_attempt_timestamp_seconds", "When the last backup was tried; 0: never.", "name"
    ),
    _gauge(
        "sync_last_restore_timestamp_seconds",
        "When the target was last restored at a start; 0: never.",
        "name",
    ),
    _gauge(
        "sync_last_verified_restore_timestamp_seconds",
        "When a restore of the backup was last proven to give the data; 0: never.",
        "name",
    ),
    _gauge("sync_failing", "1 while the last backup or restore failed.", "name"),
    _gauge("sync_pending", "Backups taken here and not pushed yet.", "name"),
    _gauge("sync_skipped_files", "Files that the last backup left out.", "name"),
    _gauge("sync_bytes", "Bytes in the last backup.", "name"),
    _gauge("sync_files", "Files in the last backup.", "name"),
    _gauge("sync_interval_seconds", "The time that is wanted between backups.", "name"),
    _gauge("repository_reachable", "1 when the remote answered the last time, 0 when not.", "name"),
    _gauge(
        "repository_last_contact_timestamp_seconds",
        "When the remote last answered; 0: never.",
        "name",
    ),
)

TABLE: Final = (_gauge("route_table_version", "The version of the route table; 0 while unknown."),)

TRAFFIC: Final = (
    _counter(
        "gateway_requests_total",
        "Requests that have ended, by route and class of status.",
        "route code",
    ),
    _gauge("gateway_requests_in_flight", "Requests and WebSockets under way, by route.", "route"),
    _counter(
        "gateway_upstream_errors_total",
        "Requests that the program behind a route failed: not reached, or no answer in time.",
        "route",
    ),
    _histogram(
        "gateway_request_duration_seconds",
        "How long requests took, by route; WebSockets are left out.",
        "route",
    ),
    _gauge("gateway_requests_parked", "Requests that wait until a program can take them."),
    _gauge(
        "gateway_endpoint_requests_in_flight",
        "Requests and WebSockets under way, by endpoint of a pool.",
        "endpoint",
    ),
    _gauge(
        "gateway_endpoint_refuses",
        "1 while an endpoint of a pool accepts no connection.",
        "endpoint",
    ),
    _gauge(
        "gateway_table_version", "The version of the route table that a worker serves.", "worker"
    ),
    _gauge("gateway_connections", "Connections of clients, by what they do.", "state"),
)
"""What the gateway has counted, and writes itself."""

ITSELF: Final = (
    _counter("operator_process_cpu_seconds_total", "Processor time of the operator."),
    _gauge("operator_process_resident_memory_bytes", "Memory of the operator."),
    _gauge("operator_process_virtual_memory_bytes", "Address space of the operator."),
    _gauge("operator_process_open_fds", "Open files of the operator."),
    _gauge("operator_process_max_fds", "Open files that the operator may have at most."),
    _gauge("operator_process_start_time_seconds", "When the operator began."),
)
"""What the library tells of the operator's own process."""

FACTS: Final = (*OPERATOR, *RESOURCES, *PROCESSES, *PROBES, *BACKUPS, *NOTIFICATIONS, *TABLE)
"""What is true now, drawn from the resources."""

GROUPS: Final[Mapping[str, tuple[Family, ...]]] = {
    "Operator": (*COUNTED, *OPERATOR, *ITSELF),
    "Resources": RESOURCES,
    "Processes": PROCESSES,
    "Probes": PROBES,
    "Routes": (*TABLE, *TRAFFIC),
    "Backups": BACKUPS,
    "Notifications": NOTIFICATIONS,
}
BY_SHORT: Final = {one.short: one for group in GROUPS.values() for one in group}
