"""What a person has allowed: the deletions of one revision, whatever restarts in between."""

from __future__ import annotations

from typing import Final

from .records import Records

TOPIC: Final = "confirmation"
NAME: Final = "deletions"


class Confirmation:
    """The revision whose deletions are allowed, if any."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._revision = str(records.read(TOPIC, NAME) or "")

    def covers(self, revision: str) -> bool:
        """Whether the deletions of this revision are allowed."""
        return bool(revision) and revision == self._revision

    def give(self, revision: str) -> None:
        """Allow the deletions of this revision, and of no other."""
        self._records.write(TOPIC, NAME, revision)
        self._revision = revision

    def end(self) -> None:
        """Allow none any more."""
        if self._revision:
            self._records.clear(TOPIC, NAME)
            self._revision = ""
