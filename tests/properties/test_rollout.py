"""Whatever is edited, asked, crashes or is killed: what serves goes on until another one does."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.toys import Died
from tests.twins import Operator, Scene

from reconciler.core.request import Asked

WORDS = st.sampled_from(["a", "b", "c", "bad", "stuck"])
PICKS = st.integers(0, 9)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), WORDS),
        st.tuples(st.just("wait"), st.sampled_from([1, 4, 12, 40, 120])),
        st.tuples(st.just("open"), PICKS),
        st.tuples(st.just("finish"), PICKS),
        st.tuples(st.just("kill"), st.integers(0, 4)),
        st.tuples(st.sampled_from(["crash", "dark"]), PICKS),
        st.tuples(st.sampled_from(["restart", "stop", "start"]), st.just(0)),
        st.tuples(st.just("disable"), st.just(0)),
        st.tuples(st.just("reboot"), st.just(0)),
    ),
    max_size=14,
)


class Play:
    """A scene, and one operator after another."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.scene, self.word, self.enabled = folder, Scene(), "a", True
        self.operator = Operator(folder, self.scene)
        self.operator.write("a")

    async def happen(self, what: str, value: Any) -> None:
        match what:
            case "edit":
                self.word, self.enabled = value, True
                self.operator.write(value)
            case "disable":
                self.enabled = False
                self.operator.write(self.word, enabled=False)
            case "wait":
                await self.operator.run(value)
            case "kill":
                await self.kill(value)
            case "restart" | "stop" | "start":
                self.operator.ask(Asked(what))
            case _:
                self.scene.happen(what, value)
        assert len(self.scene.programs) <= 2

    async def kill(self, fuse: int) -> None:
        """The operator dies after some actions; the next one does not know yet who is ready."""
        self.scene.fuse = fuse
        try:
            await self.operator.run(3)
        except* Died:
            pass
        self.scene.fuse = None
        self.operator.close()
        self.scene.blind_until = self.scene.clock.time + 2
        self.operator = Operator(self.folder, self.scene)
        self.operator.write(self.word, enabled=self.enabled)


@example([("edit", "b"), ("crash", 0), ("edit", "a"), ("stop", 0), ("wait", 120)])
@pytest.mark.timeout(1800)
@settings(max_examples=500 if os.environ.get("RECONCILER_SOAK") == "1" else 20)
@given(happenings)
async def test_what_serves_goes_on_until_another_one_does(todo: list[tuple[str, Any]]) -> None:
    """Nothing that is ready ends before another is, nor with requests; and then all is calm."""
    with tempfile.TemporaryDirectory() as folder:
        play = Play(Path(folder))
        await play.operator.run(20)
        for what, value in todo:
            await play.happen(what, value)
            await play.operator.run(1)
            await play.operator.lane.pass_once()
            assert play.scene.wrongs == []
            assert play.scene.is_served()
        scene = play.scene
        scene.open.clear()
        play.operator.free()
        await play.operator.run(400, every=5)
        assert scene.wrongs == []
        scene.done.clear()
        await play.operator.run(60, every=5)
        assert scene.done == [], "it never comes to rest"
        (name,) = scene.programs
        assert scene.programs[name].state.started is play.enabled
        if play.enabled and play.word in {"a", "b", "c"}:
            assert scene.programs[name].state.word == play.word
            assert scene.targets == {scene.programs[name].state.port}
        play.operator.close()
