"""`reconciler sync now`: a backup, whatever the hour."""

from __future__ import annotations

from ...settings import Settings
from ..terminal import Terminal
from .ordering import Wish, order


def now(settings: Settings, terminal: Terminal, wish: Wish) -> int:
    """Have targets backed up."""
    return order(settings, terminal, "backup", wish)
