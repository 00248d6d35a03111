"""Who may write to a branch of a remote: a note on the remote itself, with an end to its time.

The note is a file that a ref of its own points at, so it stands in no history. It is replaced only
by who knows what it said before: git compares and sets it together with the branch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from ..core.errors import Transient
from .git_folder import GitFolder, Settings
from .git_objects import ObjectStore
from .git_reader import ObjectReader
from .git_refs import write_refs

LARGEST: Final = 4096
FREE, OURS, THEIRS = "free", "ours", "theirs"


class Lease:
    """The lease of one branch, as it was last seen."""

    def __init__(self, folder: GitFolder, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings

    @property
    def ref(self) -> str:
        return f"refs/reconciler/lease/{self._settings.branch}"

    @property
    def here(self) -> str:
        """The ref of its file in our own folder."""
        return f"refs/reconciler/leases/{self._settings.branch}"

    @property
    def is_used(self) -> bool:
        """Whether this repository has leases, and its remote takes them."""
        return bool(self._settings.lease) and not self.seen.get("refused")

    @property
    def seen(self) -> dict[str, Any]:
        return self._folder.read("lease") or {}

    @property
    def standing(self) -> str:
        """Whose it is now.

        It is free when nobody has it, when an earlier start of this very stack has it, and when
        it was not renewed for as long as it lasts: by our clock, others' may be wrong.
        """
        seen, me = self.seen, self._folder.who
        if not seen.get("id"):
            return FREE
        if seen.get("start") == me.start:
            return OURS
        if seen.get("holder") == self.holder and seen.get("lost") != me.start:
            return FREE
        return FREE if time.time() - seen["since"] >= float(seen.get("lasts") or 0) else THEIRS

    @property
    def holder(self) -> str:
        """The name of this stack."""
        return self._settings.holder or self._folder.who.stack

    @property
    def is_worn(self) -> bool:
        """Whether it is ours and should be renewed."""
        age = time.time() - (self.seen.get("renewed") or 0.0)
        return self.standing == OURS and not 0 <= age < self._settings.lease / 3

    def demand(self) -> None:
        """Raises Transient when somebody else holds it."""
        if self.is_used and self.standing == THEIRS:
            seen = self.seen
            raise Transient(
                f"{seen.get('host') or 'another machine'} ({seen.get('holder')}) writes to branch "
                f"{self._settings.branch} of {self._settings.url}, so nothing is pushed from here; "
                "copies are taken all the same, and pushed once it stops",
                reason="ReadOnly",
            )

    def note(self, name: str | None, content: bytes) -> None:
        """What was found on the remote: the id of the file, and what it says."""
        before = self.seen
        if before.get("id") == name and before:
            return
        told = _parse(content)
        start = self._folder.who.start
        was_ours = before.get("start") == start
        lost = start if was_ours and name else before.get("lost")
        facts = {"id": name, "since": time.time(), "lost": lost, "refused": before.get("refused")}
        self._folder.write("lease", {**told, **facts})

    def write(self) -> str:
        """The file to push with the next change: as it is while it is fresh, else a new one."""
        if self.standing == OURS and not self.is_worn:
            return str(self.seen["id"])
        me = self._folder.who
        said = {
            "holder": self.holder,
            "start": me.start,
            "host": me.host,
            "lasts": self._settings.lease,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "count": (self.seen.get("count") or 0) + 1,
        }
        store = ObjectStore(self._folder.path)
        name = store.content("blob", json.dumps(said, indent=1).encode() + b"\n")
        store.settle()
        return name

    def take(self, name: str, read: Callable[[], ObjectReader]) -> None:
        """The remote has the file that was written: the lease is ours."""
        now, before = time.time(), self.seen
        if before.get("id") == name and self.standing == OURS:
            return
        with read() as reader:
            told = _parse(reader.small(name, LARGEST))
        write_refs(self._folder.path, [self.here], name)  # no cleaning takes it
        self._folder.write("lease", {**told, "id": name, "since": now, "renewed": now})

    def give_up(self) -> None:
        """The remote has none any more."""
        self._folder.drop("lease")

    def refuse(self) -> None:
        """The remote takes no such notes: go on without."""
        self._folder.write("lease", {"refused": True})


def _parse(content: bytes) -> dict[str, Any]:
    """What a note says; one that nobody can read lasts as long as one usually does."""
    try:
        told = json.loads(content, parse_constant=_refuse)
        return {
            "holder": str(told["holder"])[:200],
            "start": str(told["start"])[:200],
            "host": str(told["host"])[:200],
            "lasts": min(max(float(told["lasts"]), 0.0), 86400.0),
            "count": int(told.get("count") or 0),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return {"holder": "", "start": "", "host": "", "lasts": 600.0, "count": 0}


def _refuse(name: str) -> NoReturn:
    """What is not a number lasts for ever."""
    raise ValueError(name)
