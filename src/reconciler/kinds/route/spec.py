"""Route, as it is written."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ...core.model import Spec
from .access import Access
from .golden import Golden
from .matching import Match
from .proxy import Proxy
from .static import Static

_URL: Final = re.compile(r"(/(?!/)|https?://[^/\s\\?#@]+/)[^\s\\#\x00-\x1f\x7f]*")


def _target(text: str) -> str:
    if not _URL.fullmatch(text):
        raise ValueError("not a path; write /new/ or a URL with a path, https://example.com/new/")
    return text


Target = Annotated[str, StringConstraints(max_length=2048), AfterValidator(_target)]


class Redirect(Spec):
    """Send the browser elsewhere; the query is kept."""

    to: Target | None = None
    """The new address."""
    to_prefix: Target | None = None
    """What takes the place of ``match.pathPrefix``; the rest of the path follows."""
    code: Literal[301, 302, 307, 308] = 302

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.to is None) == (self.to_prefix is None):
            raise ValueError("write either `to` or `toPrefix`")
        if self.to_prefix is not None and "?" in self.to_prefix:
            raise ValueError("`toPrefix` is the beginning of a path and has no query")
        return self


class Respond(Spec):
    """Answer at once with a fixed text."""

    status: Annotated[int, Field(ge=200, le=599)]
    body: Annotated[str, StringConstraints(max_length=65536)] = ""


class RouteSpec(Spec):
    """Which requests go where. The highest priority wins, then the longer pathPrefix."""

    not_yet: ClassVar[tuple[str, ...]] = ()

    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Higher wins. Ties: longer pathPrefix, longer refererSubstr, order, name."""
    order: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """The position among equals, in an imported list; lower wins."""
    match: Match = Match()
    proxy: Proxy | None = None
    redirect: Redirect | None = None
    respond: Respond | None = None
    static: Static | None = None
    access: Access | None = None
    """Who may use it: by address, and by password or token."""
    tests: Annotated[tuple[Golden, ...], Field(max_length=1000)] = ()
    """Golden requests. While one fails, no route of the revision is changed."""

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        actions: list[Any] = [self.proxy, self.redirect, self.respond, self.static]
        if sum(action is not None for action in actions) != 1:
            raise ValueError("write exactly one of `proxy`, `redirect`, `respond` and `static`")
        return self

    @model_validator(mode="after")
    def _prefix_where_needed(self) -> Self:
        if self.match.path_prefix is not None:
            return self
        if self.proxy is not None and self.proxy.strip_prefix:
            raise ValueError("`proxy.stripPrefix` needs `match.pathPrefix`")
        if self.redirect is not None and self.redirect.to_prefix is not None:
            raise ValueError("`redirect.toPrefix` needs `match.pathPrefix`")
        return self
