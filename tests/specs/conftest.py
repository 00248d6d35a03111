from __future__ import annotations

from pathlib import Path

import pytest
from tests.specs.toys import SpecFolder


@pytest.fixture
def folder(tmp_path: Path) -> SpecFolder:
    """A folder with an empty ``specs/``, outside any repository."""
    return SpecFolder(tmp_path)


@pytest.fixture
def repository(folder: SpecFolder) -> SpecFolder:
    """A repository with one App committed."""
    folder.git("init", "-q")
    folder.app("web", "command: a")
    folder.commit()
    return folder
