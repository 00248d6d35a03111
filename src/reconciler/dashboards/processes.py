"""The dashboards about processes: all of them, and one."""

from __future__ import annotations

from typing import Final

from .panel import (
    YES,
    Dashboard,
    Query,
    Row,
    Variable,
    increase,
    rate,
    series,
    stat,
    table,
)

ONE: Final = 'name=~"$process"'
CPU: Final = "reconciler_process_cpu_seconds_total"
CAUSES: Final = "reconciler_process_restarts_by_cause_total"

PROCESSES: Final = Dashboard(
    "reconciler-processes",
    "reconciler / Processes",
    "All processes side by side.",
    (
        Row(
            "Now",
            (
                table(
                    "Processes",
                    *(
                        Query(f"max by (name) (reconciler_process_{what})")
                        for what in (
                            *("up", "ready", "restarts_total", "failures", "exit_status"),
                            *("resident_memory_bytes", "open_fds", "members"),
                        )
                    ),
                    text="Value #A up, #B ready, #C restarts, #D failures in a row, #E last exit, "
                    "#F memory, #G open files, #H processes in it.",
                ),
            ),
        ),
        Row(
            "Over time",
            (
                series("Up", Query("reconciler_process_up", "{{name}}"), names=YES),
                series("Ready", Query("reconciler_process_ready", "{{name}}"), names=YES),
                series(
                    "Restarts by cause",
                    Query(
                        increase(CAUSES, "name", "cause"),
                        "{{name}} {{cause}}",
                    ),
                ),
                series(
                    "Processor",
                    Query(rate(CPU, "name"), "{{name}}"),
                    unit="none",
                ),
                series(
                    "Memory",
                    Query("reconciler_process_resident_memory_bytes", "{{name}}"),
                    unit="bytes",
                ),
                series("Open files", Query("reconciler_process_open_fds", "{{name}}")),
                series(
                    "Probes",
                    Query("reconciler_probe_success", "{{name}} {{probe}}"),
                    names=YES,
                ),
                series(
                    "Probes that fail in a row",
                    Query("reconciler_probe_failures", "{{name}} {{probe}}"),
                ),
                series("Processes in it", Query("reconciler_process_members", "{{name}}")),
            ),
        ),
    ),
)


PROCESS: Final = Dashboard(
    "reconciler-process",
    "reconciler / One process",
    "One process, from its probes to its memory.",
    (
        Row(
            "Now",
            (
                stat("Up", f"min(reconciler_process_up{{{ONE}}})", names=YES),
                stat("Ready", f"min(reconciler_process_ready{{{ONE}}})", names=YES),
                stat(
                    "Running for",
                    f"max(time() - reconciler_process_start_time_seconds{{{ONE}}})",
                    unit="s",
                ),
                stat("Restarts", f"sum(reconciler_process_restarts_total{{{ONE}}})"),
                stat("Last exit", f"max(reconciler_process_exit_status{{{ONE}}})"),
                stat("Failures in a row", f"max(reconciler_process_failures{{{ONE}}})", bad=1),
            ),
        ),
        Row(
            "Over time",
            (
                series(
                    "Processor",
                    Query(rate(CPU, "name", of=f"{{{ONE}}}"), "{{name}}"),
                    unit="none",
                ),
                series(
                    "Memory",
                    Query(f"reconciler_process_resident_memory_bytes{{{ONE}}}", "{{name}}"),
                    unit="bytes",
                ),
                series("Open files", Query(f"reconciler_process_open_fds{{{ONE}}}", "{{name}}")),
                series(
                    "Up and ready",
                    Query(f"reconciler_process_up{{{ONE}}}", "{{name}} up"),
                    Query(f"reconciler_process_ready{{{ONE}}}", "{{name}} ready"),
                    names=YES,
                ),
                series(
                    "Restarts by cause",
                    Query(
                        increase(CAUSES, "cause", of=f"{{{ONE}}}"),
                        "{{cause}}",
                    ),
                ),
                series(
                    "Conditions",
                    Query(
                        f'reconciler_resource_condition{{kind="Process", {ONE}}}',
                        "{{name}} {{type}}",
                    ),
                    names=YES,
                ),
                series(
                    "Processes in it", Query(f"reconciler_process_members{{{ONE}}}", "{{name}}")
                ),
                series(
                    "In sync",
                    Query(f'reconciler_resource_in_sync{{kind="Process", {ONE}}}', "{{name}}"),
                    names=YES,
                ),
                series(
                    "Healthy",
                    Query(f'reconciler_resource_healthy{{kind="Process", {ONE}}}', "{{name}}"),
                    names=YES,
                ),
            ),
        ),
    ),
    (Variable("process", "reconciler_process_up", "name", every=False),),
)
