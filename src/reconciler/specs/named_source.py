"""Which source is named: by the Stack that lies beside, or by the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from ..core.errors import Terminal
from ..core.model import Json
from ..core.sealed import Sealed
from ..kinds.stack.source import Source
from .load import Loader
from .tree import Tree

FIELDS: Final = {
    "RECONCILER_SOURCE_URL": "url",
    "RECONCILER_SOURCE_BRANCH": "branch",
    "RECONCILER_SOURCE_PATH": "path",
    "RECONCILER_SOURCE_INTERVAL": "interval",
}
USERNAME: Final = "RECONCILER_SOURCE_USERNAME"
PASSWORD: Final = "RECONCILER_SOURCE_PASSWORD"  # noqa: S105 (a name)
HOOK: Final = "RECONCILER_SOURCE_WEBHOOK_SECRET"


class NamedSource:
    """What a tree that holds nothing but a Stack says of a source; ``load`` opens a loader."""

    def __init__(
        self, load: Callable[[Tree], Loader], environ: Mapping[str, str], key: bytes
    ) -> None:
        self._load = load
        self._usual = of_environment(environ, key)

    def __call__(self, tree: Tree) -> Source | None:
        """Raises Terminal when what is written cannot be understood: nobody guesses a source."""
        if not tree.files:
            return self._usual
        snapshot = self._load(tree).load()
        for problem in (one for one in snapshot.problems if str(one.path) in tree.files):
            raise Terminal(f"{problem}; until then the source stays as it was", reason="BadStack")
        stacks: Any = [one.spec for ref, one in snapshot.resources.items() if ref.kind == "Stack"]
        written: Source | None = next((one.source for one in stacks), None)
        return written or self._usual


def of_environment(environ: Mapping[str, str], key: bytes) -> Source | None:
    """The source that variables name, as in an image. Raises Terminal when they make no sense."""
    said: dict[str, Json] = {
        field: environ[name] for name, field in FIELDS.items() if environ.get(name)
    }
    if "url" not in said:
        return None
    if environ.get(PASSWORD):
        said["auth"] = {"password": Sealed.of(environ[PASSWORD], key)}
        if environ.get(USERNAME):
            said["auth"]["username"] = environ[USERNAME]
    if environ.get(HOOK):
        said["webhook"] = {"secret": Sealed.of(environ[HOOK], key)}
    try:
        return Source.model_validate(said)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = next((n for n, field in FIELDS.items() if field in first["loc"]), "the source")
        raise Terminal(f"{where}: {first['msg']}", reason="BadSource") from None
