"""The operator is killed while it starts, stops and restarts processes: nobody notices."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest

from reconciler.testing import eventually

from .herd import BREEDS, Herd, make_herd

DICE: Final = random.Random()
pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SOAK: Final = os.environ.get("RECONCILER_SOAK") == "1"
KILLS: Final = 50 if SOAK else 8
BATCHES: Final = range(20 if SOAK else 1)


@dataclass
class Book:
    """What must be there: of each process how many live ones, and how many starts so far."""

    live: Counter[str] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)
    turn: int = 0

    def born(self, name: str, count: int = 1) -> None:
        """A process is to be started."""
        self.live[name] = count
        self.starts[name] += 1

    def gone(self, name: str) -> None:
        """A process is to be stopped."""
        self.live.pop(name, None)


@pytest.fixture(scope="module")
def herd() -> Iterator[tuple[Herd, Book]]:
    """One stack for all of these, and the book about it."""
    with make_herd() as stack:
        book = Book()
        stack.write("calm", "replicas: 2")
        stack.write("brood", "stop: {grace: 5s}", does=BREEDS)
        stack.write("many", "replicas: 2")
        stack.write("switch")
        for name in ("calm-0", "calm-1", "many-0", "many-1", "switch-0"):
            book.born(name)
        book.born("brood-0", 2)
        stack.begin()
        stack.up()
        yield stack, book


def scale(stack: Herd, book: Book) -> None:
    """Another number of replicas: those that stay are not touched."""
    before = sum(name.startswith("many-") for name in book.live)
    # Never so many fewer that a person would have to confirm it.
    after = DICE.choice([count for count in range(1, 6) if count != before])
    stack.write("many", f"replicas: {after}")
    for index in range(before, after):
        book.born(f"many-{index}")
    for index in range(after, before):
        book.gone(f"many-{index}")


def paint(stack: Herd, book: Book) -> None:
    """Another environment, for one that takes its time to stop."""
    stack.write("brood", "stop: {grace: 5s}", f"env: {{COLOUR: '{book.turn}'}}", does=BREEDS)
    book.born("brood-0", 2)


def toggle(stack: Herd, book: Book) -> None:
    """On becomes off, off becomes on."""
    on = "switch-0" not in book.live
    stack.write("switch", f"enabled: {str(on).lower()}")
    (book.born if on else book.gone)("switch-0")


def invite(stack: Herd, book: Book) -> None:
    """One more process, or one less."""
    if "guest-0" in book.live:
        stack.remove("guest")
        book.gone("guest-0")
    else:
        stack.write("guest")
        book.born("guest-0")


def tune(stack: Herd, book: Book) -> None:
    """Another setting of how it is kept: it lives on."""
    stack.write("calm", "replicas: 2", f"restart: {{maxBackoff: {31 + book.turn}s}}")


def push(stack: Herd, book: Book) -> None:
    """A restart that a person asks for happens once."""
    stack.ask("restart", "brood-0")
    book.born("brood-0", 2)


OPERATIONS: Final[tuple[Callable[[Herd, Book], None], ...]] = (
    scale,
    paint,
    toggle,
    invite,
    tune,
    push,
)


def check(stack: Herd, book: Book, pids: dict[str, int]) -> None:
    """All that must be there is, once; it was started as often as asked, and no more."""
    stack.settle(60)
    wanted = Counter(+book.live)
    eventually(lambda: stack.tagged() == wanted)
    assert stack.starts() == book.starts
    now = stack.pids()
    assert set(now) == set(book.live)
    assert {name: pids[name] for name in ("calm-0", "calm-1")} == {
        name: now[name] for name in ("calm-0", "calm-1")
    }


@pytest.mark.parametrize("batch", BATCHES)
def test_the_operator_is_killed(herd: tuple[Herd, Book], batch: int) -> None:
    """Whatever it was doing is done once: no double, no orphan, no start that nobody asked for."""
    stack, book = herd
    stack.settle()
    pids, kills = stack.pids(), 0
    while kills < KILLS:
        book.turn += 1
        operation = OPERATIONS[book.turn % len(OPERATIONS)]
        operation(stack, book)
        stack.git("add", "-A", "specs")
        stack.git("commit", "-q", "--allow-empty", "-m", f"{book.turn}: {operation.__name__}")
        for _ in range(DICE.choice((1, 1, 2, 3))):
            time.sleep(DICE.uniform(0, 0.6))
            stack.kill_operator()
            kills += 1
        check(stack, book, pids)
