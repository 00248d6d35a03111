"""The pages of the operator, put together."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from starlette.middleware import Middleware

from .. import __version__
from ..metrics import Metrics
from .access import Access
from .actions import ActionPages
from .admin import AdminPages
from .answers import PROBLEM, ProblemDetails, operation_id
from .backups import BackupPages
from .documents import DocumentPages
from .health import HealthPages
from .login import LoginPages
from .logs import LogPages
from .numbers import MetricsPage
from .original import OriginalPages
from .problems import ANSWERS
from .resources import ResourcePages
from .streams import EventPages, Streams
from .sync_original import SyncPages
from .trust import LOGIN, ROOT, Door
from .view import BackupsView, Check, OperatorView
from .writes import Writes

ROUTES: Final = ("Route", "routes", "50-routes.yaml")
"""The kind, its plural in addresses, and the file that new ones are written to."""

__all__ = ["Access", "Check", "OperatorView", "make_app"]


def make_app(
    operator: OperatorView,
    metrics: Metrics,
    access: Access,
    *,
    writes: Writes | None = None,
    backups: BackupsView | None = None,
) -> FastAPI:
    """Everything the operator answers, for ``serve``; ``state.speak`` may put views into words.

    With ``writes`` the specs can be edited, with ``backups`` things can be ordered of targets.
    """
    app = Api(
        title="reconciler",
        version=__version__,
        description="What is wanted, what is, and what may be asked for the moment.",
        openapi_url=f"{ROOT}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host the client wrote
        middleware=[Middleware(Door, access=access)],
        exception_handlers=dict(ANSWERS),
        generate_unique_id_function=operation_id,
        routes=[*HealthPages(operator).routes(), *MetricsPage(operator, metrics).routes()],
    )
    app.state.speak = None
    streams = app.state.streams = Streams()
    for pages in (
        ResourcePages(operator),
        ActionPages(operator),
        LogPages(operator, streams),
        EventPages(operator, streams),
        LoginPages(access),
    ):
        app.include_router(pages.router(), prefix=ROOT)
    app.include_router(OriginalPages(operator).router())
    if backups is not None:
        app.include_router(BackupPages(backups).router(), prefix=ROOT)
        app.include_router(SyncPages(operator, backups, writes).router())
    if writes is not None:
        app.include_router(DocumentPages(writes, *ROUTES).router(), prefix=ROOT)
        app.include_router(AdminPages(writes, access).router())
    return app


class Api(FastAPI):
    """Describes itself as it is: every page but the login wants a caller."""

    def openapi(self) -> dict[str, Any]:
        """The description, made when it is first asked for."""
        if self.openapi_schema is None:
            told = super().openapi()
            parts = told.setdefault("components", {})
            parts["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer"},
            }
            schemas = parts.setdefault("schemas", {})
            schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for page in (page for pages in told["paths"].values() for page in pages.values()):
                page["responses"].pop("422", None)
                page["responses"]["default"] = PROBLEM
            told["security"] = [{"token": []}]
            told["paths"][LOGIN]["post"]["security"] = []
        return super().openapi()
