"""Who writes: a name that lasts, and one for this start."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

NAMES: Final = ("RECONCILER_STACK", "SPACE_ID")
"""Variables that name a stack on platforms that give each container a new host name."""


class Who(NamedTuple):
    """Who we are: the stack, this start of its operator, the machine."""

    stack: str
    start: str
    host: str


def who_are_we(root: Path, environ: Mapping[str, str] = MappingProxyType({})) -> Who:
    """A name that this stack has again after it was started anew, and one for this start.

    Platforms that give each container a new host name say otherwise who it is.
    """
    host = socket.gethostname()
    named = next((environ[name] for name in NAMES if environ.get(name)), "")
    return Who(named or f"{host}:{root.parent.parent}", secrets.token_hex(8), host)
