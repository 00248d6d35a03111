"""A repository elsewhere is followed: what is good becomes current, all else is only told."""

from __future__ import annotations

import hmac
import http.client
import json
from collections.abc import Iterator
from hashlib import sha256

import pytest

from reconciler.testing import eventually
from reconciler.testing.git_server import git

from .elsewhere import HOOK, PASSWORD, Elsewhere, make_elsewhere

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def running() -> Iterator[Elsewhere]:
    with make_elsewhere() as stack:
        stack.start()
        stack.wait(stack.tip(), "healthy", 90)
        yield stack


@pytest.fixture
def stack(running: Elsewhere) -> Iterator[Elsewhere]:
    """Whatever a test did, afterwards the newest commit is current and well."""
    yield running
    running.server.desk.broken = False
    running.push("--force")
    running.wait(running.tip(), "healthy", 30)


def test_a_push_converges_and_a_bad_one_is_refused(stack: Elsewhere) -> None:
    """A mistake is told with file and line, and the good one stays; a fix needs no hand."""
    assert "beside-0" not in stack.pids()
    assert "specs/stack.yaml not read" in stack.command("status").stdout
    before = stack.mark()
    good = stack.edit(before, "/pushed", "another mark")
    stack.wait(good, "healthy")
    assert stack.mark() == "/pushed"

    well = stack.web.read_text()
    stack.web.write_text(well.replace("kind: Route", "kind: Rout").replace("/pushed", "/bad"))
    bad = stack.commit("a mistake")
    found = eventually(lambda: stack.remote()["refused"] and stack.remote())
    assert (found["tip"], found["current"]) == (bad, good)
    said = stack.command("status").stdout
    assert f"commit {bad[:7]} is refused, it has 1 problem; {good[:7]} stays" in said
    assert "specs/web.yaml:17:7 unknown kind" in said
    assert stack.mark() == "/pushed"

    failing = "code: 302}, tests: [{get: /mark, expect: {status: 404}}]}"
    stack.web.write_text(well.replace("code: 302}}", failing))
    untrue = stack.commit("a route test that fails")
    found = eventually(lambda: (one := stack.remote())["tip"] == untrue and one["refused"] and one)
    assert "test fails" in found["refused"]["problems"][0]["message"]

    stack.web.write_text(well.replace("/pushed", "/fixed"))
    stack.wait(stack.commit("mended"), "healthy")
    assert stack.mark() == "/fixed"
    assert PASSWORD not in json.dumps(stack.status())


def test_what_never_becomes_ready_is_taken_back(stack: Elsewhere) -> None:
    """Rolled back and in quarantine, over a killed operator and a dead remote too."""
    good, before = stack.tip(), stack.mark()
    well = stack.web.read_text()
    stack.web.write_text(well.replace(before, "/bad").replace("path: /}", "path: /not-there}"))
    bad = stack.commit("never ready")
    eventually(lambda: stack.look()["rolledBack"], 60)
    stack.wait(good, "healthy")
    assert stack.mark() == before
    assert stack.look()["rolledBack"]["from"] == bad

    stack.server.desk.broken = True
    stack.crash()
    stack.settle_at(good)
    assert stack.look()["rolledBack"]["from"] == bad
    assert stack.mark() == before
    assert not stack.until(ok=False)["message"].startswith("None")

    stack.server.desk.broken = False
    stack.web.write_text(well.replace(before, "/mended"))
    stack.wait(stack.commit("mended"), "healthy")
    assert stack.mark() == "/mended"


def test_nothing_is_pruned_when_the_remote_is_odd(stack: Elsewhere) -> None:
    """Rewound, rewritten, without its branch, stopped: what was good stays, and that is told."""
    before = stack.mark()
    pids = stack.pids()
    middle = stack.tip()
    newest = stack.edit(before, "/newest", "the newest")
    stack.wait(newest, "healthy")

    git(stack.bare, "update-ref", "refs/heads/main", middle)
    held = eventually(lambda: stack.remote()["held"])
    assert (held["from"], held["to"]) == (newest, middle)
    assert "history was rewritten" in " ".join(stack.command("status").stdout.split())
    assert stack.mark() == "/newest"
    git(stack.bare, "update-ref", "refs/heads/main", newest)
    stack.until(held=None)

    git(stack.work, "commit", "-q", "--amend", "-m", "rewritten")
    stack.push("--force")
    rewritten = stack.tip()
    stack.until(tip=rewritten)
    assert stack.look()["revision"] == newest
    done = stack.command("reconcile", "--accept", rewritten[:10])
    assert done.returncode == 0, done
    stack.wait(rewritten, "healthy")

    git(stack.bare, "update-ref", "-d", "refs/heads/main")
    assert "has no main any more" in stack.until(ok=False, reason="RefMissing")["message"]
    stack.push()
    stack.until(ok=True)

    stack.server.desk.broken = True
    stack.until(ok=False, current=rewritten)
    assert stack.mark() == "/newest"
    assert stack.pids() == pids
    assert stack.command("reconcile").returncode == 2
    stack.crash()
    stack.settle_at(rewritten)
    assert stack.pids() == pids


def test_links_submodules_and_hooks_do_nothing(stack: Elsewhere) -> None:
    """They lie in the repository and are not looked at."""
    secret = stack.home / "secret.yaml"
    secret.write_text("kind: Secret\n")
    (stack.work / "specs" / "link.yaml").symlink_to(secret)
    (stack.work / "specs" / "loop").symlink_to(".")
    (stack.work / ".gitmodules").write_text(
        f'[submodule "sub"]\n\tpath = specs/sub\n\turl = --upload-pack="touch {stack.home}/ran"\n'
    )
    (stack.work / ".gitattributes").write_text("*.yaml filter=evil diff=evil\n")
    link = f"160000,{stack.tip()},specs/sub"
    git(stack.work, "add", "-A")
    git(stack.work, "update-index", "--add", "--cacheinfo", link)
    git(stack.work, "commit", "-q", "-m", "odd things")
    stack.push()
    assert b"160000 commit" in git(stack.bare, "ls-tree", "-r", "main")
    stack.wait(stack.tip(), "healthy")
    assert not (stack.home / "ran").exists()
    assert len(stack.look()["resources"]) == 4 + 2
    for name in ("link.yaml", "loop"):
        (stack.work / "specs" / name).unlink()
    (stack.work / ".gitmodules").unlink()
    stack.wait(stack.commit("plain again"), "healthy")


def call(stack: Elsewhere, body: bytes, **headers: str) -> int:
    """The status of a webhook's call."""
    wire = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        wire.request("POST", "/admin/api/v1/hook", body, named)
        return wire.getresponse().status
    finally:
        wire.close()


def test_a_webhook_is_believed_when_it_is_signed(stack: Elsewhere) -> None:
    """In the ways of GitHub, GitLab, Gitea and Forgejo; nobody else's call does anything."""
    body = b'{"ref": "refs/heads/main"}'
    signed = hmac.new(HOOK.encode(), body, sha256).hexdigest()
    other = hmac.new(b"another secret", body, sha256).hexdigest()
    assert call(stack, body, X_Hub_Signature_256=f"sha256={signed}") == 202
    assert call(stack, body, X_Gitea_Signature=signed) == 202
    assert call(stack, body, X_Forgejo_Signature=signed) == 202
    assert call(stack, body, X_Gitlab_Token=HOOK) == 202
    assert call(stack, body, X_Hub_Signature_256=f"sha256={other}") == 403
    assert call(stack, b"{}", X_Hub_Signature_256=f"sha256={signed}") == 403
    assert call(stack, body, X_Gitlab_Token="") == 403
    assert call(stack, body) == 403
