"""``/admin/routes.json`` and ``/admin/password``: the original's calls, so its clients work."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..specs.desk import Desk, Wish
from ..specs.faults import InvalidEdit
from .access import Access
from .answers import answer, says
from .callers import shown
from .rules import GATEWAY, ROUTE, InvalidRules, blamed, compose, listed
from .view import View
from .writes import Writes, demand, demand_admin, is_plain

LARGEST_PASSWORD: Final = 256 * 1024
OTHERS: Final = ["PUT", "PATCH", "DELETE"]


class RulesView(BaseModel):
    """The rules as the original has them."""

    default_backend: str
    rules: list[dict[str, Any]]


class Done(BaseModel):
    """It was written."""

    model_config = ConfigDict(extra="forbid")

    ok: bool
    held: str | None = None
    """Where much else goes at once: what waits for a confirmation, and how to confirm it."""


class AdminPages:
    """The calls, at their own places."""

    def __init__(self, writes: Writes, access: Access) -> None:
        self.writes = writes
        self.access = access

    def router(self) -> APIRouter:
        """The pages, to be mounted at the root."""
        router = APIRouter(prefix="/admin", tags=["original"])
        rules, password = "/routes.json", "/password"
        router.add_api_route(rules, self.rules, responses=says(RulesView), name="admin_rules")
        for path, page, name, model in (
            (rules, self.replace, "admin_replace_rules", RulesView),
            (password, self.change_password, "admin_change_password", NewPassword),
        ):
            router.add_api_route(
                path,
                page,
                methods=["POST"],
                responses=says(Done),
                name=name,
                openapi_extra=_body(model),
            )
        router.add_api_route(rules, _wrong_method, methods=OTHERS, include_in_schema=False)
        return router

    async def rules(self, request: Request) -> Response:
        """The default backend, and the routes that came as rules, in their order."""
        return answer(request, shown(request, await self._listed()))

    async def replace(self, request: Request) -> Response:
        """Replace all rules, the default backend, or both; what is not named stays."""
        author = demand_admin(request)
        said = _rules(await _json(request))
        seen = request.headers.get("if-match", "")

        wish = Wish({}, author, "")

        def change(desk: Desk) -> Wish:
            nonlocal wish
            if seen:
                demand(seen, listed(desk.documents(ROUTE), desk.documents(GATEWAY)))
            wish = compose(desk, said, author)
            return wish

        try:
            view = await self.writes.write(change)
        except InvalidEdit as exc:
            raise InvalidRules([blamed(one, wish, said) for one in exc.faults]) from exc
        held = held_words(view)
        return answer(request, {"ok": True} | ({"held": held} if held else {}))

    async def change_password(self, request: Request) -> Response:
        """Make another password the only one; all sessions end."""
        demand_admin(request, "changing the password")
        said = await _json(request, LARGEST_PASSWORD)
        new = said.get("new_password") if isinstance(said, dict) else None
        if not isinstance(new, str) or not new:
            raise HTTPException(400, "new_password required")
        await asyncio.to_thread(self.access.password.change, new)
        return answer(request, {"ok": True})

    async def _listed(self) -> dict[str, Any]:
        routes = await self.writes.documents(ROUTE)
        return listed(routes, await self.writes.documents(GATEWAY))


class NewPassword(BaseModel):
    """What the password shall be."""

    new_password: str


def held_words(view: View) -> str:
    """What was written and is not done, in words; empty when all is done as usual."""
    waits = view["held"]
    if not waits:
        return ""
    return (
        f"deletions wait for a confirmation ({len(waits)}), as more goes at once than this list "
        f"takes out: look with `reconciler diff`, then `reconciler apply --confirm "
        f"{view['revision']}`"
    )


async def _wrong_method() -> Response:
    raise HTTPException(405, "Method Not Allowed", {"Allow": "GET, POST"})


async def _json(request: Request, most: int | None = None) -> Any:
    body = await request.body()
    if most is not None and len(body) > most:
        raise HTTPException(413, f"a request has at most {most} bytes here")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "invalid json") from None
    if not is_plain(said):
        raise HTTPException(422, "it holds what no spec can")
    return said


def _rules(said: Any) -> dict[str, Any]:
    """The parts of a body. Raises HTTPException."""
    if not isinstance(said, dict):
        raise HTTPException(400, "invalid json")
    rules, default = said.get("rules", []), said.get("default_backend")
    if rules == {}:  # what the original answers for an empty list comes back as one
        rules = []
    if not isinstance(rules, list):
        raise HTTPException(400, "rules must be array")
    if default is not None and not isinstance(default, str):
        raise HTTPException(422, "default_backend must be text")
    if unknown := sorted(said.keys() - {"rules", "default_backend"}):
        raise HTTPException(422, f"unknown field {unknown[0]}")
    return said | ({"rules": rules} if "rules" in said else {})


def _body(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
