"""A Gateway as it is written, wanted and judged."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.diff import diff
from reconciler.core.model import Apply, Due, HealthCode, Observed, Origin, Ref, Resource
from reconciler.kinds.gateway import KIND
from reconciler.kinds.gateway.actions import Configure, KeepTable, Retire, SetDefault, Start
from reconciler.kinds.gateway.files import edition, shipped
from reconciler.kinds.gateway.include import Include
from reconciler.kinds.gateway.spec import GatewaySpec
from reconciler.kinds.gateway.state import Listener, render

REF = Ref("Gateway", "gateway")
WANTED = Listener(listen=7860, bind="127.0.0.1", default_backend="http://127.0.0.1:1")


def resource(**spec: Any) -> Resource[GatewaySpec]:
    read = GatewaySpec.model_validate(spec, by_alias=True, by_name=False)
    return Resource(REF, read, Origin(PurePath("specs/g.yaml"), 1))


def steps(before: Listener | None, after: Listener | None) -> tuple[object, ...]:
    change = diff(REF, after, before)
    assert change
    return KIND.steps(change)


def test_defaults_are_for_one_machine() -> None:
    """Nothing is opened to the world by leaving a field out."""
    assert render(resource()) == Listener(listen=7860, bind="127.0.0.1")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"listen": 0}, "greater than or equal to 1"),
        ({"listen": "7860; evil"}, "valid integer"),
        ({"bind": "localhost"}, "not an address"),
        ({"bind": "127.0.0.1; include /etc/passwd"}, "not an address"),
        ({"defaultBackend": "http://x/y"}, "a path after x would replace"),
        ({"trustedProxies": ["10.0.0.1/8"]}, "write 10.0.0.0/8"),
        ({"trustedProxies": ["everybody"]}, "not an address or a range"),
        ({"maintenancePage": {}}, "either `file` or `text`"),
        ({"maintenancePage": {"file": "a\nb"}}, "not a path of a file"),
        ({"limits": {"maxHeader": 10}}, "greater than or equal to 1024"),
        ({"reserved": {"/x": False}}, "not a path of the operator"),
        ({"reserved": {"/metrics": "/a b"}}, "not a place"),
        ({"reserved": {"/metrics": "/a/../b"}}, "not a place"),
        ({"reserved": {"/metrics": "/m/"}}, "without a slash"),
        ({"reserved": {"/admin/api/": "/m"}}, "with a slash"),
        ({"reserved": {"/metrics": "/health"}}, "two of the operator's paths"),
        ({"listn": 1}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: dict[str, Any], says: str) -> None:
    """No text of a user can end up in nginx's file."""
    with pytest.raises(ValidationError, match=says):
        resource(**spec)


def test_only_what_differs_is_done() -> None:
    """A default backend is data; a port is a reload; what does not run is started."""
    configure, start = Configure("gateway", 7860, "127.0.0.1"), Start(7860, "127.0.0.1")
    default = SetDefault("http://127.0.0.1:1")
    assert steps(None, WANTED) == (configure, start, default)
    assert steps(WANTED, None) == (Retire("gateway"),)
    other = WANTED.model_copy(update={"default_backend": None})
    assert steps(other, WANTED) == (default,)
    assert steps(WANTED, other) == (SetDefault(None),)
    for field, value in {"listen": 1, "bind": "::", "loaded": False, "code": "abc"}.items():
        assert steps(WANTED.model_copy(update={field: value}), WANTED) == (configure,)
    assert steps(WANTED.model_copy(update={"started": False}), WANTED) == (start,)


def test_the_plan_says_what_a_change_costs() -> None:
    """A listener is reloaded, a default backend is live."""
    moved = diff(REF, WANTED, WANTED.model_copy(update={"listen": 1}))
    backed = diff(REF, WANTED, WANTED.model_copy(update={"default_backend": None}))
    assert moved
    assert backed
    assert (moved.apply, backed.apply) == (Apply.RELOAD, Apply.LIVE)


@pytest.mark.parametrize(
    ("vitals", "code"),
    [
        ({"state": "running", "workerCount": 2, "workers": {"0": 1, "1": 1}}, HealthCode.HEALTHY),
        ({"state": "running", "workerCount": 2, "workers": {"0": 1}}, HealthCode.PROGRESSING),
        ({"state": "starting"}, HealthCode.PROGRESSING),
        ({"state": "running", "problem": "table.json: torn"}, HealthCode.DEGRADED),
        ({"state": "running", "refusing": ["127.0.0.1:1"]}, HealthCode.DEGRADED),
    ],
)
def test_health(vitals: dict[str, Any], code: HealthCode) -> None:
    """Healthy when every worker reports."""
    assert KIND.health(Observed(WANTED, True, vitals)).code is code


def test_a_stopped_gateway_is_sick() -> None:
    """Whatever else is known of it."""
    stopped = WANTED.model_copy(update={"started": False})
    assert KIND.health(Observed(stopped, True, {})).code is HealthCode.DEGRADED


def test_a_table_that_is_not_on_disk_is_due() -> None:
    """It is served: nothing is out of sync, but the next start would not know it."""
    assert KIND.due(resource(), Observed(WANTED, True, {"kept": False}), 0.0).actions == (
        KeepTable(),
    )
    assert KIND.due(resource(), Observed(WANTED, True, {"kept": True}), 0.0) == Due()


@pytest.mark.parametrize("bind", ["127.0.0.1", "192.0.2.7", "::", "fe80::1"])
def test_the_include_reads_as_it_was_written(bind: str) -> None:
    """Name, address, port and edition."""
    include = Include("front", 7860, bind, "0123abcd")
    assert Include.parse(include.text()) == include


def test_a_file_without_our_mark_is_not_ours() -> None:
    """Somebody else's include has no name, whatever it listens on."""
    assert Include.parse("# mine\nlisten 127.0.0.1:80;\n") == Include(None, 80, "127.0.0.1", "")


def test_the_shipped_files_have_an_edition() -> None:
    """Another byte is another edition."""
    files = shipped()
    assert {"nginx.conf", "lua/reconciler/match/pick.lua"} <= files.keys()
    assert edition(files) != edition(files | {"nginx.conf": b"x"})
