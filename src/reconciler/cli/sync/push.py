"""`reconciler sync push`: what was taken here goes to the remote."""

from __future__ import annotations

from ...settings import Settings
from ..terminal import Terminal
from .ordering import Wish, order


def push(settings: Settings, terminal: Terminal, wish: Wish) -> int:
    """Have what is not pushed yet pushed."""
    return order(settings, terminal, "push", wish)
