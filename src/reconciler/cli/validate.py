"""`reconciler validate`: what is wrong with the spec files, each with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from ..core.lines import Span, Style, line
from ..core.render import problem_lines
from ..settings import Settings
from .outcome import Exit, Failure
from .terminal import Terminal

Problem: TypeAlias = Mapping[str, Any]


def validate(
    settings: Settings,
    terminal: Terminal,
    *,
    path: Path | None = None,
    output_format: str = "text",
) -> int:
    """Print every problem of the files as they are, committed or not."""
    from .reading import read_specs

    chosen, only = _chosen(settings, path)
    problems = [problem.to_json() for problem in read_specs(chosen).problems]
    if only is not None:
        problems = [one for one in problems if chosen.root / one["path"] == only]
    if output_format == "json":
        terminal.write(json.dumps(problems, ensure_ascii=False, indent=2) + "\n")
    elif output_format == "github":
        terminal.write("".join(annotation(problem) for problem in problems))
    else:
        _tell(problems, terminal)
    return Exit.DIFFERENCES if problems else Exit.OK


def _chosen(settings: Settings, path: Path | None) -> tuple[Settings, Path | None]:
    """The specs to read, and the one file of them to speak of."""
    target = (path or settings.specs).absolute()
    if not target.exists():
        raise Failure(f"there is no {target}", hint="name a folder of specs or one file")
    if target.is_dir():
        return replace(settings, specs=target, worktree=True), None
    # A file is read together with its neighbours: names must be unique, references must be met.
    inside = target.is_relative_to(settings.specs)
    specs = settings.specs if inside else target.parent
    return replace(settings, specs=specs, worktree=True), target


def _tell(problems: Sequence[Problem], terminal: Terminal) -> None:
    for problem in problems:
        terminal.show([*problem_lines(problem, head=Span("error: ", Style.BAD)), ()])
    if problems:
        count = f"{len(problems)} problem" + "s" * (len(problems) != 1)
        terminal.show([line(Span(f"✘ {count}", Style.BAD))])
    else:
        terminal.show([line(Span("✔ the specs are valid", Style.GOOD))])


def annotation(problem: Problem) -> str:
    """One problem as a workflow command, which puts it beside the line in a review."""
    hint = f" ({problem['hint']})" if problem.get("hint") else ""
    place = f"line={problem['line']},col={problem['column']},title=reconciler"
    file = _escaped(str(problem["path"])).replace(":", "%3A").replace(",", "%2C")
    return f"::error file={file},{place}::{_escaped(problem['message'] + hint)}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
