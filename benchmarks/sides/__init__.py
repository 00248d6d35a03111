"""The sides of the comparison: ours, with and without the keeper, and the peers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from .circus import Circus
from .floor import Floor
from .install import why_absent
from .ours import Ours, Stock
from .pm2 import Pm2
from .s6 import S6
from .side import Side, folder, lasting_folder, process, write
from .supervisord import BIN, Supervisord
from .tick import build

__all__ = ["BIN", "SIDES", "Floor", "Ours", "Side", "Stock", "Supervisord"]
__all__ += ["both", "build", "folder", "line_up", "present", "process", "write"]

MAKERS: Final[Mapping[str, Callable[[Path, Path, int], Side]]] = {
    Ours.name: lambda place, program, _: Ours(place, program),
    Stock.name: lambda place, program, _: Stock(place, program),
    Supervisord.name: lambda place, program, count: Supervisord(place, program, count=count),
    Pm2.name: lambda place, program, _: Pm2(place, program),
    Circus.name: lambda place, program, _: Circus(place, program),
    S6.name: lambda place, program, _: S6(place, program),
}
SIDES: Final = (*MAKERS, Floor.name)


def present(wanted: Sequence[str]) -> list[str]:
    """Those of ``wanted`` that can run here; of the others it is said why they cannot."""
    found = []
    for name in wanted:
        if why := why_absent(name):
            print(f"{name} is left out: {why}", file=sys.stderr)
        else:
            found.append(name)
    return found


@contextmanager
def line_up(names: Sequence[str], *, count: int) -> Iterator[list[Side]]:
    """Each in a folder of its own, up and running nothing yet."""
    with ExitStack() as stack:
        sides = []
        for name in names:
            if name not in MAKERS:
                continue
            place = lasting_folder()
            side = MAKERS[name](place, build(place), count)
            stack.enter_context(side.running())
            sides.append(side)
        yield sides


@contextmanager
def both(count: int) -> Iterator[tuple[Ours, Supervisord]]:
    """Ours and stock supervisord alone."""
    with line_up((Ours.name, Supervisord.name), count=count) as (ours, peer):
        assert isinstance(ours, Ours)
        assert isinstance(peer, Supervisord)
        yield ours, peer
