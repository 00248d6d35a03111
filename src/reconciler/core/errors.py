"""What can go wrong, named by what the loop must do about it.

* ReconcileError
  x Transient    retry with backoff
  x Waiting      look again after a known time; not a failure
  x Terminal     no retry until the spec changes
"""

from __future__ import annotations


class ReconcileError(Exception):
    """Something in the world refused; ``reason`` is a CamelCase token, the text is for people."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Transient(ReconcileError):
    """Retry with backoff."""


class Waiting(ReconcileError):
    """Look again ``after`` seconds; the backoff does not grow."""

    def __init__(self, message: str, *, reason: str, after: float) -> None:
        super().__init__(message, reason=reason)
        self.after = after


class Terminal(ReconcileError):
    """Retrying is useless until the spec changes."""
