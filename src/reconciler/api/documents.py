"""Resources of one kind as they are written, to be read, made, changed and taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..core.model import Json, Ref
from ..specs.desk import Desk, Wish
from . import document_models as models
from .answers import answer, says
from .callers import shown
from .writes import Writes, demand, demand_admin, is_plain, merge

API_VERSION: Final = "reconciler.dev/v1"
UNFIT: Final = "it holds what no spec can: NaN, NUL, half a character, or too much of something"
Name = Annotated[str, Path(max_length=63, examples=["gemini"])]
DryRun = Annotated[
    bool, Query(alias="dryRun", description="Only say what would be written and done")
]


class Seen(BaseModel):
    """What a caller has seen of what he changes."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    if_match: Annotated[str, Field(max_length=500)] = ""
    """The ETag that was read last, or ``*``."""
    if_none_match: Annotated[str, Field(max_length=500)] = ""
    """``*``: only make a new one."""


SeenLast = Annotated[Seen, Header()]


class Body(BaseModel):
    """A resource as it is written; what is said already by the address may be left out."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    api_version: Annotated[Literal["reconciler.dev/v1"], Field(alias="apiVersion")] = API_VERSION
    kind: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """``name``, ``labels``, ``annotations``, ``suspend``, ``drift``."""
    spec: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _fits_a_file(cls, value: Any) -> Any:
        if not is_plain(value):
            raise ValueError(
                "it holds what no file can: NaN, NUL, half a character, or is too deep"
            )
        return value


class DocumentPages:
    """The pages of one kind; ``home`` is the file that new ones are written to."""

    def __init__(self, writes: Writes, kind: str, plural: str, home: str) -> None:
        self.writes = writes
        self._kind = kind
        self._plural = plural
        self._home = home

    def router(self) -> APIRouter:
        """The pages, to be mounted below the root of the API."""
        router = APIRouter(prefix=f"/{self._plural}", tags=[self._plural])
        one, written = says(models.DocumentView), says(models.WrittenView)
        made = written | says(models.WrittenView, 201)
        for path, method, page, told in (
            ("", "GET", self.listed, says(models.DocumentsView)),
            ("", "POST", self.create, made),
            ("/{name}", "GET", self.read, one),
            ("/{name}", "PUT", self.put, made),
            ("/{name}", "PATCH", self.patch, written),
            ("/{name}", "DELETE", self.delete, written),
        ):
            name = f"{self._plural}_{page.__name__}"
            router.add_api_route(path, page, methods=[method], responses=told, name=name)
        return router

    async def listed(self, request: Request) -> Response:
        """All of them as they are written, by name."""
        found = await self.writes.documents(self._kind)
        items = [shown(request, found[ref]) for ref in sorted(found)]
        return answer(request, {"items": items})

    async def read(self, request: Request, name: Name) -> Response:
        """One as it is written; its ETag is what a change has to name."""
        ref = self._ref(name)
        return answer(request, shown(request, _there(await self.writes.document(ref), ref)))

    async def create(self, request: Request, body: Body, *, dry_run: DryRun = False) -> Response:
        """Write a new one."""
        ref = self._ref(str(body.metadata.get("name", "")))

        def change(desk: Desk) -> Json:
            if desk.document(ref) is not None:
                raise HTTPException(409, f"there is a {ref} already")
            return self._whole(body, ref)

        return await self._write(request, ref, change, dry_run=dry_run)

    async def put(
        self,
        request: Request,
        name: Name,
        body: Body,
        *,
        seen: SeenLast,
        dry_run: DryRun = False,
    ) -> Response:
        """Make one say exactly this; it is written where it stands, or as a new one."""
        ref = self._ref(name)

        def change(desk: Desk) -> Json:
            now = desk.document(ref)
            if now is None and seen.if_match:
                raise HTTPException(412, f"there is no {ref}")
            if now is not None and seen.if_none_match:
                raise HTTPException(412, f"there is a {ref} already")
            if now is not None:
                demand(seen.if_match, now)
            return self._whole(body, ref)

        return await self._write(request, ref, change, dry_run=dry_run)

    async def patch(
        self,
        request: Request,
        name: Name,
        body: dict[str, Any],
        *,
        seen: SeenLast,
        dry_run: DryRun = False,
    ) -> Response:
        """Change some fields (JSON merge, RFC 7386): null takes a field away."""
        ref = self._ref(name)
        if not is_plain(body):
            raise HTTPException(422, UNFIT)

        def change(desk: Desk) -> Json:
            now = _there(desk.document(ref), ref)
            demand(seen.if_match, now)
            merged = merge(now, body)
            if not _is_about(merged, ref):
                raise HTTPException(422, "the kind and the name of a resource stay")
            return merged

        return await self._write(request, ref, change, dry_run=dry_run)

    async def delete(
        self, request: Request, name: Name, *, seen: SeenLast, dry_run: DryRun = False
    ) -> Response:
        """Take one out of the specs; then it goes."""
        ref = self._ref(name)

        def change(desk: Desk) -> Json:
            demand(seen.if_match, _there(desk.document(ref), ref))
            return None

        return await self._write(request, ref, change, dry_run=dry_run)

    async def _write(
        self, request: Request, ref: Ref, change: Callable[[Desk], Json], *, dry_run: bool
    ) -> Response:
        author = demand_admin(request)
        is_new = False

        def compose(desk: Desk) -> Wish:
            nonlocal is_new
            is_new = desk.document(ref) is None
            return Wish({ref: change(desk)}, author, self._home, "asked through the API")

        view = await self.writes.write(compose, dry_run=dry_run)
        return answer(request, view, 201 if is_new and not dry_run else 200)

    def _ref(self, name: str) -> Ref:
        return Ref(self._kind, name)

    def _whole(self, body: Body, ref: Ref) -> Json:
        whole = {
            "apiVersion": API_VERSION,
            "kind": body.kind or ref.kind,
            "metadata": {"name": ref.name, **body.metadata},
            "spec": body.spec,
        }
        if not _is_about(whole, ref):
            raise HTTPException(422, f"the body is about another resource than {ref}")
        return whole


def _there(document: Json, ref: Ref) -> Json:
    if document is None:
        raise HTTPException(404, f"there is no {ref}")
    return document


def _is_about(document: Json, ref: Ref) -> bool:
    about = document.get("metadata")
    named = about.get("name") if isinstance(about, dict) else None
    return bool(document.get("kind") == ref.kind and named == ref.name)
