"""Memory goes back to the system."""

from __future__ import annotations

import subprocess
import sys

PROBE = """
import threading
from reconciler.api.password import HASHER
from reconciler.clients.memory import keep_little

def used():
    return next(int(row.split()[1]) for row in open("/proc/self/status") if row[:5] == "VmRSS")

keep_little()
known, before = HASHER.hash("right"), used()
threads = [threading.Thread(target=HASHER.verify, args=(known, "right")) for _ in range(4)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(used() - before)
"""


def test_passwords_leave_nothing_behind() -> None:
    """However many threads checked a password, the memory it took is free again."""
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 4096


KEPT = """
import gc, weakref
from reconciler.clients.memory import keep_what_is_there

class Circle: pass

made = Circle()
made.itself, known = made, weakref.ref(made)
del made
keep_what_is_there(tidy=False)
looked_through = len(gc.get_objects())
gc.collect()
is_kept = known() is not None
keep_what_is_there()
print(looked_through < 100 and is_kept and known() is None)
"""


def test_what_is_loaded_is_not_looked_through_again() -> None:
    """But when there is time for it."""
    said = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"
