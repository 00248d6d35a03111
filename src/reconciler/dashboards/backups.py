"""The dashboard about backups and the remotes they go to."""

from __future__ import annotations

from typing import Final

from .panel import (
    YES,
    Dashboard,
    Query,
    Row,
    increase,
    series,
    table,
)

VERIFIED: Final = "reconciler_sync_last_verified_restore_timestamp_seconds"
OURS: Final = '{kind=~"SyncTarget|Repository"}'

BACKUPS: Final = Dashboard(
    "reconciler-backups",
    "reconciler / Backups",
    "Is there a backup, how old is it, and would it come back?",
    (
        Row(
            "Age",
            (
                series(
                    "Since the last backup",
                    Query("time() - reconciler_sync_last_success_timestamp_seconds", "{{name}}"),
                    Query("reconciler_sync_interval_seconds", "{{name}} wanted"),
                    unit="s",
                ),
                series(
                    "Since the last try",
                    Query("time() - reconciler_sync_last_attempt_timestamp_seconds", "{{name}}"),
                    unit="s",
                ),
                table(
                    "Last verified restore",
                    f"max by (name) ({VERIFIED}) * 1000",
                    text="When a restore was last proven to give the data. 1970: never.",
                    unit="dateTimeFromNow",
                    width=8,
                ),
                series("Failing", Query("reconciler_sync_failing", "{{name}}"), names=YES),
                series("Not pushed yet", Query("reconciler_sync_pending", "{{name}}")),
                table(
                    "Last restore at a start",
                    "max by (name) (reconciler_sync_last_restore_timestamp_seconds) * 1000",
                    unit="dateTimeFromNow",
                    width=8,
                ),
            ),
        ),
        Row(
            "Content",
            (
                series("Bytes", Query("reconciler_sync_bytes", "{{name}}"), unit="bytes"),
                series("Files", Query("reconciler_sync_files", "{{name}}")),
                series("Files left out", Query("reconciler_sync_skipped_files", "{{name}}")),
            ),
        ),
        Row(
            "Remotes",
            (
                series(
                    "They answer", Query("reconciler_repository_reachable", "{{name}}"), names=YES
                ),
                series(
                    "Since they last answered",
                    Query(
                        "time() - reconciler_repository_last_contact_timestamp_seconds", "{{name}}"
                    ),
                    unit="s",
                ),
                series(
                    "Steps",
                    Query(
                        increase("reconciler_steps_total", "result", of=OURS),
                        "{{result}}",
                    ),
                ),
            ),
        ),
    ),
)
