"""A new instance is put beside the old one, and then in its place: what each is for now.

That follows from what is written and what is seen. Remembered are only the times that nobody can
see: when it began, when the new one took over, and that it failed.
"""

from __future__ import annotations

from typing import Final, TypeVar

from .turns import DRAINING, FAILED, ROLLING, Memory, Note, Pair, Role, Slot, Turn, Wait
from .units import format_duration

T = TypeVar("T")

LOOK_EVERY: Final = 0.25
"""Nobody tells when the last request is over: so often it is looked at (seconds)."""


def turn(pair: Pair) -> Turn:
    """What each of the two is for now."""
    there = [number for number in (0, 1) if pair.slots[number].there]
    if not there:
        return _only(pair, 0)
    old = there[0] if len(there) == 1 else _serving(pair)
    if old is None:
        text = "nobody can say yet which of the two is ready"
        return Turn((Role.KEPT, Role.KEPT), (Wait(ROLLING, text), Wait(ROLLING, text)))
    if not pair.runs or pair.slots[old].fits:
        return _only(pair, old)
    if not _is_worth_keeping(pair, old):
        # Nothing serves: what is written is put where it is nearest to.
        return _only(pair, 1 - old if pair.slots[1 - old].fits else old)
    return _replace(pair, old)


def _serving(pair: Pair) -> int | None:
    """Which of two that are there is the old one, or the only one that matters."""
    first, second = pair.slots
    if first.fits != second.fits and pair.runs:
        return 0 if second.fits else 1
    if first.alive and second.alive and (first.unjudged or second.unjudged):
        return None
    return max((0, 1), key=lambda number: _rank(pair, number))


def _rank(pair: Pair, number: int) -> tuple[bool, bool, bool, float]:
    one, other = pair.slots[number], pair.slots[1 - number]
    # Who was ready for so long has taken over from one that was there before.
    both = _is_well(pair, one) and _is_well(pair, other)
    return (one.ready, _is_well(pair, one), one.alive, one.born if both else -one.born)


def _is_well(pair: Pair, one: Slot) -> bool:
    return one.ready and pair.now - one.since >= pair.policy.min_healthy


def _is_worth_keeping(pair: Pair, old: int) -> bool:
    memory = pair.memory
    return pair.slots[old].alive or (memory is not None and not memory.took_over)


def _only(pair: Pair, one: int) -> Turn:
    """One of them stays, and the other one goes once it has nothing to finish."""
    slot, other = pair.slots[one], pair.slots[1 - one]
    # What was stopped by hand while it was to be replaced begins again as it was.
    as_it_was = slot.there and not pair.runs and not slot.fits and pair.memory is not None
    mine = Role.KEPT if as_it_was else Role.WRITTEN
    note = None if pair.runs else _pausing(pair.memory)
    if not other.there:
        settled = pair.runs and slot.fits and pair.memory is not None
        return Turn(_pair(one, mine, Role.ABSENT), note=Note.SETTLED if settled else note)
    began = pair.memory.began if pair.memory is not None else 0.0
    wait = _draining(pair, other, began) if pair.runs else None
    return Turn(_pair(one, mine, Role.LEAVING), _pair(one, None, wait), note)


def _pausing(memory: Memory | None) -> Note | None:
    return Note.PAUSED if memory is not None and memory.began and not memory.failed else None


def _replace(pair: Pair, old: int) -> Turn:
    memory, new = pair.memory, pair.slots[1 - old]
    if memory is not None and memory.failed:
        wait = Wait(FAILED, f"goes on as it was: {memory.message}")
        return Turn(_pair(old, Role.KEPT, Role.ABSENT), _pair(old, wait, None))
    if new.fits and (_is_well(pair, new) or _has_taken_over(new, memory)):
        return _leave(pair, old)
    roles = _pair(old, Role.KEPT, Role.COMING)
    long = format_duration(pair.policy.min_healthy)
    text = f"serves until {pair.names[1 - old]} has been ready for {long}"
    wait = Wait(ROLLING, text, _time_left(pair, new))
    if memory is None or not memory.began:
        busy = _draining(pair, new, pair.now) if not new.fits else None
        return Turn(roles, _pair(old, wait, busy), Note.BEGAN)
    busy = _draining(pair, new, memory.began) if not new.fits else None
    return Turn(roles, _pair(old, wait, busy), failure=_failure(pair, new, memory))


def _has_taken_over(new: Slot, memory: Memory | None) -> bool:
    """A new operator cannot say since when it is ready, but remembers."""
    remembered = memory is not None and bool(memory.took_over)
    return remembered and new.alive and (new.ready or new.unjudged)


def _leave(pair: Pair, old: int) -> Turn:
    memory = pair.memory
    is_news = memory is None or not memory.took_over
    since = pair.now if memory is None or not memory.took_over else memory.took_over
    wait = _draining(pair, pair.slots[old], since)
    if is_news and wait is None:
        # That it has taken over is told to whoever passes requests on, before anything stops.
        wait = Wait(DRAINING, f"{pair.names[1 - old]} takes over", 0.0)
    note = Note.TOOK_OVER if is_news else None
    return Turn(_pair(old, Role.LEAVING, Role.WRITTEN), _pair(old, wait, None), note)


def _draining(pair: Pair, one: Slot, since: float) -> Wait | None:
    left = since + pair.policy.drain - pair.now
    if not one.alive or not one.busy or left <= 0:
        return None
    most = format_duration(pair.policy.drain)
    text = f"finishes what it was sent, for at most {most}: {one.busy}"
    return Wait(DRAINING, text, min(left, LOOK_EVERY))


def _time_left(pair: Pair, new: Slot) -> float | None:
    """Seconds until time alone makes a difference."""
    times = []
    if pair.memory is not None and pair.memory.began:
        times.append(pair.memory.began + pair.policy.deadline - pair.now)
    if new.fits and new.ready:
        times.append(new.since + pair.policy.min_healthy - pair.now)
    return min((left for left in times if left > 0), default=None)


def _failure(pair: Pair, new: Slot, memory: Memory) -> str:
    if new.fits and new.stuck:
        return new.stuck
    if new.ready or new.unjudged or pair.now - memory.began <= pair.policy.deadline:
        return ""
    return f"was not ready within {format_duration(pair.policy.deadline)}"


def _pair(first: int, its: T, others: T) -> tuple[T, T]:
    return (its, others) if first == 0 else (others, its)
