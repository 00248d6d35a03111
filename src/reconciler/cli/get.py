"""`reconciler get`: resources, as a table or as data."""

from __future__ import annotations

from datetime import UTC, datetime

from ..settings import Settings
from .names import parse, select
from .outcome import Exit
from .overview import table
from .stack import find_operator, resources_of
from .terminal import Terminal, structured


def get(
    settings: Settings, terminal: Terminal, *, what: str | None = None, output: str = "text"
) -> int:
    """Print the resources that ``what`` names; all when it names none."""
    everything = resources_of(find_operator(settings).status())
    found = select(everything, what)
    if output == "name":
        terminal.write("".join(f"{view['ref']}\n" for view in found))
    elif output in {"json", "yaml"}:
        single = len(found) == 1 and parse(what, everything).name is not None
        terminal.write(structured(found[0] if single else {"items": found}, output))
    elif found:
        terminal.show(
            table(found, now=datetime.now(UTC), width=terminal.width, wide=output == "wide")
        )
    else:
        terminal.hint("there are no such resources; `reconciler get` lists everything")
    return Exit.OK
