from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import reconciler

PACKAGE = Path(reconciler.__file__).parent


@pytest.mark.parametrize(
    "asset", ["supervisor/supervisord.conf", "gateway/nginx.conf", "gateway/lua", "grafana"]
)
def test_assets_come_with_the_package(asset: str) -> None:
    """What other programs read is found from a checkout and from a wheel."""
    assert (PACKAGE / "assets" / asset).exists()


def test_it_is_typed() -> None:
    """Projects that build on this one get its types."""
    assert (PACKAGE / "py.typed").exists()


def test_there_is_one_version() -> None:
    """What is installed is what the code says."""
    assert version("reconciler") == reconciler.__version__


def test_it_runs_as_a_module() -> None:
    """``python -m reconciler`` is the command."""
    command = [sys.executable, "-m", "reconciler", "version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert reconciler.__version__ in done.stdout
