"""What somebody should be told of, and how bad it is."""

from __future__ import annotations

from typing import Final, NamedTuple


class Alert(NamedTuple):
    """One rule. ``summary`` may name labels as ``{{ $labels.name }}``; the page says what to do."""

    name: str
    expr: str
    patience: str
    severity: str
    summary: str


class Group(NamedTuple):
    """Rules about one part of a stack."""

    name: str
    alerts: tuple[Alert, ...]


CRITICAL, WARNING, INFO = "critical", "warning", "info"
ONE: Final = "{{ $labels.kind }}/{{ $labels.name }}"
NAME: Final = "{{ $labels.name }}"
ENDS: Final = (
    "sum by (instance, name) "
    '(increase(reconciler_process_restarts_by_cause_total{cause=~"crash|end"}[15m])) > 3'
)
"""A good end counts too: what is always started again is meant to stay."""
BAD_REQUESTS: Final = (
    'sum by (instance, route) (rate(reconciler_gateway_requests_total{code="5xx"}[5m]))'
    " / sum by (instance, route) (rate(reconciler_gateway_requests_total[5m])) > 0.05"
)
SLOW_REQUESTS: Final = (
    "histogram_quantile(0.99, sum by (instance, route, le) "
    "(rate(reconciler_gateway_request_duration_seconds_bucket[5m]))) > 5"
)
LAGGING: Final = (
    "histogram_quantile(0.99, sum by (instance, le) "
    "(rate(reconciler_loop_lag_seconds_bucket[5m]))) > 0.5"
)
OLD: Final = (
    "time() - reconciler_sync_last_success_timestamp_seconds"
    " > 900 + 10 * reconciler_sync_interval_seconds"
    " and reconciler_sync_last_success_timestamp_seconds > 0"
)
NEVER: Final = "reconciler_sync_last_success_timestamp_seconds == 0"
UNPROVEN: Final = (
    "time() - reconciler_sync_last_verified_restore_timestamp_seconds > 8 * 86400"
    " and reconciler_sync_last_verified_restore_timestamp_seconds > 0"
)

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        "reconciler-operator",
        (
            Alert(
                "ReconcilerDown",
                'up{job="reconciler"} == 0',
                *(
                    "5m",
                    CRITICAL,
                    "{{ $labels.instance }} does not answer: its operator or its gateway",
                ),
            ),
            Alert(
                "ReconcilerStuck",
                "time() - reconciler_last_pass_timestamp_seconds > 600"
                " and reconciler_last_pass_timestamp_seconds > 0",
                *("5m", CRITICAL, "The lane {{ $labels.lane }} has made no pass for ten minutes"),
            ),
            Alert(
                "ReconcilerBlind",
                "reconciler_kind_observed == 0",
                *("5m", CRITICAL, "Nobody can say which {{ $labels.kind }} there are"),
            ),
            Alert(
                "ReconcilerNotReady",
                "reconciler_check_ok == 0",
                *("5m", WARNING, "The check {{ $labels.check }} of the operator fails"),
            ),
            Alert(
                "ReconcilerPassesFail",
                'increase(reconciler_pass_total{result="failure"}[10m]) > 5',
                *("5m", WARNING, "Passes of the lane {{ $labels.lane }} fail again and again"),
            ),
            Alert(
                "ReconcilerLags",
                LAGGING,
                *("10m", WARNING, "The loop of the operator is more than half a second late"),
            ),
            Alert(
                "ReconcilerWatchLost",
                "reconciler_watcher_up == 0",
                *("10m", WARNING, "Edits of {{ $labels.watcher }} are noticed late"),
            ),
            Alert(
                "ReconcilerNotificationFails",
                "reconciler_notification_failing == 1",
                *("15m", WARNING, "{{ $labels.notification }} is not told of events"),
            ),
        ),
    ),
    Group(
        "reconciler-specs",
        (
            Alert(
                "ReconcilerSpecsBroken",
                "reconciler_spec_problems > 0",
                *("10m", WARNING, "The specs have {{ $value }} problems"),
            ),
            Alert(
                "ReconcilerRolledBack",
                "reconciler_revision_rolled_back == 1",
                *("0m", WARNING, "The newest commit of the specs is not in use: it was gone back"),
            ),
            Alert(
                "ReconcilerOutOfSync",
                "reconciler_resource_in_sync == 0",
                *("15m", WARNING, f"{ONE} is not as the specs say"),
            ),
            Alert(
                "ReconcilerDriftReturns",
                "increase(reconciler_drift_total[1h]) > 5",
                *("0m", WARNING, "Somebody else keeps changing {{ $labels.kind }} here"),
            ),
            Alert(
                "ReconcilerStalled",
                'reconciler_resource_condition{type="Stalled"} == 1',
                *("10m", WARNING, f"{ONE} waits for a person"),
            ),
            Alert(
                "ReconcilerSuspendedLong",
                "min_over_time(reconciler_resource_suspended[1d]) == 1",
                *("1d", INFO, f"{ONE} has been suspended for two days"),
            ),
        ),
    ),
    Group(
        "reconciler-processes",
        (
            Alert(
                "ReconcilerUnhealthy",
                "reconciler_resource_healthy == 0",
                *("15m", WARNING, f"{ONE} is not healthy"),
            ),
            Alert(
                "ReconcilerProcessGaveUp",
                "reconciler_process_gave_up == 1",
                *("1m", CRITICAL, f"{NAME} failed too often and is not started again"),
            ),
            Alert(
                "ReconcilerProcessCrashes",
                ENDS,
                *("0m", WARNING, f"{NAME} ends by itself again and again"),
            ),
            Alert(
                "ReconcilerProcessNotReady",
                "reconciler_process_up == 1 and reconciler_process_ready == 0",
                *("10m", WARNING, f"{NAME} runs and is not ready"),
            ),
            Alert(
                "ReconcilerProbeFails",
                "reconciler_probe_success == 0",
                *("5m", WARNING, "The {{ $labels.probe }} probe of " + ONE + " fails"),
            ),
        ),
    ),
    Group(
        "reconciler-gateway",
        (
            Alert(
                "ReconcilerGatewayDown",
                'reconciler_process_up{name="gateway"} == 0',
                *("1m", CRITICAL, "The gateway does not run"),
            ),
            Alert(
                "ReconcilerRouteFails",
                BAD_REQUESTS,
                *("5m", CRITICAL, "{{ $value | humanizePercentage }} of {{ $labels.route }} fail"),
            ),
            Alert(
                "ReconcilerRouteSlow",
                SLOW_REQUESTS,
                *("10m", WARNING, "One of a hundred requests to {{ $labels.route }} takes > 5 s"),
            ),
            Alert(
                "ReconcilerEndpointRefuses",
                "reconciler_gateway_endpoint_refuses == 1",
                *("5m", WARNING, "{{ $labels.endpoint }} accepts no connection"),
            ),
        ),
    ),
    Group(
        "reconciler-backups",
        (
            Alert(
                "ReconcilerBackupOld",
                OLD,
                *("0m", CRITICAL, f"The backup of {NAME} is too old"),
            ),
            Alert(
                "ReconcilerBackupNever",
                NEVER,
                *("30m", CRITICAL, f"There is no backup of {NAME}"),
            ),
            Alert(
                "ReconcilerBackupFails",
                "reconciler_sync_failing == 1",
                *("15m", WARNING, f"Backups of {NAME} fail"),
            ),
            Alert(
                "ReconcilerRestoreUnproven",
                UNPROVEN,
                *("1h", WARNING, f"For a week nobody has proven that {NAME} can be restored"),
            ),
            Alert(
                "ReconcilerRemoteAway",
                "reconciler_repository_reachable == 0",
                *("15m", WARNING, f"The remote of {NAME} does not answer"),
            ),
        ),
    ),
)
ALERTS: Final = tuple(alert for group in GROUPS for alert in group.alerts)
