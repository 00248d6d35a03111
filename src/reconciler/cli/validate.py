"""`reconciler validate`: what is wrong with the spec files, each with its place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..core.lines import Span, Style, line
from ..core.notes import problem_lines
from ..settings import Settings
from .outcome import Exit, Failure
from .terminal import Terminal

Problem: TypeAlias = Mapping[str, Any]

ERROR: Final = Span("error: ", Style.BAD)


def validate(
    settings: Settings,
    terminal: Terminal,
    *,
    path: Path | None = None,
    output_format: str = "text",
    strict: bool = False,
) -> int:
    """Print every problem of the files as they are, committed or not."""
    from .reading import review_specs

    chosen, only = _chosen(settings, path)
    problems = [problem.to_json() for problem in review_specs(chosen)]
    if only is not None:
        problems = [one for one in problems if chosen.specs.parent / one["path"] == only]
    if output_format == "json":
        terminal.write(json.dumps(problems, ensure_ascii=False, indent=2) + "\n")
    elif output_format == "github":
        terminal.write("".join(annotation(problem) for problem in problems))
    else:
        _tell(problems, terminal)
    errors = [one for one in problems if strict or not _is_warning(one)]
    return Exit.DIFFERENCES if errors else Exit.OK


def _is_warning(problem: Problem) -> bool:
    return bool(problem.get("severity") == "warning")


def _chosen(settings: Settings, path: Path | None) -> tuple[Settings, Path | None]:
    """The specs to read, and the one file of them to speak of."""
    # Without ``..``: problems are told by the plain path of their file.
    target = Path(os.path.normpath((path or settings.specs).absolute()))
    if not target.exists():
        raise Failure(f"there is no {target}", hint="name a folder of specs or one file")
    if target.is_dir():
        return replace(settings, specs=target, worktree=True), None
    from ..specs.tree import is_spec

    # A file is read together with its neighbours: names must be unique, references must be met.
    inside = target.is_relative_to(settings.specs)
    specs = settings.specs if inside else target.parent
    if not is_spec(str(target.relative_to(specs))):
        raise Failure(f"{target} is no spec file", hint="name one that ends in .yaml or .yml")
    return replace(settings, specs=specs, worktree=True), target


def _tell(problems: Sequence[Problem], terminal: Terminal) -> None:
    for problem in problems:
        head = Span("warning: ", Style.CHANGE) if _is_warning(problem) else ERROR
        terminal.show([*problem_lines(problem, head=head), ()])
    warnings = sum(map(_is_warning, problems))
    if errors := len(problems) - warnings:
        more = f", {_count(warnings, 'warning')}" if warnings else ""
        terminal.show([line(Span(f"✘ {_count(errors, 'problem')}{more}", Style.BAD))])
    else:
        more = f", with {_count(warnings, 'warning')}" if warnings else ""
        terminal.show([line(Span(f"✔ the specs are valid{more}", Style.GOOD))])


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + "s" * (number != 1)


def annotation(problem: Problem) -> str:
    """One problem as a workflow command, which puts it beside the line in a review."""
    hint = f" ({problem['hint']})" if problem.get("hint") else ""
    place = f"line={problem['line']},col={problem['column']},title=reconciler"
    file = _escaped(str(problem["path"])).replace(":", "%3A").replace(",", "%2C")
    command = "warning" if _is_warning(problem) else "error"
    return f"::{command} file={file},{place}::{_escaped(problem['message'] + hint)}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
