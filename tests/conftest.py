"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from reconciler.testing import free_port as find_free_port
from tests.canary import canary, nothing_leaks

__all__ = ["canary", "nothing_leaks"]

settings.register_profile(
    "gate",
    max_examples=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak",
    max_examples=3000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("soak" if os.environ.get("RECONCILER_SOAK") == "1" else "gate")

# Whoever runs the suite in the background of a script makes it deaf to Ctrl-C; what the tests start
# would be born deaf.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


TESTS: Final = Path(__file__).parent
ALIKE: Final = frozenset(
    {"api", "cli", "core", "dashboards", "declare", "docs", "engine"}
    | {"examples", "properties", "specs", "testing"}
)
"""Folders whose tests meet no machine, but for those marked ``real``: any user will do."""
ONCE: Final = {
    "e2e": {"test_data.py", "test_kills.py", "test_shipped_stack.py"},
    "gateway": {"test_gateway_fields.py", "test_static.py"},
}
"""Folders where users, owners and permissions are met in these files; the soak runs all as root."""


def _is_alike(item: pytest.Item) -> bool:
    folder = item.path.relative_to(TESTS).parts[0]
    if folder in ONCE:
        return item.path.name not in ONCE[folder]
    return folder in ALIKE and item.get_closest_marker("real") is None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked ``soak`` run only with RECONCILER_SOAK=1; the rest of the gate stays short.

    With RECONCILER_AGAIN=1 another user has run all of them, and only those run that may differ.
    """
    if os.environ.get("RECONCILER_AGAIN") == "1":
        alike = [item for item in items if _is_alike(item)]
        config.hook.pytest_deselected(items=alike)
        items[:] = [item for item in items if not _is_alike(item)]
    if os.environ.get("RECONCILER_SOAK") == "1":
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="runs in scripts/soak"))


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What logs in reads no profile of whoever runs the tests: it may wait for a lock, or ask."""
    os.environ["HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def stack_dir() -> Iterator[Path]:
    """A private state folder; short, because a unix socket's path has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="rc-"))
    for name in ("state", "run", "log"):
        (folder / name).mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return find_free_port()
