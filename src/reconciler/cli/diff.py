"""`reconciler diff`: what would change, without changing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..core.lines import Span, Style, line
from ..core.markdown import plan_markdown
from ..core.render import SHORT_REVISION, plan_lines
from ..settings import Settings
from .client import NoOperator
from .outcome import Exit
from .saved import save
from .stack import find_operator
from .terminal import Terminal, structured


class Question(NamedTuple):
    """What to compare, and how to print it."""

    output: str = "text"
    full: bool = False
    dry_run: bool = False
    between: tuple[str, str] | None = None
    """Two revisions; the first may be empty: the current one."""
    out: Path | None = None


def diff(settings: Settings, terminal: Terminal, asked: Question = Question()) -> int:
    """Print the plan and end with its verdict."""
    if asked.dry_run:
        terminal.talk(line(Span("diff is always read-only; --dry-run adds nothing", Style.FAINT)))
    if asked.between is not None:
        from .between import between
        from .between import judge as judge_between

        view = between(settings, *asked.between)
        show(view, terminal, asked)
        return judge_between(view)
    view = plan_view(settings, terminal)
    if asked.out is not None:
        save(asked.out, view)
    show(view, terminal, asked)
    if asked.output == "text":
        suggest(view, terminal, worktree=_is_uncommitted(settings))
    return judge(view)


def show(view: Mapping[str, Any], terminal: Terminal, asked: Question) -> None:
    """Print a plan."""
    if asked.output == "text":
        terminal.show(plan_lines(view, full=asked.full, width=terminal.width))
    elif asked.output == "md":
        terminal.write(plan_markdown(view))
    else:
        terminal.write(structured(view, asked.output))


def suggest(view: Mapping[str, Any], terminal: Terminal, *, worktree: bool = False) -> None:
    """Say what a person can do about what is held back, or about what differs."""
    if worktree:  # what is not committed is wanted by nobody yet, so `apply` would not do it
        if view["changes"] or view.get("held"):
            terminal.hint("commit it, and a running operator does it")
    elif any(change.get("reason") == "MassDelete" for change in view.get("held", ())):
        revision = str(view["revision"])[:SHORT_REVISION]
        terminal.hint(f"`reconciler apply --confirm {revision}` allows these deletions")
    elif view["changes"]:
        terminal.hint("`reconciler apply` does this now; a running operator does it by itself")


def plan_view(settings: Settings, terminal: Terminal) -> Mapping[str, Any]:
    """What the running operator would do, or what one would do that started now."""
    # --worktree asks about other specs than those the operator follows.
    if not _is_uncommitted(settings):
        try:
            view: Mapping[str, Any] = find_operator(settings, deadline=60).plan()
        except NoOperator:
            terminal.talk(line(Span("no operator is running; looking by itself", Style.FAINT)))
        else:
            return view
    from ..app import plan_once

    return asyncio.run(plan_once(settings))


def _is_uncommitted(settings: Settings) -> bool:
    """Whether files are meant that may not be committed; those of a program never are."""
    return settings.worktree and not settings.is_declared


def judge(view: Mapping[str, Any]) -> Exit:
    """0 in sync, 1 something differs, is broken or was rolled back, 2 not all could be seen."""
    if view.get("unknown"):
        return Exit.FAILED
    differs = not view["inSync"] or view.get("problems")
    differs = differs or view.get("rolledBack") or view.get("waits")
    return Exit.DIFFERENCES if differs else Exit.OK
