from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.errors import Terminal
from reconciler.kinds.process.layout import Layout
from reconciler.kinds.process.sections import Foreign, Section, parse_file, render_file
from reconciler.kinds.process.state import Program, stamp

LAYOUT = Layout(Path("/tmp/stack"))
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?-[0-9]", fullmatch=True)
STAMPS = st.builds(
    lambda policy, priority, signal: stamp(
        Program(restart=policy, priority=priority, stop_signal=signal)
    ),
    st.sampled_from(["always", "onFailure", "never"]),
    st.integers(0, 9999),
    st.sampled_from(["TERM", "INT"]),
)


@given(st.dictionaries(NAMES, STAMPS))
def test_what_is_written_is_read(stamps: dict[str, str]) -> None:
    """Every program comes back with its settings, intact."""
    text = render_file(LAYOUT, stamps)
    assert parse_file(LAYOUT, text) == {n: Section(s, intact=True) for n, s in stamps.items()}


@given(st.dictionaries(NAMES, STAMPS, min_size=2, max_size=4), st.data())
def test_an_edit_by_hand_shows_on_that_program_only(
    stamps: dict[str, str], data: st.DataObject
) -> None:
    """The others stay intact."""
    name = data.draw(st.sampled_from(sorted(stamps)))
    text = render_file(LAYOUT, stamps).replace(
        f"[program:{name}]\n", f"[program:{name}]\nenvironment=LD_PRELOAD=x\n"
    )
    assert {n for n, section in parse_file(LAYOUT, text).items() if not section.intact} == {name}


def test_a_file_of_somebody_else_is_told() -> None:
    """It is never overwritten; an empty or missing one is ours to write."""
    with pytest.raises(Foreign):
        parse_file(LAYOUT, "[program:x]\ncommand=/bin/true\n")
    assert parse_file(LAYOUT, "") == {}


@pytest.mark.parametrize("path", ["/a\nb", '/a"b', "/a ;b", "/a #b", "/a[b", "/a*"])
def test_a_path_that_the_file_cannot_hold_is_refused(path: str) -> None:
    """It says which character, before anything is written."""
    with pytest.raises(Terminal, match="cannot stand in supervisord's file"):
        Layout(Path(path))
