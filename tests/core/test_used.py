"""Who is used by whom."""

from __future__ import annotations

from tests.core.test_bound import KINDS, link
from tests.toys import app

from reconciler.core.model import Ref
from reconciler.core.order import shape_of
from reconciler.core.plan import expand
from reconciler.core.used import used_by


def test_needs_and_pointers_are_turned_around() -> None:
    """Those that need it and those that point at it, each once, in order."""
    resources = (app("web"), app("db"), app("api", needs=("web",)), link("b", "web"))
    desired = expand(KINDS, (*resources, link("a", "web")))
    found = used_by(shape_of(KINDS, desired))
    assert found == {
        Ref("App", "web"): (Ref("App", "api-0"), Ref("Link", "a"), Ref("Link", "b")),
    }
    assert used_by(shape_of(KINDS, expand(KINDS, (app("web"),)))) == {}
