"""`reconciler dashboards`: what Grafana and Prometheus read, as files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from ..clients.files import write_atomic
from ..core.lines import Span, Style, line
from .outcome import Exit
from .terminal import Terminal

EVERYONE_READS: Final = 0o644


def export(terminal: Terminal, *, folder: Path, runbooks: str | None, check: bool = False) -> int:
    """Write every file below ``folder``; or say which are not what would be written."""
    from ..dashboards.files import RUNBOOKS, files

    wanted = files(runbooks or RUNBOOKS)
    if check:
        old = [name for name, text in wanted.items() if _read(folder / name) != text]
        old += sorted(_surplus(folder, wanted.keys()))
        for name in old:
            hint = f"`reconciler dashboards export --to {folder}`"
            terminal.error(f"{folder / name} is not what the code says", hint)
        return Exit.DIFFERENCES if old else Exit.OK
    for name, text in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / name, text.encode(), mode=EVERYONE_READS)
    terminal.talk(line(Span(f"✔ wrote {len(wanted)} files to {folder}", Style.GOOD)))
    return Exit.OK


def _surplus(folder: Path, wanted: Collection[str]) -> set[str]:
    """Dashboards that nothing generates any more."""
    there = {f"dashboards/{path.name}" for path in folder.glob("dashboards/*.json")}
    return there - set(wanted)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
