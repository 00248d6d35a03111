"""What a commit says that takes a revision back."""

from __future__ import annotations

import textwrap
from typing import Final

from .lines import tame
from .revision import SHORT, Retreat

REVERTS: Final = "Reconciler-Reverts"
RESTORES: Final = "Reconciler-Restores"
"""Trailers by which such a commit is known."""
LONGEST: Final = 500
WIDTH: Final = 72


def undo_message(away: Retreat) -> str:
    """From which revision to which, why, and that nothing but specs is touched."""
    why = tame(" ".join(away.reason.split()))[:LONGEST]
    parts = (
        f"Revert the specs to {away.to[:SHORT]}",
        f"{away.commit[:SHORT]} did not become healthy and was rolled back:",
        textwrap.fill(why, WIDTH, initial_indent="  ", subsequent_indent="  "),
        textwrap.fill(
            f"The specs are those of {away.to[:SHORT]} again. Nothing else is changed here, and no"
            " data anywhere.",
            WIDTH,
        ),
        f"{REVERTS}: {away.commit}\n{RESTORES}: {away.to}\n",
    )
    return "\n\n".join(parts)
