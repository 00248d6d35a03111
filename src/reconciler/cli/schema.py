"""`reconciler schema`: what editors check spec files with."""

from __future__ import annotations

from pathlib import Path

from ..core.lines import Span, Style, line
from .outcome import Exit
from .terminal import Terminal


def schema(terminal: Terminal, *, folder: Path, write: bool = False, check: bool = False) -> int:
    """Print the schema of all kinds; or write one file per kind; or say which files are old."""
    from ..specs import schema as schemas

    if check:
        old = list(schemas.check_schema(folder))
        for name in old:
            terminal.error(f"{name} does not match the kinds", "`reconciler schema --write`")
        return Exit.DIFFERENCES if old else Exit.OK
    if write:
        schemas.write_schema(folder)
        terminal.talk(line(Span(f"✔ wrote the schemas to {folder}", Style.GOOD)))
        return Exit.OK
    terminal.write(schemas.all_schema())
    return Exit.OK
