"""What is asked for the moment, on a real stack: by hand, by files, by what others do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from reconciler.testing import eventually

from .herd import Herd, make_herd

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

SERVE = """\
cd "$(dirname "$0")"
echo $$ >>"starts/$RECONCILER_PROCESS"
echo "$PORT" >"$RECONCILER_PROCESS.port"
trap 'sleep 0.4; echo "ended $RECONCILER_PROCESS" >>said; exit 0' TERM
trap 'echo again >>said' HUP
while :; do read -t 9 <> <(:); done
"""
DOCUMENT = """\
apiVersion: reconciler.dev/v1
kind: Process
metadata: {{name: {name}}}
spec:
  command: [bash, {root}/serve.sh]
"""


def put(stack: Herd, name: str, *more: str) -> None:
    """Write one process that serves; ``more`` are lines of its spec."""
    text = DOCUMENT.format(name=name, root=stack.root)
    (stack.root / "specs" / f"{name}.yaml").write_text(text + "".join(f"  {m}\n" for m in more))


@pytest.fixture(scope="module")
def herd() -> Iterator[Herd]:
    """A stack where files of a process are watched and its port is picked."""
    with make_herd() as stack:
        (stack.root / "site").mkdir()
        (stack.root / "serve.sh").write_text(SERVE)
        put(stack, "db")
        put(
            stack,
            "web",
            "ports: [{name: http, port: auto}]",
            "dependsOn: [{ref: db, condition: started}]",
            "reload: {signal: HUP}",
            "watch: {paths: [site], ignore: ['*.txt'], debounce: 200ms}",
        )
        put(stack, "off", "enabled: false")
        stack.begin()
        stack.start()
        eventually(lambda: view(stack, "web-0")["health"]["code"] == "Healthy", 40)
        yield stack


def view(stack: Herd, name: str) -> dict[str, Any]:
    """One process, as the operator tells it."""
    found = [one for one in stack.look()["resources"] if one["name"] == name]
    assert found, name
    return dict(found[0])


def pid(stack: Herd, name: str) -> int:
    """Its process id; 0 when it does not run."""
    return int(view(stack, name)["vitals"].get("pid") or 0)


def causes(stack: Herd, name: str) -> list[str]:
    """Why it began anew each time."""
    return [one["cause"] for one in view(stack, name)["vitals"]["causes"]]


def test_a_stop_survives_the_operator_and_ends_in_time(herd: Herd) -> None:
    """It is stopped though the operator is killed meanwhile, and runs again when it is over."""
    said = herd.command("stop", "db", "--for", "8s", "--reason", "a look at the disk", "--wait")
    assert said.returncode == 0, said.stderr
    assert "stopped by hand until" in said.stdout
    assert not pid(herd, "db-0")
    killed = herd.find_operator()
    assert killed is not None
    killed.kill()
    (asked,) = eventually(lambda: view(herd, "db-0")["requests"], 20)
    assert (asked["reason"], asked["verb"]) == ("a look at the disk", "stop")
    assert "a look at the disk" in herd.command("diff").stdout
    until = datetime.fromisoformat(asked["until"]).timestamp()
    eventually(lambda: pid(herd, "db-0"), 20)
    assert view(herd, "db-0")["vitals"]["since"] >= until
    assert causes(herd, "db-0")[-1] == "user"


def test_what_is_switched_off_can_be_tried(herd: Herd) -> None:
    """For a while, and ended by hand before."""
    assert herd.command("start", "off", "--for", "1h", "--wait").returncode == 0
    assert pid(herd, "off-0")
    assert herd.command("stop", "off", "--wait").returncode == 0
    assert not pid(herd, "off-0")
    assert view(herd, "off-0")["requests"] == []


def test_a_restart_is_done_when_it_says_so(herd: Herd) -> None:
    """Another process runs at the end of the command, with the same port, others untouched."""
    before, other = pid(herd, "web-0"), pid(herd, "db-0")
    port = (herd.root / "web-0.port").read_text()
    assert 20000 <= int(port) < 30000
    said = herd.command("restart", "web", "--wait", "--reason", "to see")
    assert said.returncode == 0, said.stderr
    assert pid(herd, "web-0") not in {0, before}
    assert pid(herd, "db-0") == other
    assert (herd.root / "web-0.port").read_text() == port
    told = view(herd, "web-0")["vitals"]["causes"][-1]
    assert told["cause"] == "user"
    assert told["detail"].endswith("to see")


def test_a_reload_keeps_the_process(herd: Herd) -> None:
    """The signal arrives; the pid stays."""
    before = pid(herd, "web-0")
    assert herd.command("reload", "web").returncode == 0
    eventually(lambda: "again" in (herd.root / "said").read_text())
    assert pid(herd, "web-0") == before


def test_an_edited_file_restarts_its_process(herd: Herd) -> None:
    """Once for a burst; not for what is ignored; nobody else."""
    before, other = pid(herd, "web-0"), pid(herd, "db-0")
    count = herd.starts()["web-0"]
    (herd.root / "site" / "notes.txt").write_text("nobody cares")
    for number in range(5):
        (herd.root / "site" / f"page{number}.html").write_text("new")
    eventually(lambda: pid(herd, "web-0") not in {0, before}, 20)
    assert causes(herd, "web-0")[-1] == "watch"
    assert herd.starts()["web-0"] == count + 1
    assert pid(herd, "db-0") == other


def test_who_waits_says_so_and_for_how_long(herd: Herd) -> None:
    """State waiting, then stalled or started anyway; a start of the need frees both."""
    need = "dependsOn: [{{ref: off, condition: started, timeout: 1s{}}}]"
    put(herd, "strict", need.format(""))
    put(herd, "eager", need.format(", onTimeout: start"))
    herd.commit("who waits")
    state = eventually(lambda: view(herd, "strict-0")["vitals"].get("state"), 20)
    assert state == "waiting"
    eventually(lambda: pid(herd, "eager-0"), 20)

    def stalled() -> bool:
        told = {one["type"]: one for one in view(herd, "strict-0")["conditions"]}
        return bool(told["Stalled"]["reason"] == "DependencyTimeout")

    eventually(stalled, 20)
    assert herd.command("start", "off", "--for", "1m", "--wait").returncode == 0
    eventually(lambda: pid(herd, "strict-0"), 20)


def test_what_goes_goes_users_first(herd: Herd) -> None:
    """Both leave the specs at once: the one in the back ends after who uses it."""
    put(herd, "back")
    put(herd, "front", "dependsOn: [back]")
    herd.commit("both come")
    eventually(lambda: pid(herd, "front-0"), 20)
    herd.remove("back")
    herd.remove("front")
    herd.commit("both go")
    eventually(lambda: not {"front-0", "back-0"} & herd.tagged().keys(), 20)
    said = (herd.root / "said").read_text().splitlines()
    ended = [line for line in said if line in {"ended front-0", "ended back-0"}]
    assert ended == ["ended front-0", "ended back-0"]
