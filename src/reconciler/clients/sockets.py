"""What of the stack itself is not for everybody: its sockets, its state."""

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


def refuse_state(root: str | None, state_dir: Path) -> None:
    """Refuse to serve a folder that has the stack's state in it, or lies there.

    A name that begins with a dot is never served, so what is below one is safe. Raises Terminal.
    """
    if root is None:
        return
    folder, state = Path(root).resolve(), state_dir.resolve()
    is_shown = state.is_relative_to(folder) and not any(
        part.startswith(".") for part in state.relative_to(folder).parts
    )
    if folder.is_relative_to(state) or is_shown:
        text = f"{root} holds the stack's own state, secrets among it; serve another folder"
        raise Terminal(text, reason="OwnState")
