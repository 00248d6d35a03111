"""What hundreds of things have in common is kept once."""

from __future__ import annotations

from functools import cache

from .model import State, StateT


def whole(state: StateT) -> StateT:
    """The same state; all of a sort with every field set share one list of these, kilobytes long.

    A copy has a list of its own.
    """
    names = _names(type(state))
    if state.model_fields_set == names:
        object.__setattr__(state, "__pydantic_fields_set__", names)
    return state


@cache
def _names(model: type[State]) -> set[str]:
    return set(model.model_fields)
