"""Which regexes are taken, and what is said of the others."""

from __future__ import annotations

import time
from random import Random

import pytest

from reconciler.kinds.route.regex import LONGEST_SUBJECT, check_regex, matches

from .regexes import EXPLOSIVE, FOREIGN, USUAL, a_regex, a_subject, explosive


@pytest.mark.parametrize("text", USUAL)
def test_what_people_write_is_taken(text: str) -> None:
    """Ordinary regexes for hosts, paths, agents and addresses pass."""
    check_regex(text)


@pytest.mark.parametrize("text", EXPLOSIVE)
def test_what_explodes_is_refused(text: str) -> None:
    """Nested repeats, and too many ways to take one text."""
    with pytest.raises(ValueError, match="at character"):
        check_regex(text)


@pytest.mark.parametrize(("text", "at"), FOREIGN.items())
def test_what_is_read_in_two_ways_is_refused(text: str, at: int) -> None:
    """Look-around, back-references, verbs and the like, each with its place."""
    with pytest.raises(ValueError, match=f"at character {at} of the regex"):
        check_regex(text)


def test_five_hundred_bad_regexes_are_fast_or_refused() -> None:
    """None of many known-bad shapes takes Python more than a moment on its worst text."""
    dice, taken = Random(1), 0
    for _ in range(500):
        text, subject = explosive(dice)
        try:
            check_regex(text)
        except ValueError:
            continue
        taken += 1
        began = time.thread_time()
        matches(text, subject)
        assert time.thread_time() - began < 3, text
    assert taken < 250


def test_any_text_is_taken_or_refused_in_words() -> None:
    """Whatever is written, nothing but a ValueError comes of it, soon."""
    dice = Random(2)
    for _ in range(3000):
        text = a_regex(dice)
        try:
            check_regex(text)
        except ValueError as error:
            assert "at character" in str(error)  # noqa: PT017 (it may also be taken)
        else:
            matches(text, a_subject(dice))


@pytest.mark.parametrize(
    ("text", "subject", "answer"),
    [
        ("^a.c$", "abc", True),
        ("^a.c$", "abcd", False),
        ("(?i)^BOT", "botnet", True),
        ("(?i)[x-z]{2}", "aXY", True),
        (r"\.com$", "a.com\n", False),
        ("^$", "", True),
        (r"[^\d\s]", "1 2", False),
        ("a|b|", "z", True),
        ("^(a|b)+c{1,2}$", "abacc", True),
        (".", "\u00e9", True),
        ("^..$", "\u00e9", True),
    ],
)
def test_matches(text: str, subject: str, *, answer: bool) -> None:
    """A regex is looked for at any place, in bytes; ^ and $ are the very ends."""
    assert matches(text, subject.encode()) is answer


def test_a_long_value_fulfils_no_regex() -> None:
    """What would take long is not begun."""
    assert matches("^a", b"a" * LONGEST_SUBJECT)
    assert not matches("^a", b"a" * (LONGEST_SUBJECT + 1))
