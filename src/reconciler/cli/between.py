"""`reconciler diff REV1 REV2`: what one revision would change of another, offline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..core.errors import ReconcileError, Transient
from ..engine.between import between_view
from ..engine.records import digest_key
from ..kinds import KINDS
from ..settings import Settings
from ..specs.commits import Commits
from ..specs.git import open_repository
from ..specs.git_tree import GitHead
from ..specs.remote import Followed
from ..specs.tree import Tree
from ..wiring import load_tree, make_source
from .client import NoOperator
from .outcome import Exit, Failure
from .stack import find_operator


def between(settings: Settings, before: str, after: str) -> Mapping[str, Any]:
    """The plan from one revision to another; ``before`` is the current one unless said."""
    key = digest_key(settings.durable / "digest.key", read_only=True)
    commits, tree_at = _places(settings, key)
    try:
        old, new = (commits.find(one or _current(settings)) for one in (before, after))
        kept, wanted = (load_tree(settings, tree_at(one), key).load() for one in (old, new))
    except ReconcileError as error:
        raise Failure(str(error), hint="a commit, a part of its id, a branch or a tag") from error
    return between_view(KINDS, kept, wanted)


def judge(view: Mapping[str, Any]) -> Exit:
    """0 the same, 1 something differs or is wrong."""
    return Exit.DIFFERENCES if view["changes"] or view["problems"] else Exit.OK


def _places(settings: Settings, key: bytes) -> tuple[Commits, Callable[[str], Tree]]:
    source = make_source(settings, str, key)
    if isinstance(source, Followed):
        with suppress(Transient):  # what was fetched tells enough
            source.read()
        if source.order is not None:
            return Commits(source.git), source.trial
    return (
        Commits(lambda: open_repository(settings.specs)[0]),
        lambda commit: GitHead(settings.specs, choose=lambda _: commit).read(),
    )


def _current(settings: Settings) -> str:
    """What the operator follows now, or HEAD where none runs."""
    try:
        return str(find_operator(settings).status().get("revision") or "HEAD")
    except NoOperator:
        return "HEAD"
