"""What the user writes about large files."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ....core.model import Spec
from ....core.sealed import Sealed
from ....core.units import Size

_SMALLEST: Final = 1024
_tag: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_repo: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+")
_bucket: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_prefix: Final = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)*")


def _check_threshold(size: int) -> int:
    if size < _SMALLEST:
        raise ValueError("smaller than a pointer; write for example 50Mi")
    return size


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not a url; write https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a url must not hold credentials, a query or a fragment")
    return url.rstrip("/")


def _match(pattern: re.Pattern[str], wrong: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(wrong)
        return text

    return AfterValidator(check)


Url = Annotated[str, AfterValidator(_check_url)]


class S3(Spec):
    """A bucket of S3, or of what speaks as it does."""

    endpoint: Url
    """https://s3.eu-central-1.amazonaws.com, http://minio:9000 and the like."""
    bucket: Annotated[str, _match(_bucket, "not a bucket's name")]
    region: str = Field("us-east-1", pattern=r"^[A-Za-z0-9-]{1,40}$")
    """The region that requests are signed for."""
    prefix: Annotated[str, _match(_prefix, "write it as folders that end in /")] = ""
    """What the names of objects begin with."""
    access_key: Sealed
    """{from: {env: NAME}} or {from: {file: path}}."""
    secret_key: Sealed
    """The same."""


class LargeFiles(Spec):
    """Files above a threshold: a pointer in git, the content in a store."""

    threshold: Annotated[Size, AfterValidator(_check_threshold)] = 50 << 20
    """Files with more bytes go to the store."""
    store: Literal["release", "directory", "s3"] = "release"
    """release: assets of a GitHub release; directory: a folder; s3: a bucket."""
    tag: Annotated[str, _match(_tag, "not a tag; write for example blobs")] = "blobs"
    """The release's tag. It is made when it is not there."""
    repo: Annotated[str, _match(_repo, "write it as owner/name")] | None = None
    """The release's repository, when it is not the one that the url of the Repository names."""
    api: Url | None = None
    """The API of a GitHub Enterprise Server: https://HOST/api/v3."""
    token: Sealed | None = None
    """For the API, when it is not the Repository's password: {from: {env: NAME}}."""
    directory: str | None = Field(None, min_length=1)
    """The folder, relative to the spec root. It must be there: a disk may not be mounted."""
    s3: S3 | None = None
    """The bucket."""
    keep_versions: int = Field(3, ge=1, le=1000)
    """How many versions of a file stay in the store."""
    verify: bool = True
    """Read back what was uploaded before a pointer to it is published."""
    retries: int = Field(3, ge=0, le=10)
    """How often a request is tried again."""

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        if self.store == "directory" and self.directory is None:
            raise ValueError("store: directory needs directory: the folder")
        if self.store == "s3" and self.s3 is None:
            raise ValueError("store: s3 needs s3: {endpoint, bucket, accessKey, secretKey}")
        return self
