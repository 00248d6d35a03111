"""The dashboard about the operator itself."""

from __future__ import annotations

from typing import Final

from .panel import (
    YES,
    Dashboard,
    Query,
    Row,
    quantiles,
    rate,
    series,
    stat,
    table,
)

OPERATOR: Final = Dashboard(
    "reconciler-operator",
    "reconciler / Operator",
    "Does the operator itself do well?",
    (
        Row(
            "Now",
            (
                table("Running", "reconciler_build_info", width=8, height=4),
                stat(
                    "Since the last look",
                    "max(time() - reconciler_observation_timestamp_seconds)",
                    unit="s",
                    bad=120,
                ),
                stat("Checks that fail", "sum(reconciler_check_ok == bool 0)", bad=1),
                stat("Watches that are lost", "sum(reconciler_watcher_up == bool 0)", bad=1),
                stat(
                    "Running since",
                    "max(reconciler_operator_process_start_time_seconds) * 1000",
                    unit="dateTimeFromNow",
                ),
            ),
        ),
        Row(
            "Passes",
            (
                series(
                    "Passes",
                    Query(
                        rate("reconciler_pass_total", "lane", "result"),
                        "{{lane}} {{result}}",
                    ),
                    unit="ops",
                ),
                series(
                    "How long a pass takes",
                    *quantiles("reconciler_pass_duration_seconds", "lane"),
                    unit="s",
                ),
                series(
                    "Since the last pass",
                    Query("time() - reconciler_last_pass_timestamp_seconds", "{{lane}}"),
                    unit="s",
                ),
                series(
                    "How late the loop is",
                    *quantiles("reconciler_loop_lag_seconds"),
                    unit="s",
                ),
                series("Checks", Query("reconciler_check_ok", "{{check}}"), names=YES),
                series(
                    "What can be seen",
                    Query("reconciler_kind_observed", "{{kind}}"),
                    Query("reconciler_watcher_up", "edits of {{watcher}}"),
                    names=YES,
                ),
            ),
        ),
        Row(
            "What it uses",
            (
                series(
                    "Processor",
                    rate("reconciler_operator_process_cpu_seconds_total", "instance"),
                    unit="none",
                ),
                series("Memory", "reconciler_operator_process_resident_memory_bytes", unit="bytes"),
                series("Open files", "reconciler_operator_process_open_fds"),
            ),
        ),
    ),
)
