"""The process plane: every case for N programs, all sides in turn on the same machine."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from .rounds import Board, Row, Target, timed, turned
from .sides import Floor, Ours, Side, Stock, Supervisord, build, folder, line_up
from .weight import weigh

TARGETS: Final[Mapping[str, tuple[Target, ...]]] = {
    "start 500": (Target(Floor.name, within=3.5),),
    "add 1 to 500": (Target(Supervisord.name, ahead=80),),
    "change 1 of 500": (Target(Supervisord.name, ahead=60),),
    "change 1 of 10": (Target(Supervisord.name, ahead=20, side=Stock.name),),
    "remove 1 of 500": (Target(Supervisord.name, ahead=60),),
    "kill 1 of 500": (Target(Supervisord.name, ahead=100),),
    "apply nothing to 500, operator": (Target(Supervisord.name, ahead=60),),
    "apply nothing to 500, shell": (Target(Supervisord.name, ahead=20),),
    "status of 500": (Target(Supervisord.name, ahead=5), Target("pm2", ahead=5)),
}


@dataclass(frozen=True, slots=True)
class Run:
    """How much is measured, and with whom."""

    board: Board
    sides: Sequence[str]
    rounds: int
    seconds: float
    """How long idle stacks are watched."""

    def row(self, name: str) -> Row:
        """The row of a case, with its targets."""
        return self.board.row(name, "ms", *TARGETS.get(name, ()))


@dataclass(frozen=True, slots=True)
class Field:
    """All sides, up, with ``size`` programs each."""

    run: Run
    sides: Sequence[Side]
    size: int

    def in_turn(self) -> Iterator[tuple[int, Side]]:
        """Every side in every round, none always first; round 0 is to be thrown away."""
        for number in range(self.run.rounds + 1):
            for side in turned(self.sides, number):
                yield number, side
            self.settle()

    def note(self, name: str, number: int, side: Side, took: float) -> None:
        """Take in a sample, but for the first round."""
        if number:
            self.run.row(name).add(side.name, took)

    def settle(self) -> None:
        """Wait until nobody works, so that nobody is measured in the noise of another."""
        for side in self.sides:
            side.settle(self.size)


def plane(run: Run, cases: Sequence[str], *, sizes: Sequence[int]) -> None:
    """All the ``cases`` asked for, at every size."""
    for size in sizes:
        rounds = run.rounds + 1 if "start" in cases else 1
        for number in range(rounds):
            with line_up(turned(run.sides, number), count=size) as sides:
                _start(run, sides, size=size, counts=number > 0)
                if number == rounds - 1:
                    field = Field(run, sides, size)
                    field.settle()
                    for case in cases:
                        if case in CASES:
                            CASES[case](field)


def _start(run: Run, sides: Sequence[Side], *, size: int, counts: bool) -> None:
    programs = {f"p{number:04d}": "0" for number in range(size)}
    row = run.row(f"start {size}") if counts else Row("warm")
    if Floor.name in run.sides:
        with folder() as place, Floor(place, build(place)).started(size) as took:
            row.add(Floor.name, took)
    for side in sides:
        row.add(side.name, side.started(programs))
        assert len(side.alive()) == side.ticks.count() == size, f"{side.name}: not {size} starts"


def _add(field: Field) -> None:
    """One more, and away with it again."""
    size = field.size
    for number, side in field.in_turn():
        with _untouched(side):
            field.note(f"add 1 to {size}", number, side, side.started({"added": str(number)}))
            side.settle(size + 1)
            field.note(f"remove 1 of {size}", number, side, side.removed("added"))


def _change(field: Field) -> None:
    for number, side in field.in_turn():
        before = side.ticks.last()["p0000"].pid
        with _untouched(side, before):
            took = side.started({"p0000": f"{number + 1}"})
        assert before not in side.alive(), f"{side.name}: the old one still runs"
        field.note(f"change 1 of {field.size}", number, side, took)


def _kill(field: Field) -> None:
    """Another program every time: the first death of a life costs no back-off."""
    time.sleep(1.5)  # all are older than the second in which a death counts as a failed start
    for number, side in field.in_turn():
        name = f"p{1 + number % (field.size - 1):04d}"
        time.sleep(random.random())  # at any moment of a manager's tick
        with _untouched(side, side.ticks.last()[name].pid):
            field.note(f"kill 1 of {field.size}", number, side, side.killed(name))


def _nothing(field: Field) -> None:
    """An apply that changes nothing, from the shell; ours also without the shell."""
    shell, inside = (f"apply nothing to {field.size}, {how}" for how in ("shell", "operator"))
    for number, side in field.in_turn():
        if side.name == "pm2" and number != 1:
            continue  # it starts everything anew, which takes as long as it takes
        starts, before = side.ticks.count(), side.alive()
        took = timed(side.idle)
        field.note(shell, number, side, took)
        if isinstance(side, Ours):
            took = timed(side.operator.reconcile)
        field.note(inside, number, side, took)
        again = side.ticks.count() - starts
        if side.name != "pm2":
            assert again == 0, f"{side.name}: restarted {again}"
            assert side.alive() == before
        else:
            for name in (shell, inside):
                field.run.row(name).remarks["pm2"] = f"restarts {again} programs; one round"


def _status(field: Field) -> None:
    for number, side in field.in_turn():
        if words := side.listing():
            text = ""

            def ask(side: Side = side, words: list[str] = words) -> None:
                nonlocal text
                text = _said(words, side.environ())

            field.note(f"status of {field.size}", number, side, timed(ask))
            missing = [n for n in range(field.size) if f"p{n:04d}" not in text]
            assert not missing, f"{side.name} does not show {missing[:5]}"


def _said(words: list[str], environ: Mapping[str, str] | None) -> str:
    # supervisorctl ends with 3 when something does not run.
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def _untouched(side: Side, *besides: int) -> Iterator[None]:
    """Whatever else runs is still the same process afterwards."""
    before = side.alive() - set(besides)
    yield
    gone = before - side.alive()
    assert not gone, f"{side.name}: {len(gone)} others were restarted"


CASES: Final[Mapping[str, Callable[[Field], None]]] = {
    "add": _add,
    "change": _change,
    "kill": _kill,
    "nothing": _nothing,
    "status": _status,
    "weight": lambda field: weigh(
        field.run.board, field.sides, size=field.size, seconds=field.run.seconds
    ),
}
NAMES: Final = ("start", *CASES)
