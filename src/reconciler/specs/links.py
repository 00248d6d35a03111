"""What resources say about each other: what one needs and nobody wrote, circles, clashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..core.cycles import find_cycles
from ..core.kind import Kinds
from ..core.model import Need, Ref, Resource
from ..core.offer import Target
from ..kinds.process import collisions, endless
from ..kinds.process.spec import RESERVED
from ..kinds.route import taken
from .around import Around
from .document import digest_of
from .wording import guess

GATEWAY = "Gateway"
ROUTE = "Route"
PROCESS = "Process"
STACK = "Stack"
IMPLIED = Ref(GATEWAY, "gateway")
"""What routes need where nobody wrote a Gateway."""


class Hold(NamedTuple):
    """Resources that stay as they are, and why. ``word`` is what the text says about it."""

    refs: tuple[Ref, ...]
    message: str
    hint: str = ""
    word: str = ""


class Links(NamedTuple):
    """All that is known of who is who."""

    kinds: Kinds
    resources: Mapping[Ref, Resource[Any]]
    needs: Mapping[Ref, tuple[Need, ...]]
    """Of those that need something."""
    targets: Mapping[Ref, tuple[Target, ...]]
    """Of those that point at something."""
    unsettled: frozenset[Ref]
    """Refs that are written, though not usable now."""
    is_all: bool
    """False while a file cannot be read: what nobody wrote may be in there."""
    gateways: frozenset[Ref] | set[Ref]
    """The Gateways among ``resources``."""
    routes: frozenset[Ref] | set[Ref]
    """The Routes among them."""
    stacks: frozenset[Ref] | set[Ref]
    """The Stacks among them."""
    numbered: frozenset[Ref] | set[Ref]
    """The Processes among them whose name may mean another thing too."""


def check_links(links: Links) -> Iterator[Hold]:
    """Everything that keeps a resource from being applied, though its own text is right."""
    if links.is_all:
        yield from _dangling(links)
        yield from _astray(links)
    yield from _endless(links)
    yield from _cycles(links)
    yield from _clashes(links)
    yield from _second(links, links.gateways)
    yield from _second(links, links.stacks)
    yield from _reserved(links)


def implied(
    kinds: Kinds, resources: Mapping[Ref, Resource[Any]], around: Around
) -> Resource[Any] | None:
    """The gateway that routes need and nobody wrote."""
    if GATEWAY not in kinds or any(ref.kind == GATEWAY for ref in resources):
        return None
    routes = [ref for ref in resources if ref.kind == ROUTE]
    if not routes:
        return None
    first = resources[min(routes)]
    data = kinds[GATEWAY].defaults_in(around.environ)
    spec = kinds[GATEWAY].Spec.model_validate(data)
    digest = digest_of(GATEWAY, data, around.key)
    return Resource(IMPLIED, spec, first.origin, digest=digest, root=first.root)


def _dangling(links: Links) -> Iterator[Hold]:
    for ref, needs in links.needs.items():
        for need in needs:
            if not _is_written(need.ref, links):
                yield _unknown(ref, need.ref, "needs", links)
        if ref in links.resources:
            for writer in links.kinds[ref.kind].writers(links.resources[ref]):
                if not _is_written(writer, links):
                    yield _unknown(ref, writer, "is written to by", links)


def _unknown(ref: Ref, other: Ref, how: str, links: Links) -> Hold:
    # By names alone: the kind, which they have in common, would make all of them close.
    names = (one.name for one in links.resources if one.kind == other.kind and one != ref)
    message = f"{ref} {how} {other}, which no spec defines"
    return Hold((ref,), message, guess(other.name, names, before=f"{other.kind}/"), str(other))


def _astray(links: Links) -> Iterator[Hold]:
    """What points at something that is not there, or at a port that it does not have."""
    for ref, targets in links.targets.items():
        for target, port in targets:
            if target.kind not in links.kinds:
                continue  # it is elsewhere
            whole = links.resources.get(target)
            if whole is None and target not in links.unsettled:
                yield _unknown(ref, target, "points at", links)
            elif whole is not None and port not in links.kinds[target.kind].ports(whole):
                yield _portless(ref, Target(target, port), links)


def _portless(ref: Ref, target: Target, links: Links) -> Hold:
    names = list(links.kinds[target.ref.kind].ports(links.resources[target.ref]))
    message = f"{target.ref} has no port that is called {target.port}"
    hint = guess(target.port, names) or (f"one of {', '.join(names)}" if names else "")
    return Hold((ref,), message, hint or f"write ports: in {target.ref}", target.port)


def _whole(ref: Ref, links: Links) -> Resource[Any] | None:
    """What is written of ``ref``, which may be an instance of it."""
    if ref in links.resources:
        return links.resources[ref]
    whole = links.resources.get(Ref(ref.kind, ref.name.rpartition("-")[0]))
    if whole is None:
        return None
    # One whose name only begins like it is another resource.
    return whole if any(one.ref == ref for one in links.kinds[ref.kind].instances(whole)) else None


def _is_written(ref: Ref, links: Links) -> bool:
    if ref in links.unsettled or _whole(ref, links) is not None:
        return True
    base = Ref(ref.kind, ref.name.rpartition("-")[0])
    return base not in links.resources and base in links.unsettled


def _endless(links: Links) -> Iterator[Hold]:
    """What waits for an end that never is one."""
    for ref, needs in links.needs.items():
        for need in needs:
            other = _ending(need, links)
            if other is not None and (why := endless(other)):
                message = f"{ref} waits until {need.ref} is completed, but that {why}"
                hint = (
                    f"write type: oneshot in {other.ref} ({other.origin}), or restart.policy: "
                    "onFailure for a service; or wait for condition: started"
                )
                yield Hold((ref,), message, hint, need.ref.name)


def _ending(need: Need, links: Links) -> Resource[Any] | None:
    """What must come to its end; None where that is not known, or not waited for in vain."""
    starts_anyway = need.timeout is not None and need.start_anyway
    if need.condition != "completed" or starts_anyway or need.ref in links.unsettled:
        return None
    return _whole(need.ref, links)


def _cycles(links: Links) -> Iterator[Hold]:
    graph = {ref: {need.ref for need in needs} for ref, needs in links.needs.items()}
    for cycle in find_cycles(graph):
        steps = " needs ".join(map(str, (*cycle, cycle[0])))
        places = ", ".join(f"{ref} is in {links.resources[ref].origin}" for ref in cycle)
        word = str(cycle[1 % len(cycle)])
        yield Hold(cycle, f"a circle: {steps}", f"take out one of these needs; {places}", word)


def is_numbered(ref: Ref) -> bool:
    """Whether a name may mean two things: it ends as an instance's does, or is the stack's own."""
    _, dash, number = ref.name.rpartition("-")
    is_instance = bool(dash) and number.removesuffix("b").isdigit()
    return ref.kind == PROCESS and (ref.name in RESERVED or is_instance)


def _clashes(links: Links) -> Iterator[Hold]:
    found: dict[Ref, Resource[Any]] = {}
    for ref in sorted(links.numbered):
        for one in (ref, Ref(PROCESS, ref.name.rpartition("-")[0])):
            if one in links.resources:
                found[one] = links.resources[one]
    for ref, message in collisions(found.values()):
        yield Hold((ref,), message, "", ref.name)


def _second(links: Links, refs: Iterable[Ref]) -> Iterator[Hold]:
    """Of some kinds there is one."""
    found = _by_origin(links.resources[ref] for ref in refs)
    if len(found) > 1:
        every = tuple(one.ref for one in reversed(found))
        message = f"a stack has one {every[0].kind}; another is in {found[0].origin}"
        yield Hold(every, message, "", found[-1].ref.name)


def _reserved(links: Links) -> Iterator[Hold]:
    gateways = (links.resources[ref] for ref in links.gateways)
    for ref, path in taken((links.resources[ref] for ref in links.routes), gateways):
        message = f"{path} is the operator's own; no route is asked about it"
        yield Hold((ref,), message, "the Gateway's `reserved` can move it, or switch it off", path)


def _by_origin(resources: Iterable[Resource[Any]]) -> list[Resource[Any]]:
    return sorted(resources, key=lambda resource: (resource.origin, resource.ref))
