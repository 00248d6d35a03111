"""`reconciler sync verify` and `accept`: a drill now, and a person's word."""

from __future__ import annotations

from ...settings import Settings
from ..terminal import Terminal
from .ordering import Wish, order


def verify(settings: Settings, terminal: Terminal, wish: Wish, *, everything: bool) -> int:
    """Have what the remote holds restored into a scratch folder and looked at."""
    arguments = {"all": True} if everything else {}
    return order(settings, terminal, "verify", wish._replace(arguments=arguments))


def accept(settings: Settings, terminal: Terminal, wish: Wish) -> int:
    """Let what lies there be the truth, restored or not."""
    return order(settings, terminal, "accept", wish)
