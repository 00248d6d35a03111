"""What a process uses is read from the kernel, with all it started."""

from __future__ import annotations

import subprocess
import sys

from reconciler.clients.usage import Meter, Usage
from reconciler.testing import eventually


def test_all_that_is_used_counts() -> None:
    """A process is measured with what it started; a counter does not fall when a child ends."""
    # A little more than is waited for: the kernel rounds the time of each part down.
    spin = "import time; end = time.process_time() + .4\nwhile time.process_time() < end: pass"
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {spin + chr(10) + 'time.sleep(60)'!r}])\n"
        "sys.stdin.read(1); child.kill(); print(child.pid, flush=True); sys.stdin.read(1)\n"
    )
    meter = Meter()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as root:
        assert root.stdin is not None
        assert root.stdout is not None

        def busy() -> Usage | None:
            found = meter.read({"web": root.pid, "gone": 1 << 30})
            assert found.keys() == {"web"}
            one = found["web"]
            return one if one.members == 2 and one.cpu >= 0.3 else None

        before = eventually(busy, 30)
        assert before is not None
        assert before.memory > 8 << 20
        assert before.files is not None
        assert before.files >= 6
        root.stdin.write(b"x")
        root.stdin.flush()
        root.stdout.readline()
        after = meter.read({"web": root.pid})["web"]
        assert after.cpu >= before.cpu
        assert after.began == before.began
        root.kill()
