"""What moved, known from where it was made."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.moved import Version, moved

contents = st.dictionaries(st.sampled_from("abcdef"), st.integers(300, 310))


def plainly(before: Mapping[str, object], now: Mapping[str, object]) -> set[str]:
    """The same by looking at everything."""
    return {key for key in before.keys() | now.keys() if before.get(key) is not now.get(key)}


@given(st.lists(contents, min_size=1, max_size=6), st.sets(st.sampled_from("abcdefg")))
def test_a_version_says_what_looking_at_all_says(
    steps: list[dict[str, int]], more: set[str]
) -> None:
    """To the one before it, and to any other; whoever touched more than moved does no harm."""
    versions: list[Mapping[str, int]] = [{}]
    for step in steps:
        before = versions[-1]
        now = {key: before.get(key) if before.get(key) == one else one for key, one in step.items()}
        versions.append(Version(now, before, plainly(before, now) | more))
    for before in versions:
        for now in versions:
            assert moved(before, now) == plainly(before, now)


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers()), max_size=8))
def test_a_version_of_changes_is_what_a_copy_with_them_is(
    steps: list[dict[str, int | None]],
) -> None:
    """Looked up before it is walked over and after, and whatever is made of it then."""
    version, plain = Version[str, int]({}, {}), dict[str, int]()
    for step in steps:
        before = version
        version, known = Version.edited(version, step), dict(plain)
        for key, one in step.items():
            plain.pop(key, None)
            if one is not None:
                plain[key] = one
        for _ in range(2):
            assert [version.get(key) for key in "abcdef"] == [plain.get(key) for key in "abcdef"]
            assert [key in version for key in "abcdef"] == [key in plain for key in "abcdef"]
            assert len(version) == len(plain)
            if step:
                assert version.items() == plain.items()
        assert moved(before, version) == plainly(known, plain)
    assert version == plain
