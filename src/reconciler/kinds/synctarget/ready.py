"""A version that is to be put in place, as it is noted while that waits for its turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ...clients.git_folder import GitFolder
from ...clients.git_objects import Entry

NOTE: Final = "staged"
"""What is ready to be put in place is noted by this name, per target."""
PULL: Final = {"verb": "pull"}
"""What a person wanted who wants what others changed, and nothing else."""


class Ready(NamedTuple):
    """What is to be put in place: a version, and why it is that one.

    ``tip`` is what the remote has then: what lies here differs from that as if it was edited. None
    when it is a copy that was never pushed. ``order`` says what a person wanted, if one did.
    """

    entry: Entry
    commit: str | None
    tip: str | None
    stack: str
    aside: str
    order: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, noted: Any) -> Ready | None:
        """What a note says; None when nobody can have written it so."""
        try:
            return cls(**{**noted, "entry": Entry(*noted["entry"])})
        except (TypeError, KeyError, ValueError):
            return None

    @classmethod
    def of(cls, folder: GitFolder, name: str) -> Ready | None:
        """What is noted of a target; None when nothing is to be put in place."""
        return cls.read(folder.read(f"{NOTE}/{name}"))

    def keep(self, folder: GitFolder, name: str) -> None:
        """Note it: it waits for its turn."""
        folder.write(f"{NOTE}/{name}", self._asdict())

    @property
    def is_pull(self) -> bool:
        """Whether it is what others changed, put among what lies here."""
        return self.order is not None and self.order.get("verb") == PULL["verb"]


def forget(folder: GitFolder, name: str) -> None:
    """Nothing is to be put in place any more."""
    folder.drop(f"{NOTE}/{name}")


def is_pulled(folder: GitFolder, name: str) -> bool:
    """Whether what waits to be put in place is what others changed."""
    ready = Ready.of(folder, name)
    return ready is not None and ready.is_pull
