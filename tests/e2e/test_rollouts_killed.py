"""Whenever the operator is killed, what runs in the end is one revision, in all planes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from reconciler.testing import eventually

from .plain import Plain, make_plain

ROUNDS = 100 if os.environ.get("RECONCILER_SOAK") == "1" else 3
pytestmark = [pytest.mark.real, pytest.mark.timeout(180 + 60 * ROUNDS)]

STACK = """\
apiVersion: reconciler.dev/v1
kind: Stack
metadata: {name: main}
spec:
  autoRevert: {enabled: true, deadline: 6s, minHealthyTime: 500ms}
"""
WELL, SICK = "path: /}", "path: /not-there}"


@dataclass
class Course:
    """What was committed, and what must come of it."""

    stack: Plain
    number: int = 0
    good: int = 0

    def commit(self, *, sick: bool) -> str:
        """A revision that changes a process and a route together."""
        text = self.stack.web.read_text()
        new = self.number + 1
        text = text.replace(f"COLOUR: c{self.number}", f"COLOUR: c{new}")
        text = text.replace(f"to: /c{self.number},", f"to: /c{new},")
        text = text.replace(SICK, WELL)
        self.stack.web.write_text(text.replace(WELL, SICK) if sick else text)
        self.number = new
        made = self.stack.commit(f"number {new}, {'sick' if sick else 'well'}")
        if not sick:
            self.good = new
        return made

    def is_whole(self) -> bool:
        """Whether process and route are both of the revision that must be current by now."""
        status = self.stack.look()
        assert status["verdict"]["inSync"], status["verdict"]
        assert status["rollout"]["result"] == "healthy", status["rollout"]
        wanted = f"c{self.good}"
        assert (self.stack.colour(), self.stack.mark()) == (wanted, f"/{wanted}"), status["rollout"]
        return True


@pytest.fixture
def course() -> Iterator[Course]:
    with make_plain() as stack:
        text = stack.web.read_text().replace("COLOUR: green", "COLOUR: c0")
        stack.web.write_text(text.replace("to: /green,", "to: /c0,"))
        (stack.root / "specs" / "stack.yaml").write_text(STACK)
        stack.commit("number 0")
        stack.start()
        made = Course(stack)
        eventually(made.is_whole, 90)
        yield made


def test_each_rollout_ends_entirely_on_one_revision(
    course: Course, record_property: Callable[[str, object], None]
) -> None:
    """Every third one is sick and goes back; kills come before, while and after that."""
    seed = random.randrange(1 << 32)
    record_property("seed", seed)
    dice = random.Random(seed)
    for round_ in range(ROUNDS):
        is_sick = round_ % 3 == 1
        course.commit(sick=is_sick)
        time.sleep(dice.uniform(0, 8 if is_sick else 1.5))  # the moment is the dice's choice
        with suppress(AssertionError, ProcessLookupError):
            os.kill(int(course.stack.look()["operator"]["pid"]), signal.SIGKILL)
        if not is_sick:
            eventually(course.is_whole, 60)
            continue
        head = course.stack.git("rev-parse", "HEAD").strip()
        eventually(lambda: (course.stack.look()["rolledBack"] or {}).get("from") == head, 60)
        eventually(course.is_whole, 60)
