"""Shipped specs whose ports are moved to free ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from reconciler.testing import free_port


def with_numbers(text: str, numbers: dict[str, int]) -> str:
    """The text with other numbers; one that stands inside another (8010 in 28010) is none."""
    # All at once: a number put in must not be taken for one that is looked for.
    return re.sub(r"\d+", lambda found: str(numbers.get(found[0], found[0])), text)


def move_ports(files: Iterable[Path], shipped: Iterable[str]) -> dict[str, int]:
    """Put free ports for the shipped ones into these files; which became which."""
    ports = {port: free_port() for port in shipped}
    for file in files:
        file.write_text(with_numbers(file.read_text(), ports))
    return ports
