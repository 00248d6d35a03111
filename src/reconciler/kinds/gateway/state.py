"""Gateway, as it runs."""

from __future__ import annotations

from pathlib import PurePath
from posixpath import normpath
from typing import Annotated

from pydantic import Field

from ...core.model import Apply, Resource, State
from .spec import GatewaySpec, Limits, Maintenance, Place, Tls

CURRENT = "current"


class Settings(State):
    """What of a Gateway stands in nginx's files. Paths are absolute."""

    tls: Annotated[Tls | None, Apply.RELOAD] = None
    trusted_proxies: Annotated[tuple[str, ...], Apply.RELOAD] = ()
    maintenance_page: Annotated[Maintenance | None, Apply.RELOAD] = None
    limits: Annotated[Limits, Apply.RELOAD] = Limits()
    reserved: Annotated[dict[str, Place], Apply.RELOAD] = Field(default_factory=dict)


class Listener(Settings):
    """What the gateway's master process runs with."""

    listen: Annotated[int, Apply.RELOAD]
    bind: Annotated[str, Apply.RELOAD]
    default_backend: str | None = None
    code: Annotated[str, Apply.RELOAD] = CURRENT
    """``current``, or the digest of the other edition of our nginx.conf and Lua it runs with."""
    loaded: Annotated[bool, Apply.RELOAD] = True
    """Whether it runs with the files on disk, no hand has changed those, and the files that the
    specs name are still the ones it read."""
    started: bool = True

    @property
    def settings(self) -> Settings:
        """The part that stands in the files."""
        return Settings(**{name: getattr(self, name) for name in Settings.model_fields})


def render(resource: Resource[GatewaySpec]) -> Listener:
    """The listener a gateway asks for."""
    spec, root = resource.spec, resource.root
    return Listener(
        listen=spec.listen,
        bind=spec.bind,
        default_backend=spec.default_backend,
        tls=_tls(root, spec.tls),
        trusted_proxies=spec.trusted_proxies,
        maintenance_page=_maintenance(root, spec.maintenance_page),
        limits=spec.limits,
        reserved=spec.reserved,
    )


def _tls(root: PurePath, tls: Tls | None) -> Tls | None:
    if tls is None:
        return None
    return Tls(certificate=_absolute(root, tls.certificate), key=_absolute(root, tls.key))


def _maintenance(root: PurePath, page: Maintenance | None) -> Maintenance | None:
    if page is None or page.file is None:
        return page
    return Maintenance(file=_absolute(root, page.file))


def _absolute(root: PurePath, path: str) -> str:
    return normpath(str(root / path))
