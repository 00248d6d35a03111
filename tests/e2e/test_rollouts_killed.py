"""Whenever the operator is killed, what runs in the end is one revision, in all planes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from reconciler.testing import eventually

from .plain import Plain, make_plain

ROUNDS = 100 if os.environ.get("RECONCILER_SOAK") == "1" else 2
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
    """What was committed: the number of each revision, and which ones are sick."""

    stack: Plain
    number: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    sick: set[str] = field(default_factory=set)

    @property
    def head(self) -> str:
        return self.stack.git("rev-parse", "HEAD").strip()

    def commit(self, *, sick: bool) -> None:
        """A revision that changes a process and a route together."""
        text = self.stack.web.read_text()
        new = self.number + 1
        text = text.replace(f"COLOUR: c{self.number}", f"COLOUR: c{new}")
        text = text.replace(f"to: /c{self.number},", f"to: /c{new},")
        text = text.replace(SICK, WELL)
        self.stack.web.write_text(text.replace(WELL, SICK) if sick else text)
        self.number = new
        made = self.stack.commit(f"number {new}, {'sick' if sick else 'well'}")
        self.numbers[made] = new
        if sick:
            self.sick.add(made)

    def is_whole(self) -> bool:
        """Whether process and route are both of one revision: of HEAD, or of the one in its place.

        On a slow machine a well one may come too late as well; a sick one never stays.
        """
        status, head = self.stack.look(), self.head
        assert status["verdict"]["inSync"], status["verdict"]
        assert status["rollout"]["result"] == "healthy", status["rollout"]
        current, away = status["revision"], status["rolledBack"] or {}
        assert current == head or (away.get("from"), away.get("to")) == (head, current), away
        assert current not in self.sick
        wanted = f"c{self.numbers[current]}"
        assert (self.stack.colour(), self.stack.mark()) == (wanted, f"/{wanted}"), status["rollout"]
        return True


@pytest.fixture
def course() -> Iterator[Course]:
    with make_plain() as stack:
        text = stack.web.read_text().replace("COLOUR: green", "COLOUR: c0")
        stack.web.write_text(text.replace("to: /green,", "to: /c0,"))
        (stack.root / "specs" / "stack.yaml").write_text(STACK)
        made = Course(stack)
        made.numbers[stack.commit("number 0")] = 0
        stack.start()
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
        eventually(course.is_whole, 90)
