"""`reconciler sync status`: how each target is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ...core.lines import Line, Span, Style, grid, line, tame
from ...settings import Settings
from ..ages import ago
from ..outcome import Exit, Failure
from ..overview import DOTS
from ..stack import find_operator
from ..terminal import Terminal, structured
from .ordering import size

View: TypeAlias = Mapping[str, Any]

WELL = frozenset({"Healthy", "Suspended"})


def status(
    settings: Settings, terminal: Terminal, names: Sequence[str], *, output: str = "text"
) -> int:
    """Print a row per target, and below it what is not well."""
    targets = _chosen(find_operator(settings).sync()["items"], names)
    if output == "text":
        terminal.show(lines(targets, now=datetime.now(UTC), width=terminal.width))
    else:
        terminal.write(structured({"items": targets}, output))
    sick = any(one["health"]["code"] not in WELL and not one["suspend"] for one in targets)
    return Exit.UNHEALTHY if sick else Exit.OK


def _chosen(targets: Sequence[View], names: Sequence[str]) -> list[View]:
    bare = [name.rpartition("/")[2] for name in names]
    for name in bare:
        if name not in {one["name"] for one in targets}:
            raise Failure(f"there is no SyncTarget/{name}", hint="`reconciler sync status`")
    return [one for one in targets if not bare or one["name"] in bare]


def lines(targets: Sequence[View], *, now: datetime, width: int) -> list[Line]:
    """The table, and what is to be said about its rows."""
    if not targets:
        return [line("nothing is kept: the specs have no SyncTarget")]
    heads = ["  NAME", "STATE", "BACKUP", "PUSHED", "VERIFIED", "FILES", "SIZE", "PATH"]
    head = tuple(Span(name, Style.FAINT) for name in heads)
    rows = grid([head, *(_cells(one, now) for one in targets)], width=width)
    told: list[Line] = [rows[0]]
    for one, row in zip(targets, rows[1:], strict=True):
        told += [row, *_notes(one)]
    return told


def _cells(target: View, now: datetime) -> tuple[Span, ...]:
    health = target["health"]
    dot = DOTS.get("Suspended" if target["suspend"] else health["code"], DOTS["Unknown"])
    files, content = target.get("files"), target.get("bytes")
    return (
        Span(f"{dot.text} {target['name']}", dot.style),
        Span("Suspended" if target["suspend"] else health["reason"], dot.style),
        Span(ago(target["backed"], now)),
        Span(ago(target["pushed"], now)),
        Span(ago(target["verified"], now)),
        Span("—" if files is None else str(files)),
        Span("—" if content is None else size(content)),
        Span(tame(f"{target['path']} in {target['repository']}")),
    )


def _notes(target: View) -> list[Line]:
    found = []
    if target["health"]["code"] not in WELL:
        found.append(target["health"]["message"])
    if count := target["unpushed"]:
        found.append(f"{count} {'version is' if count == 1 else 'versions are'} not pushed")
    if target.get("conflict"):
        found.append(_ways_out(target["name"], target["conflict"]))
    elif target["remoteAhead"]:
        found.append("the remote has changes that are not here: `reconciler sync pull`")
    if target["lease"] == "theirs":
        who = f"{target['leaseHost']} ({target['leaseHolder']})"
        found.append(f"read-only: {who} writes to the repository")
    named = [one["path"] for one in target["skipped"] if one["reason"] == "SecretFound"]
    skipped = [one["path"] for one in target["skipped"] if one["reason"] != "SecretFound"]
    if skipped:
        found.append(f"{len(skipped)} skipped, such as {skipped[0]}")
    if named:
        found.append(f"{len(named)} in the backup with a secret, such as {named[0]}")
    return [line(Span(f"    {tame(one)}", Style.FAINT)) for one in found]


def _ways_out(name: str, conflict: View) -> str:
    """What a person can do about a clash."""
    path = next((f" {shlex.quote(one)}" for one in conflict.get("paths") or () if one), "")
    theirs = f"`reconciler sync restore {name}{path}` takes the remote's version"
    return f"{theirs}; merge {conflict['branch']} there to have ours"
