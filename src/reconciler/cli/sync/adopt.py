"""`reconciler sync adopt`: goes on with the data and the repository of the original."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...clients.unlinked import leads_into, mend, unlink
from ...core.errors import ReconcileError
from ...core.lines import Line, Span, Style, line, whole
from ...core.model import Ref, Resource
from ...kinds import KINDS
from ...kinds.repository.actions import Configure
from ...kinds.synctarget.actions import Track
from ...kinds.synctarget.adopted import Origin
from ...settings import Settings
from ..outcome import Exit, Failure, spoken
from ..terminal import Terminal


class Found(NamedTuple):
    """One target, and what is to be done, or was."""

    name: str
    path: Path
    words: str
    ok: bool = True


def adopt(settings: Settings, terminal: Terminal, history: Path, *, dry_run: bool = False) -> int:
    """Put the data of linked targets in place, and go on from what the repository had."""
    from ...app import make_loader
    from ...engine.lock import sole_operator

    if not (history / ".git").exists():
        raise Failure(f"{history} is no repository", hint="name the original's HIST_DIR")
    snapshot = make_loader(settings, read_only=dry_run).load()
    if snapshot.problems:
        raise Failure(f"the specs are not valid: {snapshot.problems[0]}")
    targets = [one for ref, one in sorted(snapshot.resources.items()) if ref.kind == "SyncTarget"]
    if not targets:
        hint = f"`reconciler import {history / 'sync-config.json'} --write`, or set SYNC_TARGETS"
        raise Failure("the specs have no SyncTarget", hint=hint)
    if dry_run:
        found = [_look(one, snapshot.resources, history) for one in targets]
    else:
        with sole_operator(settings.run_dir / "operator.lock"):
            found = asyncio.run(_adopt(settings, targets, snapshot.resources, history))
    terminal.show(whole([*map(_cells, found)], width=terminal.width))
    terminal.talk(*_hints(history, dry_run=dry_run))
    return Exit.OK if all(one.ok for one in found) else Exit.DIFFERENCES


async def _adopt(
    settings: Settings,
    targets: list[Resource[Any]],
    resources: Any,
    history: Path,
) -> list[Found]:
    from ...app import open_operator

    async with open_operator(settings) as (operator, _):
        drivers: Any = operator.stack.drivers
        for one in targets:  # of none of them something older may come, however this ends
            drivers["SyncTarget"].begin_adoption(one.ref.name)
        return [await _take_over(drivers, one, resources, history) for one in targets]


async def _take_over(drivers: Any, target: Resource[Any], resources: Any, history: Path) -> Found:
    """One target; what is in its way is told, and is not in the way of the others."""
    name, kept = target.ref.name, resources[Ref("Repository", target.spec.repository)]
    planned = Found(name, _path(target, resources), "")
    try:
        mend(planned.path)
        planned = _plan(target, resources, history)
        if leads_into(planned.path, history):
            await asyncio.to_thread(unlink, planned.path)
        await drivers["Repository"].apply(
            Configure(kept.ref.name, KINDS["Repository"].render(kept))
        )
        await drivers["SyncTarget"].apply(Track(name, KINDS["SyncTarget"].render(target)))
        return _gone_on(planned, await drivers["SyncTarget"].go_on_from(name, history))
    except ReconcileError as exc:
        return planned._replace(words=str(exc), ok=False)
    except OSError as exc:
        return planned._replace(words=spoken(exc), ok=False)


def _look(target: Resource[Any], resources: Any, history: Path) -> Found:
    """What would be, or why that cannot be told."""
    try:
        return _plan(target, resources, history)
    except OSError as exc:
        path = _path(target, resources)
        return Found(target.ref.name, path, spoken(exc), ok=False)


def _path(target: Resource[Any], resources: Any) -> Path:
    kept = resources[Ref("Repository", target.spec.repository)]
    base = Path(KINDS["Repository"].render(kept).base)
    return base / str(target.spec.path).rstrip("/")


def _plan(target: Resource[Any], resources: Any, history: Path) -> Found:
    path = _path(target, resources)
    if leads_into(path, history) and not path.exists():
        return Found(target.ref.name, path, f"its link led to nothing at {path.resolve()}")
    if leads_into(path, history):
        return Found(target.ref.name, path, f"the data of {path.resolve()} takes the link's place")
    if path.is_symlink():
        return Found(target.ref.name, path, f"is a link to {path.resolve()}", ok=False)
    return Found(target.ref.name, path, "lies there" if path.exists() else "is not there yet")


def _gone_on(planned: Found, origin: Origin | None) -> Found:
    """How it goes on with what the repository has."""
    if origin is None:
        said = "the repository has nothing of it"
    elif origin.lasts:
        said = f"goes on from {origin.commit[:8]}"
    else:
        said = f"{origin.commit[:8]} is restored at the first start"
    lies = origin is not None and not origin.lasts and planned.path.exists()
    if lies:
        said += (
            ", and what differs here is put aside: no mark can be put on it, so let the user "
            f"this runs as write to {planned.path} and say it again, or write "
            "restore: {onStart: skip} for the first start to keep what lies here"
        )
    missing = origin.missing if origin is not None else ()
    if missing:
        said += f"; of {len(missing)} large files only pointers are here, such as {missing[0]}"
        said += "; mend that, and say `reconciler sync adopt` again"
    return planned._replace(words=f"{planned.words}; {said}", ok=not (lies or missing))


def _cells(found: Found) -> tuple[Span, ...]:
    mark = Span("✔", Style.GOOD) if found.ok else Span("✘", Style.BAD)
    return mark, Span(found.name), Span(str(found.path)), Span(found.words)


def _hints(history: Path, *, dry_run: bool) -> Iterator[Line]:
    if dry_run:
        yield line("nothing was changed")
    else:
        yield line(f"{history} is as it was; delete it once you have seen a backup")
