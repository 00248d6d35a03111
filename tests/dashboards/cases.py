"""For every alert: what is seen when it must be told, and what when it must not."""

from __future__ import annotations

from .promtool import Case

HERE = 'instance="here"'
WEB = f'{HERE},kind="Process",name="web"'
WEB_LABELS = {"instance": "here", "kind": "Process", "name": "web"}
DATA = f'{HERE},name="data"'
DATA_LABELS = {"instance": "here", "name": "data"}
ROUTE = f'{HERE},route="api"'


def bucket(bound: str) -> str:
    return f'reconciler_gateway_request_duration_seconds_bucket{{{ROUTE},le="{bound}"}}'


def lag(bound: str) -> str:
    return f'reconciler_loop_lag_seconds_bucket{{{HERE},le="{bound}"}}'


def flag(
    series: tuple[str, str], bad: int, good: int, told: tuple[str, dict[str, str], str]
) -> Case:
    """A series that is ``bad`` for an hour, or ``good``."""
    name = "reconciler_{}{{{}}}".format(*series)
    return Case({name: f"{bad}x60"}, {name: f"{good}x60"}, *told)


def requests(code: str) -> str:
    return f'reconciler_gateway_requests_total{{{ROUTE},code="{code}"}}'


LAST = f"reconciler_sync_last_success_timestamp_seconds{{{DATA}}}"
EVERY = f"reconciler_sync_interval_seconds{{{DATA}}}"
PROVEN = f"reconciler_sync_last_verified_restore_timestamp_seconds{{{DATA}}}"
PASS = f'reconciler_last_pass_timestamp_seconds{{{HERE},lane="stack"}}'
UP, READY = f"reconciler_process_up{{{DATA}}}", f"reconciler_process_ready{{{DATA}}}"
LANE = {"instance": "here", "lane": "stack"}

CASES = {
    "ReconcilerDown": Case(
        {f'up{{job="reconciler",{HERE}}}': "0x60"},
        {f'up{{job="reconciler",{HERE}}}': "1x60", f'up{{job="other",{HERE}}}': "0x60"},
        "6m",
        {"job": "reconciler", "instance": "here"},
        "here does not answer: its operator or its gateway",
    ),
    "ReconcilerStuck": Case(
        {PASS: "60x60"},
        {PASS: "0x60"},
        "20m",
        LANE,
        "The lane stack has made no pass for ten minutes",
    ),
    "ReconcilerBlind": flag(
        ("kind_observed", f'{HERE},kind="Route"'),
        0,
        1,
        ("6m", {"instance": "here", "kind": "Route"}, "Nobody can say which Route there are"),
    ),
    "ReconcilerNotReady": flag(
        ("check_ok", f'{HERE},check="apply"'),
        0,
        1,
        (
            "6m",
            {"instance": "here", "check": "apply"},
            "The check apply of the operator fails",
        ),
    ),
    "ReconcilerPassesFail": Case(
        {f'reconciler_pass_total{{{HERE},lane="stack",result="failure"}}': "0+1x60"},
        {f'reconciler_pass_total{{{HERE},lane="stack",result="success"}}': "0+1x60"},
        "20m",
        {**LANE, "result": "failure"},
        "Passes of the lane stack fail again and again",
    ),
    "ReconcilerLags": Case(
        {lag("0.5"): "0+50x60", lag("1"): "0+60x60", lag("+Inf"): "0+60x60"},
        {lag("0.5"): "0+60x60", lag("1"): "0+60x60", lag("+Inf"): "0+60x60"},
        "20m",
        {"instance": "here"},
        "The loop of the operator is more than half a second late",
    ),
    "ReconcilerWatchLost": flag(
        ("watcher_up", f'{HERE},watcher="specs"'),
        0,
        1,
        ("11m", {"instance": "here", "watcher": "specs"}, "Edits of specs are noticed late"),
    ),
    "ReconcilerNotificationFails": flag(
        ("notification_failing", f'{HERE},notification="chat"'),
        1,
        0,
        ("16m", {"instance": "here", "notification": "chat"}, "chat is not told of events"),
    ),
    "ReconcilerSpecsBroken": flag(
        ("spec_problems", HERE), 2, 0, ("11m", {"instance": "here"}, "The specs have 2 problems")
    ),
    "ReconcilerRolledBack": flag(
        ("revision_rolled_back", HERE),
        1,
        0,
        (
            "1m",
            {"instance": "here"},
            "The newest commit of the specs is not in use: it was gone back",
        ),
    ),
    "ReconcilerOutOfSync": flag(
        ("resource_in_sync", WEB),
        0,
        1,
        ("16m", WEB_LABELS, "Process/web is not as the specs say"),
    ),
    "ReconcilerDriftReturns": Case(
        {f'reconciler_drift_total{{{HERE},kind="Process"}}': "0+1x60"},
        {f'reconciler_drift_total{{{HERE},kind="Process"}}': "0x30 1x30"},
        "30m",
        {"instance": "here", "kind": "Process"},
        "Somebody else keeps changing Process here",
    ),
    "ReconcilerStalled": flag(
        ("resource_condition", f'{WEB},type="Stalled"'),
        1,
        0,
        ("11m", {**WEB_LABELS, "type": "Stalled"}, "Process/web waits for a person"),
    ),
    "ReconcilerSuspendedLong": Case(
        {f"reconciler_resource_suspended{{{WEB}}}": "1x400"},
        {f"reconciler_resource_suspended{{{WEB}}}": "0x1 1x400"},
        "24h30m",
        WEB_LABELS,
        "Process/web has been suspended for two days",
    ),
    "ReconcilerUnhealthy": flag(
        ("resource_healthy", WEB),
        0,
        -1,
        ("16m", WEB_LABELS, "Process/web is not healthy"),
    ),
    "ReconcilerProcessGaveUp": flag(
        ("process_gave_up", DATA),
        1,
        0,
        ("2m", DATA_LABELS, "data failed too often and is not started again"),
    ),
    "ReconcilerProcessCrashes": Case(
        {
            f'reconciler_process_restarts_by_cause_total{{{DATA},cause="crash"}}': "0+0.15x60",
            f'reconciler_process_restarts_by_cause_total{{{DATA},cause="end"}}': "0+0.15x60",
        },
        {f'reconciler_process_restarts_by_cause_total{{{DATA},cause="spec"}}': "0+1x60"},
        "15m",
        DATA_LABELS,
        "data ends by itself again and again",
    ),
    "ReconcilerProcessNotReady": Case(
        {UP: "1x60", READY: "0x60"},
        {UP: "0x60", READY: "0x60"},
        "11m",
        DATA_LABELS,
        "data runs and is not ready",
    ),
    "ReconcilerProbeFails": flag(
        ("probe_success", f'{WEB},probe="liveness"'),
        0,
        -1,
        (
            "6m",
            {**WEB_LABELS, "probe": "liveness"},
            "The liveness probe of Process/web fails",
        ),
    ),
    "ReconcilerGatewayDown": flag(
        ("process_up", f'{HERE},name="gateway"'),
        0,
        1,
        ("2m", {"instance": "here", "name": "gateway"}, "The gateway does not run"),
    ),
    "ReconcilerRouteFails": Case(
        {requests("2xx"): "0+90x60", requests("5xx"): "0+10x60"},
        {requests("2xx"): "0+99x60", requests("5xx"): "0+1x60"},
        "12m",
        {"instance": "here", "route": "api"},
        "10% of api fail",
    ),
    "ReconcilerRouteSlow": Case(
        {bucket("5"): "0+50x60", bucket("10"): "0+60x60", bucket("+Inf"): "0+60x60"},
        {bucket("5"): "0+60x60", bucket("10"): "0+60x60", bucket("+Inf"): "0+60x60"},
        "20m",
        {"instance": "here", "route": "api"},
        "One of a hundred requests to api takes > 5 s",
    ),
    "ReconcilerEndpointRefuses": flag(
        ("gateway_endpoint_refuses", f'{HERE},endpoint="127.0.0.1:1"'),
        1,
        0,
        (
            "6m",
            {"instance": "here", "endpoint": "127.0.0.1:1"},
            "127.0.0.1:1 accepts no connection",
        ),
    ),
    "ReconcilerBackupOld": Case(
        {LAST: "60x60", EVERY: "60x60"},
        {LAST: "60x60", EVERY: "600x60"},
        "30m",
        DATA_LABELS,
        "The backup of data is too old",
    ),
    "ReconcilerBackupNever": Case(
        {LAST: "0x60"},
        {LAST: "0x20 1200x40"},
        "31m",
        DATA_LABELS,
        "There is no backup of data",
    ),
    "ReconcilerBackupFails": flag(
        ("sync_failing", DATA), 1, 0, ("16m", DATA_LABELS, "Backups of data fail")
    ),
    "ReconcilerRestoreUnproven": Case(
        {PROVEN: "1x400"},
        {PROVEN: "0x400"},
        "194h",
        DATA_LABELS,
        "For a week nobody has proven that data can be restored",
    ),
    "ReconcilerRemoteAway": flag(
        ("repository_reachable", DATA),
        0,
        1,
        ("16m", DATA_LABELS, "The remote of data does not answer"),
    ),
}
