"""`reconciler doctor`: first aid. One line per thing looked at, one command per thing to mend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from ..core.errors import ReconcileError
from ..core.lines import Line, Span, Style, line, pad, tame
from ..settings import Settings
from . import checks
from .checks import Check, Finding, Grade
from .outcome import Exit
from .terminal import Terminal, structured


def _port(settings: Settings) -> Iterator[Finding]:
    from .ports import port

    yield from port(settings)


def _api(settings: Settings) -> Iterator[Finding]:
    from .admission import api

    yield from api(settings)


CHECKS: Final[tuple[Check, ...]] = (
    checks.python,
    checks.supervisor,
    checks.gateway,
    checks.git,
    checks.state,
    _port,
    checks.specs,
    checks.left,
    checks.operator,
    _api,
)
SIGNS: Final = {
    Grade.OK: Span("✔", Style.GOOD),
    Grade.NOTE: Span("·", Style.FAINT),
    Grade.WARNING: Span("!", Style.CHANGE),
    Grade.ERROR: Span("✘", Style.BAD),
}


def doctor(settings: Settings, terminal: Terminal, *, output: str = "text") -> int:
    """Print what was found; 1 when something keeps a stack from running."""
    findings = [finding for check in CHECKS for finding in examine(check, settings)]
    if output == "text":
        terminal.show(finding_lines(findings))
    else:
        told = [{**one._asdict(), "grade": one.grade.value} for one in findings]
        terminal.write(structured({"items": told}, output))
    sick = any(one.grade is Grade.ERROR for one in findings)
    return Exit.DIFFERENCES if sick else Exit.OK


def examine(check: Check, settings: Settings) -> Iterable[Finding]:
    """Look at one thing; a look that fails is a finding too."""
    name = check.__name__.strip("_")
    try:
        yield from check(settings)
    except ReconcileError as error:
        yield Finding(name, Grade.ERROR, str(error))
    except Exception as error:  # noqa: BLE001 - one failed look must not hide the others
        yield Finding(name, Grade.ERROR, f"it could not be looked at: {type(error).__name__}")


def finding_lines(findings: Sequence[Finding]) -> list[Line]:
    """Findings by group, then the count."""
    rows: list[Line] = []
    for group, found in groupby(findings, key=lambda one: one.group):
        for index, one in enumerate(found):
            head = Span(pad("" if index else group, 12), Style.STRONG)
            rows.append(line(head, SIGNS[one.grade], f" {tame(one.text)}"))
            rows += [line(" " * 14, Span(tame(said), Style.FAINT)) for said in one.detail]
            if one.fix:
                rows.append(line(" " * 14, Span("fix: ", Style.CALM), tame(one.fix)))
    counts = {grade: sum(one.grade is grade for one in findings) for grade in Grade}
    rows.append(line(Span(_total(counts), Style.STRONG)))
    return rows


def _total(counts: dict[Grade, int]) -> str:
    errors, warnings = counts[Grade.ERROR], counts[Grade.WARNING]
    return ", ".join(
        [
            f"{errors} error{'s' * (errors != 1)}",
            f"{warnings} warning{'s' * (warnings != 1)}",
            f"{counts[Grade.OK]} ok",
        ]
    )
