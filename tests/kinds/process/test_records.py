"""Start records: what the next start executes."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.kinds.process.records import write_record
from reconciler.kinds.process.state import Program


def test_nobody_takes_the_name_of_another(tmp_path: Path) -> None:
    """By it what a process left behind is found and ended."""
    program = Program(argv=("true",), env={"RECONCILER_PROCESS": "api-0", "A": "1"})
    write_record(tmp_path, "web-0", program, "r1")
    env = json.loads((tmp_path / "web-0.json").read_bytes())["env"]
    assert (env["RECONCILER_PROCESS"], env["A"]) == ("web-0", "1")
