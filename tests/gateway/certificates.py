"""Certificates that tests sign themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    """A certificate and its key."""

    certificate: Path
    key: Path


def self_signed(folder: Path, name: str = "localhost", *, called: str = "pair") -> Pair:
    """A certificate for ``name`` that vouches for itself."""
    pair = Pair(folder / f"{called}.crt", folder / f"{called}.key")
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    files = ["-keyout", str(pair.key), "-out", str(pair.certificate)]
    command = ["openssl", "req", *words, *files]
    subprocess.run(command, check=True, capture_output=True)
    return pair
