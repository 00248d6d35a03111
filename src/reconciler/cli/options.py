"""The command line as a whole, and the flags that several verbs share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

CODES: Final = """Exit codes: 0 in sync or done, 1 differences or findings, 2 could not run,
3 applied but not healthy, 130 interrupted.

SIGUSR1, to `up` or the operator: back up everything now, as `sync now` does."""

app = typer.Typer(
    name="reconciler",
    help="What is committed in specs/ is what runs: processes, routes, backups.",
    epilog=CODES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
Verb: TypeAlias = typer.Context


class Output(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


class PlanOutput(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    MD = "md"


class Listing(StrEnum):
    """How a list of resources is printed."""

    TEXT = "text"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    YAML = "yaml"


class Findings(StrEnum):
    """How problems in the specs are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class LogOutput(StrEnum):
    """How lines of logs are printed."""

    TEXT = "text"
    JSON = "json"
    RAW = "raw"


class Stream(StrEnum):
    """What a process prints to."""

    STDOUT = "stdout"
    STDERR = "stderr"


Specs: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--specs",
        envvar="RECONCILER_SPECS",
        help="The folder of the specs; ./specs unless said.",
        show_default=False,
    ),
]
StateDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar="RECONCILER_STATE_DIR",
        help="The stack's state directory; .reconciler beside the specs unless said.",
        show_default=False,
    ),
]
Worktree: TypeAlias = Annotated[
    bool, typer.Option("--worktree", help="Take the files as they are, not the last commit.")
]
AnOutput: TypeAlias = Annotated[Output, typer.Option("--output", "-o", help="How to print it.")]
AListing: TypeAlias = Annotated[Listing, typer.Option("--output", "-o", help="How to print it.")]
Limit: TypeAlias = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=1000, help="How many at most, the newest.")
]
Wait: TypeAlias = Annotated[bool, typer.Option("--wait", help="Stay until all is healthy.")]
Timeout: TypeAlias = Annotated[
    str, typer.Option("--timeout", help="How long to stay, such as 30s or 5m.")
]
