"""Saved plans: what was read is what is done, or nothing is, and what moved is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..core.lines import Span, Style, line, tame
from ..core.render import SHORT_REVISION
from ..core.values import shown
from .outcome import Failure
from .terminal import Terminal

VERSION: Final = 1
SHOWN: Final = 20

View = Mapping[str, Any]


def save(path: Path, view: View) -> None:
    """Keep a plan for `apply`; it may tell of much, so nobody else may read it."""
    kept = {"version": VERSION, "plan": essence(view)}
    try:
        path.touch(0o600)
        path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from error


def load(path: Path) -> View:
    """A plan that was saved."""
    try:
        kept = json.loads(path.read_text())
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise Failure(
            f"{path} is no saved plan", hint="`reconciler diff --out` saves one"
        ) from error
    if not isinstance(kept, dict) or kept.get("version") != VERSION:
        raise Failure(f"{path} is no saved plan of this version", hint="save it anew")
    plan: View = kept["plan"]
    return plan


def essence(view: View) -> dict[str, Any]:
    """What a plan would do, without when it was made."""
    changes = {
        one["ref"]: {
            "verb": one["verb"],
            "apply": one["apply"],
            "fields": [{k: f[k] for k in ("path", "before", "after")} for f in one["fields"]],
        }
        for one in (*view["changes"], *view.get("held", ()))
    }
    held = sorted(one["ref"] for one in view.get("held", ()))
    return {"revision": view["revision"], "changes": changes, "held": held}


def demand_same(saved: View, now: View, terminal: Terminal) -> None:
    """A Failure when the world or the specs have moved since, after saying what did."""
    fresh = essence(now)
    if json.loads(json.dumps(fresh)) == saved:
        return
    for text in moved(saved, fresh)[:SHOWN]:
        terminal.show([line(Span("! ", Style.CHANGE), tame(text))])
    raise Failure(
        "the plan is not what it was: nothing was done",
        hint="read `reconciler diff`, and save it anew",
    )


def moved(saved: View, now: View) -> list[str]:
    """What is different by now, in words."""
    found = []
    if saved["revision"] != now["revision"]:
        old, new = (str(one["revision"])[:SHORT_REVISION] for one in (saved, now))
        found.append(f"the specs were at {old} and are at {new}")
    old, new = saved["changes"], now["changes"]
    for ref in sorted(old.keys() | new.keys()):
        if ref not in new:
            found.append(f"{ref}: nothing would change any more")
        elif ref not in old:
            found.append(f"{ref}: would change now too ({new[ref]['verb']})")
        elif old[ref] != new[ref]:
            found.append(f"{ref}: {_difference(old[ref], new[ref])}")
    turned = sorted(set(saved["held"]) ^ set(now["held"]))
    return found + [
        f"{ref}: {'is held back now' if ref in now['held'] else 'is free now'}" for ref in turned
    ]


def _difference(old: View, new: View) -> str:
    if old["verb"] != new["verb"]:
        return f"was {old['verb']}, is {new['verb']}"
    before, after = ({f["path"]: f for f in one["fields"]} for one in (old, new))
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            then, now = (_told(one.get(path)) for one in (before, after))
            return f"{path} was {then}, is {now}"
    return "costs something else"


def _told(field: View | None) -> str:
    return "as wanted" if field is None else f"{shown(field['before'])} → {shown(field['after'])}"
