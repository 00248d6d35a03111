"""Which request is being answered: its id, in the answer and in every line of the log."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers

from ..engine.log_lines import TRACE, Trace
from .access import Caller

log = logging.getLogger(__name__)

REQUEST_ID: Final = "X-Request-Id"
PARENT: Final = "traceparent"
_SANE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_BYTES: Final = 8


def begin(headers: Headers) -> Trace:
    """Name this request, as its sender does where that is no nonsense.

    Each request has a task, and thus a context, of its own: nothing is to be undone.
    """
    said, parent = headers.get(REQUEST_ID, ""), headers.get(PARENT, "")
    name = said if _SANE.fullmatch(said) else secrets.token_hex(_BYTES)
    trace = Trace(name, parent if _PARENT.fullmatch(parent) else "")
    TRACE.set(trace)
    return trace


def note(method: str, path: str, caller: Caller | None, status: int) -> None:
    """Write down who changed something, or tried to. A query may hold what is not to be kept."""
    who = f"{caller.how} {caller.name}" if caller else "nobody"
    log.info("%s %s by %s: %s", method, quote(path), quote(who, " "), status)
