"""Snapshots know where they differ from the one before, whatever was edited, broken or mended."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.specs.toys import TOYS, SpecFolder, app

from reconciler.core.moved import moved
from reconciler.engine.expansion import Expansion

NAMES = ("a", "b", "c")
FILES = tuple(f"{name}.yaml" for name in NAMES)
ROUTE = "apiVersion: reconciler.dev/v1\nkind: Route\nmetadata: {name: r}\nspec: {title: %s}\n"
GATEWAY = "apiVersion: reconciler.dev/v1\nkind: Gateway\nmetadata: {name: %s}\nspec: {title: %s}\n"
texts = st.one_of(
    st.none(),
    st.just("kind: ["),
    st.builds(app, st.sampled_from(NAMES), st.sampled_from(("command: x", "command: y"))),
    st.builds(
        lambda name, other: app(name, f"command: x\nneeds: [App/{other}]"),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
    ),
    st.builds(lambda name: app(name, f"command: x\nurl: ${{LOST_{name}}}"), st.sampled_from(NAMES)),
    st.builds(lambda title: ROUTE % title, st.sampled_from("xy")),
    st.builds(
        lambda name, title: GATEWAY % (name, title),
        st.sampled_from(("gateway", "mine")),
        st.sampled_from(("x", "${LOST}")),
    ),
)
edits = st.lists(st.tuples(st.sampled_from(FILES), texts), min_size=1, max_size=3)


def plainly(before: Mapping[object, object], now: Mapping[object, object]) -> set[object]:
    """What differs, by looking at everything."""
    return {key for key in before.keys() | now.keys() if before.get(key) is not now.get(key)}


@given(st.lists(edits, min_size=2, max_size=8), st.booleans())
def test_what_moved_is_what_differs(steps: list[list[tuple[str, str | None]]], tried: bool) -> None:
    """Of what is written and of what is to run by it; a trial in between changes nothing."""
    with tempfile.TemporaryDirectory() as root:
        folder, expansion = SpecFolder(Path(root), worktree=True), Expansion(TOYS)
        before, ran = folder.load().resources, expansion.expand(folder.load())
        for step in steps:
            for name, text in step:
                if text is None:
                    (folder.specs / name).unlink(missing_ok=True)
                else:
                    folder.write(name, text)
            if tried:
                trial = folder.loader.trial({"specs/a.yaml": app("d").encode()}).resources
                assert moved(before, trial) == plainly(before, trial)
            snapshot = folder.load()
            runs = expansion.expand(snapshot)
            assert moved(before, snapshot.resources) == plainly(before, snapshot.resources)
            assert moved(ran, runs) == plainly(ran, runs)
            before, ran = snapshot.resources, runs
