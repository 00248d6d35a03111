"""Moving a shipped stack to free ports."""

from __future__ import annotations

from .moved import with_numbers


def test_a_new_port_is_not_moved_again() -> None:
    """Not even where it holds, or is, one of the shipped ones."""
    moved = with_numbers("a: 7860\nb: 8010\nc: 17860\n", {"7860": 28010, "8010": 7860})
    assert moved == "a: 28010\nb: 7860\nc: 17860\n"
