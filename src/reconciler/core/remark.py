"""What is to be said about specs that are right one by one."""

from __future__ import annotations

from typing import NamedTuple

from .model import Ref


class Remark(NamedTuple):
    """Something about a resource that only shows beside the others."""

    ref: Ref
    message: str
    hint: str = ""
    at: tuple[str | int, ...] = ()
    """Where in its document: ``("spec", "tests", 0)``."""
