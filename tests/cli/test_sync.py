"""`reconciler sync …`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .conftest import FakeOperator, Reconciler

ORDER: dict[str, Any] = {
    "id": "abc123",
    "ref": "SyncTarget/data",
    "verb": "backup",
    "state": "pending",
    "waits": None,
    "progress": None,
    "outcome": None,
}
DONE: dict[str, Any] = {
    **ORDER,
    "state": "done",
    "outcome": {
        "ok": True,
        "reason": "",
        "message": "",
        "did": {"files": 3, "bytes": 2048, "commit": "4f2c1d9aa0", "conflict": None},
    },
}
FAILED: dict[str, Any] = {
    **ORDER,
    "state": "failed",
    "outcome": {"ok": False, "reason": "Unreachable", "message": "no route", "did": {}},
}
TARGET: dict[str, Any] = {
    "name": "data",
    "path": "app/data/",
    "repository": "store",
    "suspend": False,
    "health": {"code": "Healthy", "reason": "BackedUp", "message": ""},
    "backed": "2026-01-01T10:00:00.000+00:00",
    "pushed": "2026-01-01T10:00:00.000+00:00",
    "verified": None,
    "files": 3,
    "bytes": 2048,
    "unpushed": 0,
    "remoteAhead": False,
    "skipped": [],
    "lease": "ours",
    "leaseHost": "here",
    "leaseHolder": "x",
}
VERSION = {
    "commit": "4f2c1d9aa0",
    "short": "4f2c1d9a",
    "time": "2026-01-01T10:00:00+00:00",
    "host": "here",
    "author": "reconciler",
    "message": "back up data from here",
    "pushed": False,
    "files": None,
}


def test_now_stays_until_it_is_done(operator: FakeOperator, reconciler: Reconciler) -> None:
    """Every target unless some are named; what came of it is the output and the exit code."""
    running = {**ORDER, "state": "running", "progress": {"stage": "push", "done": 0, "total": 0}}
    answers = iter([running, DONE])
    operator.pages["POST orders"] = (202, {"items": [ORDER]})
    operator.pages["GET orders/abc123"] = lambda: next(answers)
    said = reconciler("sync", "now", "--reason", "why")
    assert operator.bodies == [{"verb": "backup", "names": [], "arguments": {}, "reason": "why"}]
    assert said.code == 0
    assert said.out == "✔ SyncTarget/data  backup 3 files, 2.0 KiB, version 4f2c1d9a\n"
    assert said.err == "SyncTarget/data: push\n"


def test_a_failure_is_told(operator: FakeOperator, reconciler: Reconciler) -> None:
    """It ends with 2 and says why."""
    operator.pages["POST orders"] = (202, {"items": [FAILED]})
    said = reconciler("sync", "push", "sync/data")
    assert operator.bodies[0]["names"] == ["data"]
    assert said.code == 2
    assert said.out == "✘ SyncTarget/data  backup failed: no route (Unreachable)\n"
    said = reconciler("sync", "push", "data", "-o", "json")
    assert json.loads(said.out)["items"][0]["outcome"]["reason"] == "Unreachable"


def test_not_in_time(operator: FakeOperator, reconciler: Reconciler) -> None:
    """It ends with 3 and says what it waits for; without --wait that is no failure."""
    waits = {**ORDER, "waits": {"reason": "NotRestored", "message": "waits for its restore"}}
    operator.pages["POST orders"] = (202, {"items": [waits]})
    operator.pages["GET orders/abc123"] = waits
    said = reconciler("sync", "now", "--timeout", "0s")
    assert said.code == 3
    assert "waits for its restore (NotRestored)" in said.out
    assert reconciler("sync", "now", "--no-wait").code == 0
    operator.pages["POST orders"] = (202, {"items": [ORDER]})
    assert "order abc123" in reconciler("sync", "now", "--no-wait").out


def test_a_backup_that_lacks_a_file(operator: FakeOperator, reconciler: Reconciler) -> None:
    """It is no plain success: the exit code is 1, and the file is named."""
    did = {**DONE["outcome"]["did"], "lacks": 1, "notes": ["the backup lacks key.pem: held"]}
    done = {**DONE, "outcome": {**DONE["outcome"], "did": did}}
    operator.pages["POST orders"] = (202, {"items": [DONE, {**done, "id": "def456"}]})
    said = reconciler("sync", "now")
    assert said.code == 1
    assert said.out.splitlines()[1].startswith("! SyncTarget/data  backup 3 files")
    assert "the backup lacks key.pem: held" in said.out
    assert reconciler("sync", "now", "-o", "json").code == 1


def test_refused(operator: FakeOperator, reconciler: Reconciler) -> None:
    """What cannot be ordered is said as the operator says it."""
    detail = {"detail": "there is no SyncTarget/x", "reason": "NotFound"}
    operator.pages["POST orders"] = (404, detail)
    said = reconciler("sync", "now", "x")
    assert (said.code, said.err) == (2, "error: there is no SyncTarget/x\n")


def test_status(operator: FakeOperator, reconciler: Reconciler) -> None:
    """A row per target, and below it what is to be known."""
    operator.pages["GET sync"] = {"items": [TARGET]}
    said = reconciler("sync", "status")
    assert said.code == 0
    head, row = said.out.splitlines()
    heads = ["NAME", "STATE", "BACKUP", "PUSHED", "VERIFIED", "FILES", "SIZE", "PATH"]
    assert head.split() == heads
    assert "app/data/ in store" in row
    assert "never" in row
    sick = {"code": "Degraded", "reason": "Conflicted", "message": "both changed a.txt"}
    bad = {**TARGET, "health": sick, "unpushed": 2, "remoteAhead": True, "lease": "theirs"}
    bad["skipped"] = [{"path": "s", "reason": "Special", "message": "a socket"}]
    bad["skipped"] += [{"path": "t", "reason": "SecretFound", "message": "it is in the backup"}]
    operator.pages["GET sync"] = {"items": [TARGET, {**bad, "name": "bad"}]}
    said = reconciler("sync", "status", "bad")
    assert said.code == 3
    notes = ("both changed a.txt", "2 versions are not pushed", "sync pull", "read-only: here (x)")
    assert all(text in said.out for text in (*notes, "1 skipped, such as s"))
    assert "1 in the backup with a secret, such as t" in said.out
    clash = {"branch": "conflict/x", "paths": ["a.txt"]}
    one = {**bad, "name": "bad", "unpushed": 1, "conflict": clash}
    operator.pages["GET sync"] = {"items": [one]}
    said = reconciler("sync", "status")
    assert "1 version is not pushed" in said.out
    assert "`reconciler sync restore bad a.txt`" in said.out
    assert "sync pull" not in said.out, "it brings nothing of what clashes"
    operator.pages["GET sync"] = {"items": [TARGET, {**bad, "name": "bad"}]}
    assert json.loads(reconciler("sync", "status", "-o", "json").out)["items"][0] == TARGET
    assert reconciler("sync", "status", "nope").code == 2
    operator.pages["GET sync"] = {"items": []}
    assert "no SyncTarget" in reconciler("sync", "status").out


def test_log(operator: FakeOperator, reconciler: Reconciler) -> None:
    """A row per version; only --fetch asks the remote."""
    operator.pages["GET sync/data/log"] = {"items": [VERSION]}
    said = reconciler("sync", "log", "data")
    assert said.code == 0
    assert said.out.startswith("4f2c1d9a  2026-01-01")
    assert "not pushed" in said.out
    assert operator.asked[-1].endswith("/sync/data/log?limit=20")
    reconciler("sync", "log", "SyncTarget/data", "--fetch", "-n", "5")
    assert operator.asked[-1].endswith("/sync/data/log?limit=5&fetch=true")
    operator.pages["GET sync/data/log"] = {"items": []}
    assert "--fetch asks the remote" in reconciler("sync", "log", "data").err
    assert "no version yet" in reconciler("sync", "log", "data", "--fetch").err


def test_a_short_log_says_so(operator: FakeOperator, reconciler: Reconciler) -> None:
    """Where the past was not brought here, the list says that it ends early, and what to do."""
    first = {**VERSION, "files": None}
    operator.pages["GET sync/data/log"] = {"items": [VERSION, first]}
    assert "older ones are not known here; --fetch" in reconciler("sync", "log", "data").err
    assert "older" not in reconciler("sync", "log", "data", "-n", "2").err
    said = reconciler("sync", "log", "sync/data", "--fetch", "-n", "5").err
    assert "`reconciler sync log data --fetch -n 50`" in said
    operator.pages["GET sync/data/log"] = {"items": [{**VERSION, "files": 3}]}
    assert reconciler("sync", "log", "data").err == ""
    refusal = {"status": 503, "reason": "RemoteUnreachable", "detail": "git fetch of x failed: y"}
    operator.pages["GET sync/data/log"] = (503, refusal)
    said = reconciler("sync", "log", "data", "--fetch").err
    assert said.startswith("error: the remote could not be asked: git fetch of x failed: y")
    assert "`reconciler sync log data` lists what is known here" in said
    assert "/admin/api" not in said


def test_a_log_that_is_not_the_remotes_fault(
    operator: FakeOperator, reconciler: Reconciler
) -> None:
    """With --fetch too a wrong name is a wrong name, and a defect is the operator's."""
    unknown = {"status": 404, "reason": "NotFound", "detail": "there is no SyncTarget/nosuch"}
    operator.pages["GET sync/nosuch/log"] = (404, unknown)
    said = reconciler("sync", "log", "nosuch", "--fetch")
    assert (said.code, said.err) == (2, "error: there is no SyncTarget/nosuch\n")
    operator.pages["GET sync/data/log"] = (500, {"detail": "the operator failed inside"})
    assert "the remote" not in reconciler("sync", "log", "data", "--fetch").err


def test_a_log_without_an_operator(reconciler: Reconciler) -> None:
    """Who asks nobody is told that, with --fetch too."""
    said = reconciler("sync", "log", "data", "--fetch").err
    assert said.startswith("error: no operator is running for")
    assert "reconciler up" in said


def test_nothing_there_yet(operator: FakeOperator, reconciler: Reconciler) -> None:
    """A backup of nothing is told as what it is."""
    did = {"files": 0, "bytes": 0, "notes": ["nothing lies there yet"]}
    done = {**DONE, "outcome": {**DONE["outcome"], "did": did}}
    operator.pages["POST orders"] = {"items": [done]}
    said = reconciler("sync", "now", "data").out
    assert "nothing lies there yet" in said
    assert "0 files" not in said


def test_nothing_left_to_push(operator: FakeOperator, reconciler: Reconciler) -> None:
    """A push that had nothing to do does not read like one that had."""
    did = {**DONE["outcome"]["did"], "changed": False, "notes": []}
    done = {**DONE, "verb": "push", "outcome": {**DONE["outcome"], "did": did}}
    operator.pages["POST orders"] = {"items": [done]}
    said = reconciler("sync", "push", "data").out
    assert "nothing was left to push: version 4f2c1d9a was pushed before" in said


def test_restore(operator: FakeOperator, reconciler: Reconciler, tmp_path: Path) -> None:
    """A version, a folder and paths are what is ordered; what was kept is told."""
    did = {"files": 1, "bytes": 3, "commit": "4f2c1d9aa0", "notes": ["what was here is safety/x"]}
    done = {**DONE, "verb": "restore", "outcome": {**DONE["outcome"], "did": did}}
    operator.pages["POST orders"] = (202, {"items": [done]})
    said = reconciler("sync", "restore", "data", "sub/b", "--at", "2 days ago")
    assert operator.bodies[0]["arguments"] == {"at": "2 days ago", "paths": ["sub/b"]}
    assert (operator.bodies[0]["verb"], operator.bodies[0]["names"]) == ("restore", ["data"])
    told = "restore 1 file, 3 B, version 4f2c1d9a, what was here is safety/x\n"
    assert said.out == f"✔ SyncTarget/data  {told}"
    said = reconciler("sync", "restore", "data", "--at", "")
    assert (said.code, len(operator.bodies)) == (2, 1), "a variable that was not set is no version"
    reconciler("sync", "restore", "data", "--to", str(tmp_path))
    assert operator.bodies[1]["arguments"] == {"to": str(tmp_path)}


def test_verify_and_accept(operator: FakeOperator, reconciler: Reconciler) -> None:
    """A drill of a sample or of all; and a person's word."""
    operator.pages["POST orders"] = (202, {"items": [DONE]})
    assert reconciler("sync", "verify").code == 0
    assert reconciler("sync", "verify", "data", "--all").code == 0
    assert reconciler("sync", "accept", "data").code == 0
    said = [(one["verb"], one["names"], one["arguments"]) for one in operator.bodies]
    wanted = [("verify", [], {}), ("verify", ["data"], {"all": True}), ("accept", ["data"], {})]
    assert said == wanted
