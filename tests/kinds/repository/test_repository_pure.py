"""Repository without git: what may be written, how it is drawn, what is done when."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.core.diff import diff
from reconciler.core.model import Due, HealthCode, Observed, Origin, Ref, Resource
from reconciler.core.sealed import Sealed
from reconciler.kinds.repository import KIND
from reconciler.kinds.repository.actions import Check, Configure, Forget
from reconciler.kinds.repository.state import RepositoryState

REF = Ref("Repository", "store")


def resource(**spec: Any) -> Resource[Any]:
    return Resource(
        ref=REF,
        spec=KIND.Spec.model_validate({"url": "https://example.com/x.git", **spec}),
        origin=Origin(PurePath("specs/a.yaml"), 1),
        root=PurePath("/srv/stack"),
    )


def observed(**vitals: Any) -> Observed[RepositoryState]:
    return Observed(KIND.render(resource()), owned=True, vitals=vitals)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:token@example.com/x.git",
        "https://token@example.com/x.git",
        "ssh://git:pw@example.com/x.git",
        "ext::sh -c id",
        "git://example.com/x.git",
        "--upload-pack=id",
        "ssh://-oProxyCommand=id/x",
        " ",
        "a\nb",
        Sealed("0" * 32),
    ],
)
def test_url_that_could_leak_or_run_is_refused(url: object) -> None:
    """Credentials, commands and options have no place in a url."""
    with pytest.raises(ValidationError):
        resource(url=url)


@pytest.mark.parametrize(
    "branch",
    ["", "-x", "a..b", "a b", "a~1", "x.lock", "/x", "x/", "a//b", "@", ".x", "a@{b", "a:b"],
)
def test_branch_that_git_refuses_is_refused(branch: str) -> None:
    """A branch name is checked where it is written, not when it is pushed."""
    with pytest.raises(ValidationError):
        resource(branch=branch)


@pytest.mark.parametrize(
    ("url", "drawn"),
    [
        ("https://example.com/x.git", "https://example.com/x.git"),
        ("git@example.com:me/x.git", "git@example.com:me/x.git"),
        ("ssh://git@example.com/x.git", "ssh://git@example.com/x.git"),
        ("file:///srv/x.git", "file:///srv/x.git"),
        ("/srv/x.git", "/srv/x.git"),
        ("./store/x.git", "/srv/stack/store/x.git"),
        ("../x.git", "/srv/x.git"),
    ],
)
def test_paths_start_at_the_root(url: str, drawn: str) -> None:
    """A relative path means the folder that holds the specs; other urls stay as they are."""
    assert KIND.render(resource(url=url)).url == drawn


def test_base_is_relative_to_the_root() -> None:
    """The base of paths may be relative too."""
    assert KIND.render(resource(base="data")).base == "/srv/stack/data"
    assert KIND.render(resource()).base == "/"


def test_password_never_shows_in_a_diff() -> None:
    """A changed password is a change, and shows as a secret's digest."""
    old, new = (
        KIND.render(resource(auth={"password": Sealed.of(value, b"k")})) for value in ("one", "two")
    )
    change = diff(REF, new, old)
    assert change is not None
    assert [field.path for field in change.fields] == ["password"]
    assert "two" not in repr(change)
    assert KIND.steps(change) == (Configure("store", new),)


def test_deleting_forgets() -> None:
    """A repository without a spec is forgotten."""
    change = diff(REF, None, KIND.render(resource()))
    assert change is not None
    assert KIND.steps(change) == (Forget("store"),)


@pytest.mark.parametrize(
    ("checked", "expected"),
    [
        (None, Due((Check("store"),), after=180.0)),
        (1000.0, Due(after=80.0)),
        (900.0, Due((Check("store"),), after=180.0)),
        (5000.0, Due((Check("store"),), after=180.0)),
    ],
)
def test_due_once_per_interval(checked: float | None, expected: Due) -> None:
    """The remote is asked once per interval; a clock that jumped back does not stop it."""
    assert KIND.due(resource(), observed(checked=checked), 1100.0) == expected


@pytest.mark.parametrize(
    ("vitals", "code", "reason"),
    [
        ({}, HealthCode.PROGRESSING, "NotChecked"),
        ({"checked": 1.0, "reachable": True}, HealthCode.HEALTHY, "Reachable"),
        ({"checked": 1.0, "reachable": True, "empty": True}, HealthCode.HEALTHY, "Empty"),
        (
            {"checked": 1.0, "reachable": False, "reason": "Forbidden", "message": "no"},
            HealthCode.DEGRADED,
            "Forbidden",
        ),
    ],
)
def test_health(vitals: dict[str, Any], code: HealthCode, reason: str) -> None:
    """Health is what the last contact said."""
    judged = KIND.health(observed(**vitals))
    assert (judged.code, judged.reason) == (code, reason)


def test_no_url_means_no_remote() -> None:
    """Nothing is asked of a remote that is not configured, and that is said."""
    none = resource(url="")
    seen = Observed(KIND.render(none), owned=True, vitals={})
    assert seen.state.url == ""
    assert KIND.due(none, seen, 1000.0) == Due()
    assert KIND.health(seen).reason == "Disabled"
