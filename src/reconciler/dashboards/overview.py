"""The first dashboard: what is not well?"""

from __future__ import annotations

from typing import Final

from .panel import (
    YES,
    Dashboard,
    Query,
    Row,
    rate,
    series,
    stat,
    table,
)

REQUESTS: Final = "reconciler_gateway_requests_total"
BAD: Final = '{code="5xx"}'
FIRING: Final = '{alertstate="firing", alertname=~"Reconciler.*"}'

OVERVIEW: Final = Dashboard(
    "reconciler-overview",
    "reconciler / Overview",
    "Is all as the specs say, and does it do well?",
    (
        Row(
            "Now",
            (
                stat("Resources", "count(reconciler_resource_in_sync)"),
                stat("Out of sync", "sum(reconciler_resource_in_sync == bool 0)", bad=1),
                stat("Not healthy", "sum(reconciler_resource_healthy == bool 0)", bad=1),
                stat("Cannot be seen", "sum(reconciler_kind_observed == bool 0)", bad=1),
                stat("Suspended", "sum(reconciler_resource_suspended)"),
                stat("Problems in the specs", "sum(reconciler_spec_problems)", bad=1),
                stat("Processes up", "sum(reconciler_process_up)"),
                stat("Gave up", "sum(reconciler_process_gave_up)", bad=1),
                stat(
                    "Requests",
                    rate(REQUESTS),
                    unit="reqps",
                ),
                stat(
                    "Failing requests",
                    f"{rate(REQUESTS, of=BAD)} / {rate(REQUESTS)}",
                    unit="percentunit",
                    bad=0.01,
                ),
                stat(
                    "Oldest backup",
                    "max(time() - reconciler_sync_last_success_timestamp_seconds)",
                    unit="s",
                ),
                stat("Held back", "sum(reconciler_blocked)", bad=1),
            ),
        ),
        Row(
            "What is not well",
            (
                table(
                    "Health of every resource",
                    Query("max by (kind, name) (reconciler_resource_healthy)"),
                    text="Unknown first, then what is not, then what is.",
                    width=12,
                    names=YES,
                ),
                series(
                    "Alerts",
                    Query(
                        f"count by (alertname) (ALERTS{FIRING}) or vector(0)",
                        "{{alertname}}",
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            "Over time",
            (
                series(
                    "Requests by status",
                    Query(
                        rate(REQUESTS, "code"),
                        "{{code}}",
                    ),
                    unit="reqps",
                    stacked=True,
                ),
                series(
                    "Processor",
                    Query(
                        rate("reconciler_process_cpu_seconds_total", "name"),
                        "{{name}}",
                    ),
                    unit="none",
                    text="Cores in use by each process and all it started.",
                    stacked=True,
                ),
                series(
                    "Memory",
                    Query("sum by (name) (reconciler_process_resident_memory_bytes)", "{{name}}"),
                    unit="bytes",
                    stacked=True,
                ),
            ),
        ),
    ),
)
