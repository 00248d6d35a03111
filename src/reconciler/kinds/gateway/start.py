"""What the gateway's process is started with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from ...clients.nginx import Nginx

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def start_record(prefix: Path, nginx: Nginx, edition: str) -> bytes:
    """The record that the launcher and the keeper read."""
    record = {
        "argv": list(nginx.argv()),
        "env": {"PATH": PATH},
        "inherit": ["LANG", "LC_ALL", "TZ"],
        "cwd": str(prefix),
        "umask": "077",
        "user": None,
        "view": {},
        "digest": edition,
        "revision": "",
    }
    return json.dumps(record, indent=1).encode()
