"""What is wanted of large files, as part of a target's state. Desired and observed share it."""

from __future__ import annotations

import re
from pathlib import PurePath
from posixpath import normpath

from ....core.model import State
from ....core.sealed import Sealed
from .spec import LargeFiles


class LargeState(State):
    """Which files are large, where they go, and for how long they stay."""

    threshold: int
    store: str
    tag: str = ""
    repo: str = ""
    api: str = ""
    directory: str = ""
    endpoint: str = ""
    bucket: str = ""
    region: str = ""
    prefix: str = ""
    versions: int
    verify: bool
    retries: int
    token: Sealed | None = None
    access_key: Sealed | None = None
    secret_key: Sealed | None = None

    def about(self, remote: str) -> str:
        """What names the store and what goes there: with another one, all is looked at anew."""
        place = (self.tag, self.repo, self.api, self.directory)
        bucket = (self.endpoint, self.bucket, self.prefix)
        return "|".join((str(self.threshold), self.store, *place, *bucket, remote))

    def folder(self, remote: str) -> str:
        """What the names of a remote's blobs begin with where many may share a store."""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", remote.partition("://")[2] or remote)
        return plain.strip("-")[-100:].strip("-") or "remote"

    @property
    def secrets(self) -> dict[str, Sealed]:
        """Its own credentials, by what they are for."""
        found = {"token": self.token, "access": self.access_key, "secret": self.secret_key}
        return {name: secret for name, secret in found.items() if secret is not None}


def render_large(spec: LargeFiles, root: PurePath) -> LargeState:
    common = {
        "threshold": spec.threshold,
        "store": spec.store,
        "versions": spec.keep_versions,
        "verify": spec.verify,
        "retries": spec.retries,
    }
    if spec.store == "release":
        where = {"tag": spec.tag, "repo": spec.repo or "", "api": spec.api or ""}
        return LargeState(**common, **where, token=spec.token)
    if spec.s3 is None or spec.store == "directory":
        return LargeState(**common, directory=normpath(str(root / (spec.directory or ""))))
    names = ("endpoint", "bucket", "region", "prefix", "access_key", "secret_key")
    return LargeState(**common, **{name: getattr(spec.s3, name) for name in names})
