"""`reconciler schema`: what editors check spec files with."""

from __future__ import annotations

from pathlib import Path

from ..core.lines import Span, Style, line
from .outcome import Exit
from .terminal import Terminal


def schema(terminal: Terminal, *, folder: Path, write: bool = False, check: bool = False) -> int:
    """Print the schema of all kinds; or write one file per kind; or say which files are old."""
    from ..specs.schema import all_schema, check_schema, write_schema

    if check:
        old = list(check_schema(folder))
        for name in old:
            terminal.error(f"{name} does not match the kinds", "`reconciler schema --write`")
        return Exit.DIFFERENCES if old else Exit.OK
    if write:
        write_schema(folder)
        terminal.talk(line(Span(f"✔ wrote the schemas to {folder}", Style.GOOD)))
        return Exit.OK
    terminal.write(all_schema())
    return Exit.OK
