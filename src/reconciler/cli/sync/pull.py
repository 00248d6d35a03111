"""`reconciler sync pull`: what others changed comes here."""

from __future__ import annotations

from ...settings import Settings
from ..terminal import Terminal
from .ordering import Wish, order


def pull(settings: Settings, terminal: Terminal, wish: Wish) -> int:
    """Have what the remote has and nobody changed here brought here."""
    return order(settings, terminal, "pull", wish)
