"""How the operator's own log lines look: a line for people, or JSON for whoever collects them."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, NamedTuple


class Trace(NamedTuple):
    """Which request a line belongs to, and which trace of whoever asked."""

    request: str = ""
    parent: str = ""
    """A ``traceparent``, as W3C has it."""


NO_TRACE: Final = Trace()
TRACE: ContextVar[Trace] = ContextVar("trace", default=NO_TRACE)


class Lines(logging.Formatter):
    """One line for people; the request stands at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s%(trace)s")

    def format(self, record: logging.LogRecord) -> str:
        trace = TRACE.get()
        told = f" request={trace.request}" if trace.request else ""
        record.trace = told + (f" traceparent={trace.parent}" if trace.parent else "")
        return super().format(record)


class JsonLines(logging.Formatter):
    """One JSON document a line."""

    def format(self, record: logging.LogRecord) -> str:
        trace = TRACE.get()
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": trace.request,
            "traceparent": trace.parent,
            "exception": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps({name: text for name, text in told.items() if text}, ensure_ascii=False)


def set_up(form: str, level: str) -> None:
    """Log to stderr. What makes no sense is the usual, for logs must not stop a stack."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form.lower() == "json" else Lines())
    known = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=known, handlers=[handler])
