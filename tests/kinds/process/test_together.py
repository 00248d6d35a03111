"""Work that is asked for side by side."""

from __future__ import annotations

import asyncio

from reconciler.core.errors import Transient
from reconciler.kinds.process.together import Together


async def test_what_goes_wrong_with_one_is_only_its_own() -> None:
    """Whatever it is: an error of ours, of the disk, or one that nobody thought of."""
    wrong = {"a": Transient("a", reason="A"), "b": OSError(28, "full", "b"), "c": KeyError("c")}

    def work(item: str) -> None:
        if item in wrong:
            raise wrong[item]

    together = Together(work)
    found = await asyncio.gather(*map(together.do, "abcd"), return_exceptions=True)
    assert found[0] is wrong["a"]
    assert isinstance(found[1], Transient)
    assert found[2] is wrong["c"]
    assert found[3] is None
