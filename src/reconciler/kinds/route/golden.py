"""Golden requests, as they are written under ``tests``: where they must go."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ...core.model import Spec
from ...core.units import Name
from .headers import header_value

METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options")
_TARGET: Final = re.compile(r"/[^\s\x00-\x1f\x7f]*")


def _target(text: str) -> str:
    if not _TARGET.fullmatch(text):
        raise ValueError("not a path; write /like/this or /like/this?with=query")
    return text


Target = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_target)]
Value = Annotated[str, StringConstraints(max_length=4096), AfterValidator(header_value)]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,128}$")]


class Expect(Spec):
    """What must come of it: all that is said."""

    route: Name | None = None
    """The route that serves it, by its name."""
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    """The status the gateway answers by itself: of a redirect, a fixed text, or 404 or 400."""
    redirect: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    """Where the browser is sent, the query included."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.route is None and self.status is None and self.redirect is None:
            raise ValueError("write `route`, `status` or `redirect`")
        return self


class Golden(Spec):
    """One request, and what must come of it."""

    get: Target | None = None
    """The path of a GET, with its query."""
    post: Target | None = None
    put: Target | None = None
    patch: Target | None = None
    delete: Target | None = None
    head: Target | None = None
    options: Target | None = None
    host: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "localhost"
    headers: Annotated[dict[FieldName, Value], Field(max_length=50)] = Field(default_factory=dict)
    """Its headers, the Referer too."""
    expect: Expect

    @model_validator(mode="after")
    def _one_request(self) -> Self:
        if sum(getattr(self, name) is not None for name in METHODS) != 1:
            raise ValueError(f"write exactly one of `{'`, `'.join(METHODS)}`")
        return self

    @property
    def method(self) -> str:
        """``GET`` and the like."""
        return next(name for name in METHODS if getattr(self, name) is not None).upper()

    @property
    def target(self) -> str:
        """The path with its query."""
        return str(getattr(self, self.method.lower()))
