"""`reconciler version`."""

from __future__ import annotations

import platform

from .. import __version__
from .outcome import Exit
from .terminal import Terminal, structured


def version(terminal: Terminal, *, output: str = "text") -> int:
    """Print which reconciler and which Python this is."""
    told = {"version": __version__, "python": platform.python_version()}
    if output == "text":
        terminal.write(f"reconciler {told['version']} (python {told['python']})\n")
    else:
        terminal.write(structured(told, output))
    return Exit.OK
