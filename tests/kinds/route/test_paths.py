"""One form of a path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.route.paths import normalise


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("/", "/"),
        ("/a%2Db/%7e", "/a-b/~"),
        ("/a%2b+/%3b;", "/a%2B+/%3B;"),
        ("//a///b/", "/a/b/"),
        ("/中 文", "/%E4%B8%AD%20%E6%96%87"),
        ("/%41%42", "/AB"),
    ],
)
def test_spellings_of_one_path_are_one(written: str, normal: str) -> None:
    """What never needed encoding is decoded, the rest is encoded."""
    assert normalise(written) == normal


@pytest.mark.parametrize(
    "written", ["", "a", "/..", "/a/./b", "/%2e%2e/", "/..;x", "/%2f", "/%5C", "/%00", "/a?b", "/%"]
)
def test_what_has_two_readings_is_refused(written: str) -> None:
    """Programs disagree about these paths."""
    with pytest.raises(ValueError, match=r"."):
        normalise(written)


@given(st.text())
def test_a_normal_path_stays_as_it_is(text: str) -> None:
    """Normalising twice is normalising once, whatever was written."""
    try:
        path = normalise("/" + text.replace("\ud800", ""))
    except (ValueError, UnicodeEncodeError):
        return
    assert normalise(path) == path
