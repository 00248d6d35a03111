"""What one revision's specs would change of another's, without a look at the world."""

from __future__ import annotations

from typing import Any

from ..core.diff import diff
from ..core.kind import Kinds
from ..core.model import Change, Ref, Resource, State, Verb
from ..core.plan import expand
from ..specs.load import Snapshot
from .plan_view import View, difference_view, summary_view


def between_view(kinds: Kinds, before: Snapshot, after: Snapshot) -> View:
    """A plan from one to the other, as ``reconciler diff`` shows plans."""
    old, new = _states(kinds, before), _states(kinds, after)
    every = sorted(old.keys() | new.keys())
    pairs = ((ref, new.get(ref), old.get(ref)) for ref in every)
    changes = [
        (change, (new.get(change.ref) or old[change.ref])[0])
        for ref, want, have in pairs
        if (change := diff(ref, want and want[1], have and have[1])) is not None
    ]
    return {
        "revision": after.revision,
        "before": before.revision,
        "source": after.source,
        "inSync": not changes,
        "summary": summary_view([change for change, _ in changes], held=0),
        "changes": [_change_view(change, resource) for change, resource in changes],
        "problems": [one.to_json() for one in after.problems],
        "whole": after.whole,
        "unknown": [],
    }


def _states(kinds: Kinds, snapshot: Snapshot) -> dict[Ref, tuple[Resource[Any], State]]:
    return {
        ref: (resource, kinds[ref.kind].render(_placed(kinds, resource)))
        for ref, resource in expand(kinds, snapshot.resources.values()).items()
    }


def _placed(kinds: Kinds, resource: Resource[Any]) -> Resource[Any]:
    """With a number for each port that is picked where it runs: the same one for both."""
    kind = kinds[resource.ref.kind]
    free = {name: 0 for name, number in kind.ports(resource).items() if number is None}
    return kind.with_ports(resource, free) if free else resource


def _change_view(change: Change[Any], resource: Resource[Any]) -> View:
    """What goes is written nowhere any more, but it still has the name it was written by."""
    want = resource if change.verb is not Verb.DELETE else None
    return {**difference_view(change, want), "writtenAs": str(resource.written_as)}
