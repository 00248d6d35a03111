"""Orders something of targets, and stays until it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeAlias

from ...core.lines import Line, Span, Style, line, tame
from ...settings import Settings
from ..client import Operator
from ..outcome import Exit
from ..stack import find_operator
from ..terminal import Terminal, structured

View: TypeAlias = Mapping[str, Any]

EVERY: Final = 0.2
PATIENCE: Final = 5
"""Looks after which a wait for others is worth a word."""
OPEN: Final = frozenset({"pending", "running"})
KIB: Final = 1024
NOTHING: Final[View] = {}


class Wish(NamedTuple):
    """What is wanted of which targets; ``arguments`` are those of the verb."""

    names: Sequence[str] = ()
    arguments: View = NOTHING
    reason: str = ""
    output: str = "text"
    wait: bool = True
    timeout: float = 1800.0


def order(settings: Settings, terminal: Terminal, verb: str, wish: Wish) -> int:
    """Order ``verb`` of the targets, of all or of none; how it ended is the exit code."""
    operator = find_operator(settings)
    body: dict[str, Any] = {"verb": verb, "names": [*map(_bare, wish.names)]}
    body |= {"arguments": dict(wish.arguments), "reason": wish.reason}
    orders = operator.order(body)["items"]
    if wish.wait:
        orders = _stay(operator, terminal, orders, wish)
    if wish.output == "text":
        terminal.show(row for one in orders for row in _told(one))
    else:
        terminal.write(structured({"items": orders}, wish.output))
    return _code(orders, waited=wish.wait)


def _bare(name: str) -> str:
    """``SyncTarget/data`` and ``sync/data`` mean ``data``."""
    return name.rpartition("/")[2]


def _code(orders: Sequence[View], *, waited: bool) -> int:
    states = {one["state"] for one in orders}
    if "failed" in states:
        return Exit.FAILED
    if waited and states & OPEN:
        return Exit.UNHEALTHY
    return Exit.DIFFERENCES if any(map(_lacks, orders)) else Exit.OK


def _lacks(order: View) -> bool:
    """Whether a backup was made that has not all it should have."""
    return order["verb"] == "backup" and bool(_done(order).get("lacks"))


def _done(order: View) -> View:
    return (order.get("outcome") or {}).get("did") or {}


def _stay(operator: Operator, terminal: Terminal, orders: Sequence[View], wish: Wish) -> list[View]:
    """The orders once all have ended, or the time is over."""
    known = {one["id"]: one for one in orders}
    end = time.monotonic() + wish.timeout
    with bars(terminal) as show:
        while left := [one for one in known.values() if one["state"] in OPEN]:
            show(list(known.values()))
            if time.monotonic() >= end:
                break
            time.sleep(EVERY)
            known |= {one["id"]: operator.ordered(one["id"]) for one in left}
    return list(known.values())


@contextmanager
def bars(terminal: Terminal) -> Iterator[Callable[[Sequence[View]], None]]:
    """On a terminal a bar for each order while it goes on; elsewhere a line when its stage is new.

    The lines are talk: what came of it is the data.
    """
    if not terminal.err.isatty():
        yield _Lines(terminal).show
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[far]}"))
    with Progress(*columns, console=Console(file=terminal.err), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def show(orders: Sequence[View]) -> None:
            for one in orders:
                if one["id"] not in tasks:
                    tasks[one["id"]] = progress.add_task(one["ref"], total=None, far="")
                far = one.get("progress") or {}
                total = 1 if one["state"] not in OPEN else far.get("total") or None
                done = 1 if one["state"] not in OPEN else far.get("done", 0)
                progress.update(tasks[one["id"]], total=total, completed=done, far=_far(one))

        yield show


class _Lines:
    """Says when something else is being done."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._said: dict[str, str] = {}
        self._looks = 0

    def show(self, orders: Sequence[View]) -> None:
        self._looks += 1
        for one in orders:
            said = self._said.get(one["id"])
            stage = (one.get("progress") or {}).get("stage") or _waits(one)
            if not stage and self._looks > PATIENCE and one["state"] == "pending":
                stage = "waits for its turn"
            if one["state"] in OPEN and stage and said != stage:
                self._terminal.talk(line(tame(f"{one['ref']}: {stage}")))
            self._said[one["id"]] = stage or said or ""


def _far(order: View) -> str:
    far = order.get("progress")
    if not far:
        return _waits(order) or order["state"]
    amount = f" {_amount(far['done'], far['unit'])}" if far["done"] else ""
    whole = f" of {_amount(far['total'], far['unit'])}" if far["total"] else ""
    return f"{far['stage']}{amount}{whole}"


def _amount(count: int, unit: str) -> str:
    if unit == "bytes":
        return size(count)
    return f"{count} {unit.removesuffix('s') if count == 1 else unit}"


def _waits(order: View) -> str:
    waits = order.get("waits") if order["state"] == "pending" else None
    return f"waits: {waits['message']} ({waits['reason']})" if waits else ""


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < KIB:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= KIB
    return f"{count:.1f} TiB"


def _told(order: View) -> list[Line]:
    """What came of one order."""
    outcome = order.get("outcome")
    head = f" {order['ref']}  {order['verb']} "
    if outcome is None:
        said = _waits(order) or f"{order['state']}, order {order['id']}"
        return [line(Span("·", Style.CALM), head, Span(tame(said)))]
    if not outcome["ok"]:
        said = f"failed: {outcome['message']} ({outcome['reason']})"
        return [line(Span("✘", Style.BAD), head, Span(tame(said)))]
    mark = Span("!", Style.CHANGE) if _lacks(order) else Span("✔", Style.GOOD)
    return [line(mark, head, Span(tame(_did(order))))]


def _did(order: View) -> str:
    """The facts that say most, in a few words."""
    did, words = _done(order), []
    keeps = order["verb"] in {"backup", "push"}
    if order["verb"] == "push" and did.get("changed") is False and did.get("commit"):
        return f"nothing was left to push: version {did['commit'][:8]} was pushed before"
    if did.get("files") or (did.get("files") == 0 and not (keeps and did.get("notes"))):
        words.append(f"{_amount(did['files'], 'files')}, {size(did.get('bytes') or 0)}")
    if did.get("commit"):
        words.append(f"version {did['commit'][:8]}")
    words += [str(one) for one in did.get("notes") or ()]
    if did.get("conflict"):
        words.append(f"clashes are kept in {did['conflict']}")
    return ", ".join(words) or "done"
