"""The dashboard about revisions of the specs: which is in use, and what came of it."""

from __future__ import annotations

from typing import Final

from .panel import (
    Dashboard,
    Query,
    Row,
    increase,
    series,
    stat,
    table,
)

REVISIONS: Final = Dashboard(
    "reconciler-revisions",
    "reconciler / Revisions",
    "Which revision of the specs is in use, and what came of it.",
    (
        Row(
            "In use",
            (
                table(
                    "Revision",
                    "reconciler_spec_revision_info",
                    width=12,
                    height=5,
                ),
                stat(
                    "In use since",
                    "max(reconciler_spec_revision_timestamp_seconds) * 1000",
                    unit="dateTimeFromNow",
                ),
                stat("Problems in the specs", "sum(reconciler_spec_problems)", bad=1),
                stat(
                    "Last all done",
                    "max(reconciler_last_apply_success_timestamp_seconds) * 1000",
                    unit="dateTimeFromNow",
                ),
            ),
        ),
        Row(
            "What came of it",
            (
                series(
                    "In sync",
                    Query("sum(reconciler_resource_in_sync == bool 1)", "in sync"),
                    Query("sum(reconciler_resource_in_sync == bool 0)", "out of sync"),
                    Query("sum(reconciler_resource_in_sync == bool -1)", "cannot be seen"),
                    stacked=True,
                ),
                series("Phase", Query("reconciler_rollout_phase == 1", "{{phase}}")),
                series(
                    "Until it was judged",
                    Query("reconciler_rollout_duration_seconds or vector(0)", "took"),
                    unit="s",
                ),
                series(
                    "Gone back",
                    Query("reconciler_revision_rolled_back", "not the newest commit"),
                    Query("reconciler_revisions_quarantined", "commits left for good"),
                ),
                series(
                    "Others told of events",
                    Query(
                        "sum by (notification, result)"
                        " (increase(reconciler_notifications_total[$__rate_interval]))"
                        " or vector(0)",
                        "{{notification}} {{result}}",
                    ),
                    Query(
                        "sum by (notification) (reconciler_notification_failing) or vector(0)",
                        "{{notification}} fails",
                    ),
                ),
                series(
                    "Steps",
                    Query(
                        increase("reconciler_steps_total", "kind", "result"),
                        "{{kind}} {{result}}",
                    ),
                ),
                series(
                    "Changes made outside the specs",
                    Query(
                        increase("reconciler_drift_total", "kind"),
                        "{{kind}}",
                    ),
                ),
                series(
                    "Held back",
                    Query("sum by (reason) (reconciler_blocked) or vector(0)", "{{reason}}"),
                ),
                series(
                    "Restarts by cause",
                    Query(
                        increase("reconciler_process_restarts_by_cause_total", "cause"),
                        "{{cause}}",
                    ),
                ),
                series(
                    "Asked by hand",
                    Query("sum by (verb) (reconciler_requests)", "{{verb}}"),
                ),
            ),
        ),
    ),
)
