"""Which requests a route is for, as it is written."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ...core.model import Spec
from .headers import header_name, header_value
from .paths import normalise
from .regex import check_regex

_FIELD_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_LABEL: Final = re.compile(r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?")


def _path(text: str) -> str:
    normalise(text)
    return text


def _host(text: str) -> str:
    name = text.lower()
    if not all(map(_LABEL.fullmatch, name.removeprefix("*.").split("."))):
        raise ValueError("not a host; write example.com or *.example.com, without a port")
    return name


def _compared_name(name: str) -> str:
    """What nginx lets through, and what nobody writes anew on the way to a program."""
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError("not a header that nginx reads; use letters, digits and -")
    if name.lower() == "host":
        raise ValueError("write match.host to compare the host")
    if name.lower().startswith("x-forwarded-"):
        raise ValueError(f"{name} is written by the gateway itself")
    return header_name(name)


def _compared_value(value: str) -> str:
    if value != value.strip(" \t"):
        raise ValueError("no header's value begins or ends with a space")
    return header_value(value)


def _method(name: str) -> str:
    if not _METHOD.fullmatch(name):
        raise ValueError("not a method; they are in capital letters, as GET")
    return name


def _regex(text: str) -> str:
    check_regex(text)
    return text


Path = Annotated[str, StringConstraints(max_length=1024), AfterValidator(_path)]
Host = Annotated[str, StringConstraints(max_length=255), AfterValidator(_host)]
Method = Annotated[
    str, AfterValidator(_method), Field(json_schema_extra={"pattern": r"^[A-Z]{1,20}$"})
]
Regex = Annotated[str, StringConstraints(min_length=1), AfterValidator(_regex)]
ComparedName = Annotated[str, StringConstraints(max_length=128), AfterValidator(_compared_name)]
ComparedValue = Annotated[
    str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_compared_value)
]


class HeaderMatch(Spec):
    """One header of the request: all that is said of it must hold."""

    name: ComparedName
    """Case does not count. Several headers of one name are one value, joined by a comma."""
    equals: ComparedValue | None = None
    """The whole value."""
    contains: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    """What the value contains."""
    regex: Regex | None = None
    """What the value has at any place; ``^`` and ``$`` are its start and end."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.equals is None and self.contains is None and self.regex is None:
            raise ValueError("write `equals`, `contains` or `regex`")
        return self


class Match(Spec):
    """Which requests: all given conditions must hold."""

    host: Host | None = None
    """The host asked for: ``example.com``, or ``*.example.com`` for all names below it."""
    path_prefix: Path | None = None
    """How the path begins."""
    path_equal: Path | None = None
    """The whole path."""
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] | None = None
    """One of these methods, exactly: GET does not mean HEAD."""
    referer_substr: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    """What the Referer header contains."""
    referer_regex: Regex | None = None
    """What the Referer header has at any place; ``^`` and ``$`` are its start and end."""
    headers: Annotated[tuple[HeaderMatch, ...], Field(min_length=1, max_length=20)] | None = None
    """What other headers say."""
