"""`reconciler metrics`: what `/metrics` tells, for people and for the pages of the guide."""

from __future__ import annotations

from pathlib import Path

from ..core.lines import Span, Style, line
from .outcome import Exit
from .terminal import Terminal

PAGES = {"en": "en/metrics.md", "zh": "zh/metrics.md"}


def metrics(terminal: Terminal, *, docs: Path, write: bool = False, check: bool = False) -> int:
    """Print every metric; or write them into the guide; or say which page is old."""
    from ..metrics.reference import renewed, tables, untranslated

    if not write and not check:
        terminal.write(tables())
        return Exit.OK
    old = False
    for language, name in PAGES.items():
        page = docs / name
        before = page.read_text()
        after = renewed(before, language)
        if write:
            page.write_text(after)
        elif after != before:
            old = True
            terminal.error(
                f"{page} does not say what the code says", "`reconciler metrics --write`"
            )
        for one in untranslated(after) if language != "en" else ():
            old = True
            terminal.error(f"{page}: the meaning of {one} is not translated")
    if write:
        terminal.talk(line(Span(f"✔ wrote the tables in {docs}", Style.GOOD)))
    return Exit.DIFFERENCES if old else Exit.OK
