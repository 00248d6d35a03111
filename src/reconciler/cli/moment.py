"""`stop`, `start`, `restart` and `reload`: asked for the moment, whatever the specs say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeAlias

from ..core.asked import words
from ..core.lines import Span, Style, line, tame
from ..settings import Settings
from .client import Operator
from .names import parse, select
from .outcome import Exit, Failure
from .stack import find_operator, resources_of
from .terminal import Terminal, structured
from .waiting import has_given_up, progress

View: TypeAlias = Mapping[str, Any]

EVERY: Final = 0.1
RUNS: Final = "Process"
RESTS: Final = frozenset({"stopped", "completed", "failed", "waiting"})
DONE: Final = {
    "stop": "stopped already",
    "start": "runs already",
    "restart": "begins anew",
    "reload": "was told to read its files again",
}


class Asking(NamedTuple):
    """What is asked of whom, for how long, and whether to stay until it is so."""

    verb: str
    names: Sequence[str]
    lasting: str = "1h"
    reason: str = ""
    output: str = "text"
    wait: bool = False
    timeout: float = 60.0


def ask(settings: Settings, terminal: Terminal, asking: Asking) -> int:
    """Ask it of every instance the names mean."""
    operator = find_operator(settings)
    order = {"for": asking.lasting, "reason": asking.reason}
    answers: list[View] = []
    try:
        for one in _meant(resources_of(operator.status()), asking.names):
            answers += operator.act(one["kind"], one["name"], asking.verb, order)["items"]
    finally:  # what was done is told, also when the next one is refused
        if answers:
            _print(answers, terminal, asking)
    return _stay(operator, terminal, asking, answers) if asking.wait else Exit.OK


def _meant(views: Sequence[View], names: Sequence[str]) -> list[View]:
    """The instances that the names mean, each once; a bare name is one of what runs."""
    return list({view["ref"]: view for name in names for view in _instances(views, name)}.values())


def _instances(views: Sequence[View], name: str) -> list[View]:
    """Those of one name. A kind means all of it but what belongs to the stack itself."""
    wanted = parse(name, views)
    if name.endswith("/"):
        raise Failure(f"{name} lacks a name", hint=f"{name.rstrip('/')} alone means all of them")
    found = [view for view in select(views, name) if view["kind"] == RUNS]
    if not found:
        raise Failure(f"{name} does not run by itself", hint="`reconciler get process`")
    own = [view for view in found if not view.get("system")]
    if not own or (wanted.name is not None and own != found):
        raise Failure(
            f"{found[-1]['ref']} belongs to the stack itself",
            hint="`reconciler down` and `reconciler up` stop and start the stack",
        )
    return own


def _print(answers: Sequence[View], terminal: Terminal, asking: Asking) -> None:
    if asking.output == "text":
        _tell(asking.verb, answers, terminal)
    else:
        terminal.write(structured({"items": answers}, asking.output))


def _tell(verb: str, answers: Sequence[View], terminal: Terminal) -> None:
    now = datetime.now(UTC).isoformat()
    for view in answers:
        asked = view.get("requests") or []
        said = "; ".join(words(one, now) for one in asked) or DONE[verb]
        terminal.show([line(Span("✔", Style.GOOD), f" {view['ref']}  {tame(said)}")])
    ends = [one for view in answers for one in view.get("requests") or [] if one.get("until")]
    if ends and verb in {"stop", "start"}:
        kept = "false" if verb == "stop" else "true"
        terminal.hint(
            f"then it is as the specs say again; for good write `enabled: {kept}`"
            f" at {answers[0].get('origin')}"
        )


def _stay(operator: Operator, terminal: Terminal, asking: Asking, answers: Sequence[View]) -> int:
    is_so = _JUDGES[asking.verb]
    aims = {_lead(view): _epoch(view) for view in answers}
    began = time.monotonic()
    with progress(terminal, moving=True) as show:
        while True:
            views = _by_lead(resources_of(operator.status()))
            left = [ref for ref, aim in aims.items() if not is_so(views.get(ref, []), aim)]
            if not left:
                return Exit.OK
            hopeless = all(_has_failed(views.get(ref, []), aims[ref]) for ref in left)
            if hopeless or time.monotonic() - began >= asking.timeout:
                break
            show(", ".join(left[:3]))
            time.sleep(EVERY)
    terminal.error(
        f"not so after {time.monotonic() - began:.0f} s: {', '.join(left)}",
        f"`reconciler describe {left[0]}` says why",
    )
    return Exit.UNHEALTHY


def _lead(view: View) -> str:
    """The name it has in common with what replaces it."""
    return f"{view['kind']}/{view.get('lead', view['name'])}"


def _by_lead(views: Sequence[View]) -> dict[str, list[View]]:
    found: dict[str, list[View]] = {}
    for view in views:
        found.setdefault(_lead(view), []).append(view)
    return found


def _epoch(view: View) -> int:
    """The epoch to be reached, where a restart was asked."""
    own = (int(one.get("epoch") or 0) for one in view.get("requests") or [])
    return max([int(view.get("epoch") or 0), *own])


def _is_down(views: Sequence[View], _: int) -> bool:
    told = [view.get("vitals") or {} for view in views]
    return all(not one.get("pid") and one.get("state", "stopped") in RESTS for one in told)


def _is_up(views: Sequence[View], aim: int) -> bool:
    """Whether it is, and has the place for itself."""
    return len(views) == 1 and all(
        view["health"]["code"] == "Healthy" and int(view.get("epoch") or 0) >= aim for view in views
    )


def _has_failed(views: Sequence[View], aim: int) -> bool:
    """Whether waiting is useless: what was asked was done, and it failed for good."""
    return any(int(view.get("epoch") or 0) >= aim and has_given_up(view) for view in views)


_JUDGES: Final[Mapping[str, Callable[[Sequence[View], int], bool]]] = {
    "stop": _is_down,
    "start": _is_up,
    "restart": _is_up,
    "reload": _is_up,
}
