"""Names as people type them: ``web``, ``Process/web``, ``proc/web``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias

from .outcome import Failure

View: TypeAlias = Mapping[str, Any]


class Wanted(NamedTuple):
    """What was asked for; None stands for any."""

    kind: str | None
    name: str | None


def parse(text: str | None, views: Iterable[View]) -> Wanted:
    """Read a kind, a name, or both."""
    if text is None:
        return Wanted(None, None)
    demand_word(text)
    present = {view["kind"] for view in views}
    kind, parted, name = text.partition("/")
    if parted:
        known = find_kind(kind, present)
        if known is None:
            raise Failure(f"unknown kind {kind!r}", hint=kinds_hint(kind))
        return Wanted(known, name or None)
    known = None if any(_named(view, text) for view in views) else find_kind(text, present)
    return Wanted(known, None) if known else Wanted(None, text)


def demand_word(text: str) -> None:
    """A Failure for an empty word: to a shell, a variable that is not set is one."""
    if not text.strip():
        raise Failure("an empty word names nothing", hint="is a variable of the shell not set?")


def find_kind(word: str, present: Iterable[str] = ()) -> str | None:
    """The kind a word means: its name in any case, its plural or its short form."""
    low = word.lower()
    for kind in present:
        if low == kind.lower():
            return kind
    # Only now: importing the kinds costs more than asking the operator.
    from ..kinds import KINDS

    for name, known in KINDS.items():
        if low in {name.lower(), known.plural.lower(), known.short.lower()} - {""}:
            return name
    return None


def select(views: Sequence[View], text: str | None) -> list[View]:
    """The resources a text names; a Failure when it names none."""
    wanted = parse(text, views)
    found = [view for view in views if _fits(view, wanted)]
    if not found and wanted.name is not None:
        near = [view for view in views if wanted.kind in {None, view["kind"]}]
        names = {name for view in near for name in _names(view)}
        kinds = () if wanted.kind else _kind_words()
        raise Failure(f"there is no {text}", hint=did_you_mean(wanted.name, {*names, *kinds}))
    return found


def _fits(view: View, wanted: Wanted) -> bool:
    if wanted.kind is not None and view["kind"] != wanted.kind:
        return False
    return wanted.name is None or _named(view, wanted.name)


def _named(view: View, name: str) -> bool:
    return name in _names(view)


def _names(view: View) -> set[str]:
    """Its own name, the one it is written as, and that of the one it takes turns with."""
    return {view["name"], str(view["writtenAs"]).partition("/")[2], view.get("lead", view["name"])}


def did_you_mean(
    text: str, names: Iterable[str], otherwise: str = "`reconciler get` lists everything"
) -> str:
    """A hint with the closest name, or where to see all of them."""
    close = get_close_matches(text, sorted(set(names)), n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def _kind_words() -> set[str]:
    from ..kinds import KINDS

    return {word for kind in KINDS.values() for word in (kind.name.lower(), kind.plural.lower())}


def kinds_hint(word: str) -> str:
    """The closest kind, or all there are."""
    from ..kinds import KINDS

    close = get_close_matches(word.lower(), [name.lower() for name in KINDS], n=1)
    names = {name.lower(): name for name in KINDS}
    return f"did you mean {names[close[0]]}?" if close else f"kinds: {', '.join(KINDS)}"
