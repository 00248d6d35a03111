"""Reads the JSON of other programs; what is none is said with its place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from ..outcome import Failure

_half: Final = re.compile("[\ud800-\udfff]")


def read_json(path: Path) -> Any:
    """What a file holds. Raises Failure."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise Failure(f"{path} cannot be read: {(error.strerror or '').lower()}") from error
    except (ValueError, RecursionError) as error:
        raise no_json(path, error) from error


def no_json(path: Path, error: Exception) -> Failure:
    """Why a file is no JSON, or more than can be read."""
    match error:
        case json.JSONDecodeError():
            place = f"{path}:{error.lineno}:{error.colno}"
            return Failure(f"{place} is no JSON: {error.msg.lower()}")
        case UnicodeDecodeError():
            return Failure(f"{path} is no JSON: byte {error.start} is not valid UTF-8")
        case RecursionError():
            return Failure(f"{path} is nested too deeply")
    return Failure(
        f"{path} holds a number of thousands of digits", hint="no field takes one; shorten it"
    )


def with_whole_characters(found: Any) -> Any:
    """The same, where half of a character (a lone surrogate) is U+FFFD, as Go reads it."""
    if isinstance(found, str):
        return _half.sub("\N{REPLACEMENT CHARACTER}", found)
    if isinstance(found, list):
        return [with_whole_characters(one) for one in found]
    if isinstance(found, dict):
        return {
            with_whole_characters(key): with_whole_characters(one) for key, one in found.items()
        }
    return found
