"""What explains a start that makes up for a stop is known until that start was."""

from __future__ import annotations

import pytest
from tests.toys import TOYS, app, running

from reconciler.core.model import Observed, Ref, Resource, World
from reconciler.core.request import Asked, Request
from reconciler.engine.taken_back import LINGER, TakenBack

WEB = Ref("App", "web-0")
START = Request(Asked.START, "user", "the stop is taken back", "ada", at=100.0)


def world(state: str, *, started: bool) -> World:
    """One that is in ``state``."""
    seen: Observed[object] = running(started=started, vitals={"state": state})
    return {"App": {"web-0": seen}}


@pytest.mark.parametrize(
    ("state", "after", "is_known"),
    [
        ("completed", LINGER - 1, True),
        ("completed", LINGER, False),
        ("armed", LINGER, False),
        ("stopped", LINGER, True),
    ],
)
def test_a_run_between_two_looks_is_a_start_that_was(
    state: str, after: float, *, is_known: bool
) -> None:
    """Nobody is named as the cause of what comes much later; a start that waits is explained."""
    (want,) = TOYS["App"].instances(app("web"))
    desired: dict[Ref, Resource[object]] = {WEB: want}
    taken_back = TakenBack(TOYS)
    taken_back.note(WEB, START, 5.0)
    taken_back.settle(desired, world("stopped", started=False), 100.0, 6.0)
    taken_back.settle(desired, world(state, started=False), 100.0 + after, 7.0)
    assert (WEB in taken_back.explains(desired)) is is_known


def test_a_look_that_began_before_tells_nothing_of_it() -> None:
    """What it shows as stopped may be an earlier stop: the one that was taken back comes yet."""
    (want,) = TOYS["App"].instances(app("web"))
    desired: dict[Ref, Resource[object]] = {WEB: want}
    taken_back = TakenBack(TOYS)
    taken_back.note(WEB, START, 5.0)
    taken_back.settle(desired, world("stopped", started=False), 100.0, 4.0)
    taken_back.settle(desired, world("running", started=True), 100.1, 6.0)
    assert WEB in taken_back.explains(desired)
    taken_back.settle(desired, world("stopped", started=False), 100.2, 7.0)
    taken_back.settle(desired, world("running", started=True), 100.3, 8.0)
    assert WEB not in taken_back.explains(desired)
