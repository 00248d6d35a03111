"""What a person or a watched file may ask of a resource for the moment, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, assert_never

from ..core.errors import Terminal, Transient
from ..core.gates import is_live
from ..core.model import Ref, Resource, Unknown
from ..core.overrides import OPPOSITE, Override, may_run
from ..core.request import LONGEST, Asked, Request
from .journal import Event
from .look import Stack
from .plan_view import View, override_view
from .telling import ask_event, release_event
from .views import resource_view

HOUR: Final = 3600.0
WORDS: Final = 500
"""Characters of a reason that are kept."""


class Ask(NamedTuple):
    """What is asked. ``seconds`` it lasts; a watched file asks with ``cause`` watch."""

    verb: Asked
    seconds: float | None = None
    reason: str = ""
    author: str = "somebody"
    cause: str = "user"


def wanted_of(stack: Stack, ref: Ref) -> Resource[Any]:
    """The resource of one instance. Raises Terminal when there is none."""
    want = stack.ledger.desired.get(ref)
    if want is not None:
        return want
    live = stack.ledger.live(ref)
    if live is not None and live.vitals.get("system"):
        raise Terminal(f"{ref} belongs to the stack itself", reason="Refused")
    raise Terminal(f"there is no {ref}", reason="NotFound")


def shortened(reason: str) -> str:
    """What somebody wrote, on one line and no longer than is kept."""
    return " ".join(reason.split())[:WORDS]


def ask(stack: Stack, refs: Sequence[Ref], wanted: Ask) -> list[View]:
    """Keep what is asked of instances, of all or of none; the next pass does it."""
    seconds = HOUR if wanted.seconds is None else wanted.seconds
    if not 0 < seconds <= LONGEST:
        text = "it must last longer than nothing and at most 30 days; for longer edit the spec"
        raise Terminal(text, reason="NotSupported")
    for ref in refs:
        _demand_possible(stack, wanted_of(stack, ref), wanted)
    said = wanted._replace(seconds=seconds, reason=shortened(wanted.reason))
    with stack.requests.together():
        kept = {ref: request for ref in refs if (request := _keep(stack, ref, said)) is not None}
    if kept:
        stack.ledger.journal.record_events(
            [ask_event(ref, request) for ref, request in kept.items()], stack.clock.now()
        )
        stack.ledger.journal.commit()
    return [asked_view(stack, ref) for ref in refs]


def release(stack: Stack, ref: Ref, author: str) -> View | None:
    """Take back all that was asked of one instance; None when nothing was."""
    want = stack.ledger.desired.get(ref)
    lead = ref if want is None else want.lead
    gone = [Override(ref, request) for request in stack.requests.drop(lead)]
    for _, request in gone:
        if request.lasts:
            why = f"the {request.verb.value} by {request.author} is taken back"
            verb, now = OPPOSITE[request.verb], stack.clock.now()
            said = Request(verb, "user", why, author, at=now)
            stack.requests.taken_back.note(lead, said, stack.clock.monotonic())
    stack.ledger.journal.record_events(map(release_event, gone), stack.clock.now())
    stack.ledger.journal.commit()
    return override_view(gone[0]) if gone else None


def reload_action(stack: Stack, ref: Ref) -> Any:
    """What makes one instance read its files again."""
    action = stack.kinds[ref.kind].reloads(wanted_of(stack, ref))
    if action is None:
        raise Terminal(f"{ref} has nothing to be reloaded with", reason="NotSupported")
    if not is_live(ref, stack.ledger.world):
        raise Terminal(f"{ref} does not run", reason="Refused")
    return action


async def reload(stack: Stack, refs: Sequence[Ref], author: str) -> list[View]:
    """Have instances read their files again, all or none."""
    actions = [(ref, reload_action(stack, ref)) for ref in refs]
    journal, now = stack.ledger.journal, stack.clock.now()
    for ref, action in actions:
        await stack.drivers[ref.kind].apply(action)
        journal.record_events([Event(ref, "Normal", "Reloaded", f"by {author}", author)], now)
    journal.commit()
    return [asked_view(stack, ref) for ref in refs]


def requests(stack: Stack) -> list[View]:
    """All that is asked by hand now."""
    now = stack.clock.now()
    return [override_view(one) for one in stack.requests if (one.request.until or now + 1) > now]


def may_restart(stack: Stack, ref: Ref) -> bool:
    """Whether it runs, and nobody asked for anything else."""
    want = stack.ledger.desired.get(ref)
    asked = stack.requests.asked.get(want.lead if want else ref, ())
    stopped = any(one.verb is Asked.STOP for one in asked)
    return not stopped and is_live(ref, stack.ledger.world)


def asked_view(stack: Stack, ref: Ref) -> View:
    """One resource, and what is asked of it by now."""
    own = stack.requests.asked.get(stack.ledger.desired[ref].lead, ())
    return {
        **resource_view(stack.ledger, ref),
        "requests": [override_view(Override(ref, request)) for request in own],
    }


def _keep(stack: Stack, ref: Ref, wanted: Ask) -> Request | None:
    """The request that comes of it: none when it is so already."""
    make, want = _maker(stack, ref, wanted), stack.ledger.desired[ref]
    runs, lead = may_run(stack.kinds[ref.kind], want), want.lead
    request: Request | None
    match wanted.verb:
        case Asked.STOP:
            stack.requests.drop(lead, frozenset({Asked.START, Asked.RESTART}))
            request = make(wanted.seconds) if runs else None
        case Asked.START if runs:
            request = _wake_up(stack, ref, make)
        case Asked.START:
            request = make(wanted.seconds)
        case Asked.RESTART:
            stack.requests.drop(lead, frozenset({Asked.STOP}))
            stack.rollouts.retry(lead)
            request = make(None)
        case _ as never:
            assert_never(never)
    if request is not None:
        stack.requests.add(lead, request)
    return request


def _maker(stack: Stack, ref: Ref, wanted: Ask) -> Callable[[float | None], Request]:
    now = stack.clock.now()

    def make(seconds: float | None) -> Request:
        until = None if seconds is None else now + seconds
        again = wanted.verb is Asked.RESTART
        want = stack.ledger.desired[ref]
        epoch = stack.requests.next_epoch(want, stack.ledger.world) if again else 0
        said = (wanted.cause, wanted.reason, wanted.author)
        return Request(wanted.verb, *said, at=now, until=until, epoch=epoch)

    return make


def _wake_up(stack: Stack, ref: Ref, make: Callable[[float | None], Request]) -> Request | None:
    """Start what is to run anyway: what was stopped by hand, and what has given up."""
    want = stack.ledger.desired[ref]
    stops = stack.requests.drop(want.lead, frozenset({Asked.STOP}))
    if stack.ledger.health(ref).stuck:
        epoch = stack.requests.next_epoch(want, stack.ledger.world)
        return make(None)._replace(verb=Asked.RESTART, epoch=epoch)
    if not is_live(ref, stack.ledger.world):
        return make(None)
    if stops:  # it may be about to end, and is started once it has
        stack.requests.taken_back.note(want.lead, make(None), stack.clock.monotonic())
    return None


def _demand_possible(stack: Stack, want: Resource[Any], wanted: Ask) -> None:
    """Raises when the next pass could not do it."""
    kind, seen = stack.kinds[want.ref.kind], stack.ledger.world.get(want.ref.kind)
    runs = may_run(kind, want)
    if not runs and kind.resumed(want) == want:
        raise Terminal(f"a {want.ref.kind} does not run by itself", reason="NotSupported")
    if want.suspend:
        text = f"{want.ref} is suspended: take metadata.suspend out at {want.origin} first"
        raise Terminal(text, reason="Refused")
    lasts = any(one.lasts for one in stack.requests.asked.get(want.lead, ()))
    if wanted.verb is Asked.RESTART and not runs and not lasts:
        text = f"{want.ref} is switched off at {want.origin}; start it for a while instead"
        raise Terminal(text, reason="Refused")
    if wanted.verb is not Asked.STOP and (seen is None or isinstance(seen, Unknown)):
        # Nobody can say how often it was begun anew so far.
        why = seen or Unknown("NotYet", "nobody has looked yet")
        raise Transient(f"cannot see {want.ref} now: {why.message}", reason=why.reason)
