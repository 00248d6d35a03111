"""What the C library keeps of memory that is free."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from typing import Final

M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
LARGE: Final = 128 * 1024
SELDOM: Final = 10_000
"""So many more objects are made than let go before the young ones are looked through: an edit
makes a few thousand, and hardly one of them is part of a circle."""


def keep_little() -> None:
    """Large pieces go back to the system as soon as they are free, and threads share the rest.

    Else glibc takes each for a size that comes again, and a thread that once checked a password
    keeps its megabytes. Other C libraries do not do that, and do not know the call.
    """
    with suppress(AttributeError, OSError):
        tune = ctypes.CDLL(None).mallopt
        tune(M_MMAP_THRESHOLD, LARGE)
        tune(M_ARENA_MAX, 1)


def keep_what_is_there(*, tidy: bool = True) -> None:
    """What is loaded by now stays, and is not looked through any more for what is not needed.

    That would take a tenth of a second, in the middle of an edit. ``tidy``: look through it all
    once more before.
    """
    if tidy:
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)
