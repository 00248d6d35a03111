"""The values a probe is written in, and what is wrong with a bad one."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import SchemaError, SchemaValidator, core_schema

from .sealed import Sealed
from .units import NAME_PATTERN, Duration

LAST_PORT: Final = 65535
_LONGEST_TEXT: Final = 2000
LONGEST_PATTERN: Final = 1000
_FIRST_STATUS, _LAST_STATUS = 100, 599

_token: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_range: Final = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")


def matcher(pattern: str) -> SchemaValidator:
    """What finds ``pattern`` in a text, in time linear in the text. Raises ValueError."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError as exc:
        said = [line.strip() for line in str(exc).splitlines() if line.strip()]
        why = said[-1].removeprefix("error: ") if said else "unknown"
        raise ValueError(f"not a regular expression we can search with: {why}") from None


def _pattern(text: str) -> str:
    matcher(text)
    return text


def _port(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _status(value: Any) -> Any:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    match = _range.fullmatch(text) if isinstance(text, str) else None
    if match is None or (match[2] and match[2] < match[1]):
        raise ValueError("not a status; write for example 200 or 200-399")
    return text


def _header_name(name: str) -> str:
    if not _token.fullmatch(name):
        raise ValueError("not the name of a header")
    return name


def _header_value(value: Any) -> Any:
    if isinstance(value, Sealed | dict):
        return value
    if not isinstance(value, str):
        raise ValueError("not text; write it in quotes")  # noqa: TRY004 (pydantic reports only ValueError)
    if not value.isprintable() or not value.isascii() or value != value.strip():
        raise ValueError("a header holds one line of plain text, without blanks around it")
    return value


def _url_path(path: str) -> str:
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError("not a path; it starts with /, and blanks and the like are written %20")
    return path


def _argument(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("not text; write it in quotes")  # noqa: TRY004 (pydantic reports only ValueError)
    if "\0" in value:
        raise ValueError("holds a NUL character, which no program can be given")
    return value


def _rounded(seconds: float) -> float:
    # As precise as it is written back, so that what is read again is what was written.
    return round(seconds, 3)


Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_TEXT)]
Argument: TypeAlias = Annotated[str, BeforeValidator(_argument), WithJsonSchema({"type": "string"})]
Host: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._:-]{1,253}$")]
Program: TypeAlias = Annotated[tuple[Argument, ...], Field(min_length=1)]
PortNumber: TypeAlias = Annotated[int, Field(ge=1, le=LAST_PORT)]
Port: TypeAlias = Annotated[
    PortNumber | Annotated[str, StringConstraints(pattern=NAME_PATTERN)], BeforeValidator(_port)
]
Status: TypeAlias = Annotated[
    str,
    BeforeValidator(_status),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": _FIRST_STATUS, "maximum": _LAST_STATUS},
                {"type": "string", "pattern": f"^{_range.pattern}$"},
            ]
        }
    ),
]
Precise: TypeAlias = Annotated[Duration, AfterValidator(_rounded)]
Header: TypeAlias = Annotated[str, AfterValidator(_header_name)]
HeaderValue: TypeAlias = Annotated[str | Sealed, BeforeValidator(_header_value)]
UrlPath: TypeAlias = Annotated[Text, AfterValidator(_url_path)]
Path: TypeAlias = Annotated[Text, BeforeValidator(_argument)]
Pattern: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_PATTERN),
    AfterValidator(_pattern),
]
Age: TypeAlias = Annotated[Precise, Field(ge=0.1)]
JsonScalar: TypeAlias = str | int | float | bool | None
