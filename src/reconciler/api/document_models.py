"""What the views of documents and of edits hold, for the API's description."""

from __future__ import annotations

from typing import Any

from .models import Items, View
from .plan_models import ForeseenView


class DocumentView(View):
    """A resource as it is written in the specs."""

    api_version: str
    kind: str
    metadata: dict[str, Any]
    spec: dict[str, Any] | None = None


class DocumentsView(Items[DocumentView]):
    """All resources of a kind as they are written."""


class RemarkView(View):
    """What is odd about one resource."""

    ref: str
    message: str
    hint: str
    at: list[str | int]
    """Where in its document: ``["spec", "tests", 0]``."""


class WrittenView(View):
    """What a write came to."""

    revision: str
    """Of the specs: the commit that holds the edit. After a dry run: the one it would follow."""
    dry_run: bool
    changed: list[str]
    """The resources that say something else now."""
    files: list[str]
    diff: str
    """The edit of the files, as git shows it."""
    warnings: list[RemarkView]
    """After a dry run: what would be odd, such as a route that is never used."""
    held: list[str]
    """What is to go and waits for a confirmation: more goes at once than this write took out."""
    plan: ForeseenView | None
    """After a dry run: what would be done."""
