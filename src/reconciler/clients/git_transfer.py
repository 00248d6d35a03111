"""What is fetched and pushed: how much at most, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .files import free_space
from .git import Result
from .git_errors import failure, refusal

RESERVE: Final = 64 << 20
"""Bytes of the disk that nothing a remote sends may take."""
FETCH: Final = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
PUSH: Final = ("--porcelain", "--no-verify", "--no-signed", "--end-of-options")


class Moved(Exception):  # noqa: N818 (an answer: look again and try once more)
    """Somebody else pushed first."""


def room(folder: Path) -> int:
    """Bytes that what a remote sends may take."""
    return max(free_space(folder) - RESERVE, RESERVE)


def demand_pushed(url: str, result: Result) -> None:
    """Raises Moved when another was there first, Transient when it was not pushed at all."""
    said = result.output.decode("utf-8", "replace")
    if "[remote rejected]" in said:
        raise refusal(url, said, result.errors)
    if "[rejected]" in said:
        raise Moved
    if result.code:
        raise failure("push", result.errors, url)
