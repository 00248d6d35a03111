"""The operator's log lines, for people and for collectors."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from reconciler.engine.log_lines import NO_TRACE, TRACE, JsonLines, Lines, Trace

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def record() -> Iterator[logging.LogRecord]:
    """A line of a request, of two rows."""
    token = TRACE.set(Trace("abc", PARENT))
    yield logging.LogRecord("reconciler.x", logging.WARNING, "", 0, "a %s\nb", ("“1”",), None)
    TRACE.reset(token)


def test_json_lines_are_one_line(record: logging.LogRecord) -> None:
    """Whatever is in the text, with the request and its trace."""
    (row,) = JsonLines().format(record).splitlines()
    told = json.loads(row)
    assert told.pop("time").endswith("+00:00")
    expected = {"level": "warning", "logger": "reconciler.x", "message": "a “1”\nb"}
    assert told == {**expected, "request": "abc", "traceparent": PARENT}


def test_an_exception_stays_in_its_line() -> None:
    """So that a collector takes it for one thing."""
    try:
        json.loads("no")
    except ValueError as exc:
        info = (ValueError, exc, exc.__traceback__)
    found = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), info)
    (row,) = JsonLines().format(found).splitlines()
    assert "Expecting value" in json.loads(row)["exception"]
    assert "request" not in json.loads(row)


def test_lines_for_people(record: logging.LogRecord) -> None:
    """As ever; only lines of a request say more."""
    assert (
        Lines()
        .format(record)
        .endswith(f"WARNING reconciler.x a “1”\nb request=abc traceparent={PARENT}")
    )
    token = TRACE.set(NO_TRACE)
    assert Lines().format(record).endswith("WARNING reconciler.x a “1”\nb")
    TRACE.reset(token)
