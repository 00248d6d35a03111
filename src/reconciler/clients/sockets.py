"""Sockets that are not for everybody."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import Terminal


def refuse_own(socket: str | None, run: Path) -> None:
    """Refuse to send strangers to a socket of the stack itself, by whatever name.

    ``run`` is the folder of its sockets. Raises Terminal.
    """
    if socket is not None and Path(socket).resolve().is_relative_to(run.resolve()):
        text = f"{socket} is the stack's own: whoever reaches it may change the stack"
        raise Terminal(text, reason="OwnSocket")
