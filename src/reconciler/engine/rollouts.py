"""What is remembered of replacements, on disk until they are over: what nobody can see."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..core.errors import Transient
from ..core.model import Json, Ref, Resource
from ..core.turns import Memory, Note
from .records import Records

log = logging.getLogger(__name__)

TOPIC: Final = "rollout"


class Rollouts:
    """One memory for each instance that is being, or could not be, replaced."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: dict[Ref, Memory] = dict(_read_all(records.all(TOPIC)))

    def recall(self, lead: Ref, digest: str) -> Memory | None:
        """What is remembered of putting this very spec in place."""
        known = self._known.get(lead)
        return known if known is not None and known.digest == digest else None

    def note(self, notes: Iterable[tuple[Ref, Note, str]], now: float) -> None:
        """Take in what became of replacements at a look."""
        for lead, note, digest in notes:
            memory = self.recall(lead, digest) or Memory(digest, now)
            match note:
                case Note.BEGAN:
                    self._keep(lead, memory._replace(began=memory.began or now))
                case Note.PAUSED:
                    self._keep(lead, memory._replace(began=0.0))
                case Note.TOOK_OVER:
                    self._keep(lead, memory._replace(took_over=now))
                case Note.SETTLED:
                    self._keep(lead, None)

    def fail(self, lead: Ref, message: str, now: float) -> None:
        """The new one is given up, until its spec is edited or somebody asks for another try."""
        if (known := self._known.get(lead)) is not None:
            self._keep(lead, known._replace(failed=now, message=message))

    def retry(self, lead: Ref) -> None:
        """Try again what has failed."""
        known = self._known.get(lead)
        if known is not None and known.failed:
            self._keep(lead, None)

    def keep_only(self, desired: Mapping[Ref, Resource[Any]], *, whole: bool) -> None:
        """Forget what is not wanted any more, or was edited since."""
        for lead, known in list(self._known.items()):
            want = desired.get(lead)
            gone = whole if want is None else want.digest != known.digest or want.beside is None
            if gone:
                self._keep(lead, None)

    def _keep(self, lead: Ref, memory: Memory | None) -> None:
        if memory == self._known.get(lead):
            return
        try:
            if memory is None:
                self._records.clear(TOPIC, str(lead))
            else:
                self._records.write(TOPIC, str(lead), memory._asdict())
        except Transient as exc:  # kept in memory: a new operator would count anew
            log.warning("%s", exc)
        if memory is None:
            self._known.pop(lead, None)
        else:
            self._known[lead] = memory


def _read_all(written: Mapping[str, Json]) -> Iterator[tuple[Ref, Memory]]:
    """What makes sense to us; a newer version may have written something else."""
    for name, value in written.items():
        try:
            kind, _, own = name.partition("/")
            yield Ref(kind, own), Memory(**value)
        except TypeError as exc:
            log.warning("what is remembered of replacing %s makes no sense here: %s", name, exc)
