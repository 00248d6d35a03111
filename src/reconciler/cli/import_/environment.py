"""The environment of programs of supervisord."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...specs.problem import looks_secret
from .ini import Section, spelled, variables


def take_environment(section: Section) -> dict[str, str]:
    """``environment=`` as supervisord reads it; what it defines is known to the options after it.

    Variables of supervisord's own environment are left in the values.
    """
    from supervisor.datatypes import dict_of_key_value_pairs

    text = section.text("environment")
    try:
        found: dict[str, str] = dict_of_key_value_pairs(text or "")
    except ValueError as error:
        raise ValueError(f"environment cannot be read ({error})") from None
    section.known |= {f"ENV_{name}": value for name, value in found.items()}
    return found


def written(env: Mapping[str, str]) -> dict[str, Any]:
    """The environment as specs write it; a secret from outside is a reference."""
    return {name: _value(name, value) for name, value in env.items()}


def _value(name: str, value: str) -> Any:
    names = variables(value)
    text = spelled(value)
    if len(names) == 1 and text == f"${{{names[0]}}}" and looks_secret(f"{name} {names[0]}"):
        return {"from": {"env": names[0]}}
    return text


def from_outside(names: Iterable[str]) -> dict[str, Any]:
    """Variables that are handed on under their own names."""
    return {
        name: {"from": {"env": name}} if looks_secret(name) else f"${{{name}}}" for name in names
    }
