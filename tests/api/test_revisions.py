"""Revisions over the API: who made them is told, and what is no revision is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from reconciler.api.access import open_access
from reconciler.api.app import make_app
from reconciler.api.credentials import Credential, Scope
from reconciler.api.revisions import RevisionPages
from reconciler.api.trust import ROOT
from reconciler.engine.past import Past
from reconciler.metrics import Metrics
from reconciler.settings import Settings
from reconciler.specs.commits import Commits
from reconciler.specs.git import open_repository

from .written import Written


@pytest.fixture
def world(stack_dir: Path) -> Iterator[Written]:
    made = Written(stack_dir)
    yield made
    made.close()


@pytest.fixture
async def http(world: Written, stack_dir: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who may operate, and no more."""
    settings = Settings(world.specs, stack_dir)
    world.operator.commits = Commits(lambda: open_repository(world.specs)[0])
    world.operator.unfolding.describe = world.operator.commits.describe
    access = open_access(settings)
    app = make_app(world.operator, Metrics(), access)
    app.include_router(RevisionPages(Past(world.operator)).router(), prefix=ROOT)
    secret = access.credentials.create(Credential("ci", Scope.OPERATE, "", 0.0))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=f"http://localhost{ROOT}",
        headers={"Authorization": f"Bearer {secret}"},
    ) as client:
        yield client


async def test_who_made_a_revision_is_no_secret(http: httpx.AsyncClient, world: Written) -> None:
    """Whoever may read the history reads who wrote it."""
    revision = world.commit()
    await world.operator.reconcile_now()
    world.operator.unfolding.moved()
    await world.operator.unfolding.look()
    (told,) = (await http.get("/revisions")).json()["items"]
    assert (told["revision"], told["author"]) == (revision, "t")
    assert (await http.get(f"/revisions/{revision[:7]}")).json()["author"] == "t"


async def test_what_is_no_revision_is_not_for_later(
    http: httpx.AsyncClient, world: Written
) -> None:
    """Asked again it would be refused again: that is no 503."""
    files = await http.post("/rollback", json={"to": "zzz"})
    assert (files.status_code, files.json()["reason"]) == (409, "NoRevisions")
    world.commit()
    await world.operator.reconcile_now()
    unknown = await http.post("/rollback", json={"to": "zzz"})
    assert (unknown.status_code, unknown.json()["reason"]) == (422, "UnknownRevision")
    assert "'zzz' names no commit" in unknown.json()["detail"]
