"""One look at a target: at what was touched, or at everything; and at all permissions."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from ...clients.git_objects import FILE, Entry
from ...clients.git_trees import Trees
from .cache import FileCache
from .large.marks import Mark, advance
from .large.marks import encode as encode_marks
from .modes import encode
from .place import Place
from .scan import Scan, Scanner
from .secrets import NO_GUARD, Guard
from .sight import Sight, is_below
from .take import Means
from .touched import Toucher


class Look(NamedTuple):
    """``touched``: the paths to look at; None for everything.

    ``versions`` of a large file are kept; ``deleted`` are blobs that are not there any more.
    """

    place: Place
    sight: Sight
    touched: set[str] | None
    cache: FileCache
    guard: Guard = NO_GUARD
    versions: int = 1
    deleted: Collection[str] = ()

    def run(self, means: Means, trees: Trees, last: Entry | None) -> Scan:
        """What lies there now. ``last`` is the last copy that was stored."""
        cache, sight = self.cache, self.sight
        means = replace(means, guard=self.guard)
        if self.touched is None or last is None or last != sight.entry:
            scan = Scanner(self.place, means).run()
            cache.learn_usual()
        else:
            scan = Toucher(self.place, means, trees).look(last.id, self.touched)
            scan.modes = sight.modes if cache.odd() == sight.odd else None
        if scan.modes is None:
            scan.modes = Entry(FILE, means.objects.content("blob", encode(cache.modes())))
        scan.odd = cache.odd()
        scan.marks = self._mark(means, scan)
        return scan

    def _mark(self, means: Means, scan: Scan) -> Entry | None:
        """The file that tells which of what lies there now are pointers."""
        before, now = means.marks, dict(scan.pointers)
        for path, kept in before.files.items():
            if path not in now and not is_below(path, scan.covers):
                now[path] = Mark(kept.pointer, kept.names[0])
        after = advance(
            before, now, versions=self.versions, moment=time.time(), deleted=self.deleted
        )
        if after is before:
            return means.marked
        return Entry(FILE, means.objects.content("blob", encode_marks(after)))
