"""One look at a target: at what was touched, or at everything; and at all permissions."""

from __future__ import annotations

from typing import NamedTuple

from ...clients.git_objects import FILE, Entry
from ...clients.git_trees import Trees
from .cache import FileCache
from .modes import encode
from .place import Place
from .scan import Scan, Scanner
from .sight import Sight
from .take import Means
from .touched import Toucher


class Look(NamedTuple):
    """``touched``: the paths to look at; None for everything."""

    place: Place
    sight: Sight
    touched: set[str] | None
    cache: FileCache

    def run(self, means: Means, trees: Trees, last: Entry | None) -> Scan:
        """What lies there now. ``last`` is the last copy that was stored."""
        cache, sight = self.cache, self.sight
        if self.touched is None or last is None or last != sight.entry:
            scan = Scanner(self.place, means).run()
            cache.learn_usual()
        else:
            scan = Toucher(self.place, means, trees).look(last.id, self.touched)
            scan.modes = sight.modes if cache.odd() == sight.odd else None
        if scan.modes is None:
            scan.modes = Entry(FILE, means.objects.content("blob", encode(cache.modes())))
        scan.odd = cache.odd()
        return scan
