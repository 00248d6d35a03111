"""nginx's files, looked over for the mistakes that others have made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from reconciler.kinds.gateway.files import Folder
from reconciler.kinds.gateway.spec import Limits, Maintenance
from reconciler.kinds.gateway.state import Settings

FULL = Settings(
    trusted_proxies=("10.0.0.0/8", "2001:db8::/32"),
    maintenance_page=Maintenance(text="x"),
    limits=Limits(connections=5, rate=10),
)
# A file that was replaced must be seen at once, which a cache of open files would prevent.
SKIPPED = "try_files_is_evil_too"


def test_gixy_finds_nothing(tmp_path: Path) -> None:
    """With everything switched on that a Gateway may ask for."""
    plan = Folder(tmp_path).plan("gateway", 7860, "0.0.0.0", FULL)  # noqa: S104 (nothing is bound)
    for name, content in plan.contents.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    words = [str(Path(sys.executable).with_name("gixy")), "--skips", SKIPPED, "nginx.conf"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
    assert "High: 0" in said.stdout
