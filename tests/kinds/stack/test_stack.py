"""What is said about the whole."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest
from pydantic import ValidationError

from reconciler.core.diff import diff
from reconciler.core.model import HealthCode, Origin, Ref, Resource
from reconciler.kinds.stack import KIND, StackSpec
from reconciler.kinds.stack.driver import StackDriver

REF = Ref("Stack", "main")


def stack(**fields: object) -> Resource[StackSpec]:
    spec = StackSpec.model_validate(fields)
    return Resource(REF, spec, Origin(PurePath("specs/stack.yaml"), 1))


def test_nothing_goes_back_by_itself_unless_asked() -> None:
    """The usual is to stay, and to be told."""
    revert = StackSpec().auto_revert
    assert (revert.enabled, revert.deadline) == (False, 300)
    with pytest.raises(ValidationError, match="shorter than a second"):
        stack(autoRevert={"deadline": "10ms"})


async def test_what_is_in_force_is_what_is_written(tmp_path: Path) -> None:
    """Written, edited and forgotten, a driver that comes back sees the same."""
    driver = StackDriver(tmp_path / "stack")
    assert await driver.observe() == {}
    for want in (stack(autoRevert={"enabled": True}), stack(autoRevert={"deadline": "1m"})):
        before = (await driver.observe()).get("main")
        change = diff(REF, KIND.render(want), before.state if before else None)
        assert change is not None
        for action in KIND.steps(change):
            await driver.apply(action)
        seen = (await StackDriver(tmp_path / "stack").observe())["main"]
        assert seen.state == KIND.render(want)
        assert KIND.health(seen).code is HealthCode.HEALTHY
    (tmp_path / "stack" / "main.json").write_text("{")
    damaged = (await driver.observe())["main"].state
    assert diff(REF, KIND.render(want), damaged) is not None
    gone = diff(REF, None, damaged)
    assert gone is not None
    for action in KIND.steps(gone):
        await driver.apply(action)
        await driver.apply(action)
    assert await driver.observe() == {}
