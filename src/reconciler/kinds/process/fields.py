"""The values a Process is written in, and what is wrong with a bad one."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from ...core.sealed import Sealed


def _argument(value: Any) -> Any:
    if isinstance(value, Sealed):
        raise ValueError("a secret cannot be an argument, everybody may read those; use env")  # noqa: TRY004
    if not isinstance(value, str):
        raise ValueError("not text; write it in quotes")  # noqa: TRY004 (pydantic reports only ValueError)
    return _without_nul(value)


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a NUL character, which no program can be given")
    return value


def _words(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as exc:
        raise ValueError(f"cannot split into words ({exc}); write it as a list") from exc


def _env_value(value: Any) -> Any:
    if isinstance(value, str):
        return _without_nul(value)
    if isinstance(value, Sealed | dict):
        return value
    raise ValueError("not text; write it in quotes")


def _user(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _umask(value: Any) -> Any:
    if isinstance(value, int):
        raise ValueError('write the umask in quotes, for example "027"')  # noqa: TRY004 (pydantic reports only ValueError)
    return value


def _signal(value: Any) -> Any:
    return value.upper().removeprefix("SIG") if isinstance(value, str) else value


Argument: TypeAlias = Annotated[str, BeforeValidator(_argument), WithJsonSchema({"type": "string"})]
Command: TypeAlias = Annotated[
    tuple[Argument, ...],
    BeforeValidator(_words),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
]
EnvName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^=\x00]+$")]
EnvValue: TypeAlias = Annotated[str | Sealed, BeforeValidator(_env_value)]
User: TypeAlias = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_][-A-Za-z0-9_.]*(:[A-Za-z0-9_][-A-Za-z0-9_.]*)?$"),
    BeforeValidator(_user),
]
Umask: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^0?[0-7]{3}$"), BeforeValidator(_umask)
]
Signal: TypeAlias = Annotated[
    Literal["TERM", "HUP", "INT", "QUIT", "KILL", "USR1", "USR2"], BeforeValidator(_signal)
]
Policy: TypeAlias = Literal["always", "onFailure", "never"]
