"""Who is told of what happens, as it is written."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ...core.model import Spec
from ...core.notice import SIGNED, Format
from ...core.sealed import Sealed

_REASON: Final = re.compile(r"[A-Z][A-Za-z0-9]{1,63}")


def _check_reason(text: str) -> str:
    if not _REASON.fullmatch(text):
        raise ValueError("write Warning, Normal or a reason such as RolledBack")
    return text


def _check_url(url: str | Sealed) -> str | Sealed:
    text = url if isinstance(url, str) else url.reveal() if url.known else None
    if text is not None and not _is_url(text):
        raise ValueError("not a url; it must be of the form https://host/path")  # and is not shown
    return url


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    odd = any(mark.isspace() or not mark.isprintable() for mark in text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not odd


Reason = Annotated[str, AfterValidator(_check_reason)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Notification(Spec):
    """A webhook that is told of events."""

    name: Name
    """What it is called in conditions and metrics."""
    url: Annotated[str | Sealed, AfterValidator(_check_url)]
    """Where to; what holds a token is a secret: {from: {env: NAME}} or {from: {file: path}}."""
    format: Format = Format.JSON
    """What is sent: json (a Standard Webhook), or a message of slack, feishu, dingtalk, wecom."""
    when: Annotated[tuple[Reason, ...], Field(min_length=1)] = ("Warning",)
    """Types of events (Warning, Normal) and reasons (RolledBack, RevisionHealthy) to be told."""
    once_per: Literal["revision", "event"] = "revision"
    """How often the same reason of the same resource is told: once a revision, or each time."""
    secret: Sealed | None = None
    """What messages are signed with, for json, feishu and dingtalk."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.url, str) and self.format is not Format.JSON:
            raise ValueError(
                f"the url of {self.format} holds a token; write {{from: {{env: NAME}}}}"
            )
        if isinstance(self.url, str) and _may_hold_token(self.url):
            raise ValueError("what stands behind ? or before @ may be a secret; write {from: …}")
        if self.secret is not None and self.format not in SIGNED:
            raise ValueError(f"{self.format} takes no signature; leave the secret out")
        return self


def _may_hold_token(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.query or parts.username or parts.password)
