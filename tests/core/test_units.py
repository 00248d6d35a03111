from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from reconciler.core.units import (
    Duration,
    Name,
    Size,
    format_bytes,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


class Sample(BaseModel):
    wait: Duration = 10.0
    size: Size = 50 * 1024**2
    name: Name = "web"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("10s", 10), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("0s", 0)],
)
def test_durations_read_as_people_write_them(text: str, seconds: float) -> None:
    """Every form of the guide means what it says."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "10 s", "-1s", "1h 30m", "1x", "9" * 50 + "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A missing or unknown unit is an error that shows how to write it."""
    with pytest.raises(ValueError, match="for example"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("50Mi", 50 * 1024**2),
        ("100MB", 100_000_000),
        ("4096", 4096),
        ("1KiB", 1024),
        ("2k", 2000),
        ("1.5Gi", 3 * 512 * 1024**2),
    ],
)
def test_sizes_read_as_people_write_them(text: str, size: int) -> None:
    """Binary and decimal units differ; a plain number is bytes."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "Mi", "1Q", "-1", "1 2", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """An unknown unit is an error that shows how to write it."""
    with pytest.raises(ValueError, match="for example"):
        parse_size(text)


@given(st.integers(0, 10**12))
def test_durations_survive_writing(milliseconds: int) -> None:
    """What is written back means the same."""
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@given(st.integers(0, 2**50))
def test_sizes_survive_writing(size: int) -> None:
    """What is written back means the same."""
    assert parse_size(format_size(size)) == size


def test_fields_take_strings_and_give_numbers() -> None:
    """A model reads the written form, and its JSON and schema speak it too."""
    sample = Sample.model_validate({"wait": "1h30m", "size": "1Ki"})
    assert (sample.wait, sample.size) == (5400.0, 1024)
    assert sample.model_dump(mode="json") == {"wait": "1h30m", "size": "1Ki", "name": "web"}
    assert Sample().model_dump(mode="json") == {"wait": "10s", "size": "50Mi", "name": "web"}
    assert Sample.model_json_schema()["properties"]["wait"]["type"] == "string"


@pytest.mark.parametrize(
    "data",
    [{"wait": 10}, {"wait": True}, {"size": -1}, {"size": 1.5}, {"name": "A"}, {"name": "a-"}],
)
def test_fields_refuse_what_has_no_unit(data: dict[str, object]) -> None:
    """A bare number is no duration; names are DNS labels."""
    with pytest.raises(ValidationError):
        Sample.model_validate(data)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (512, "512 B"), (999, "999 B"), (3_100_000, "3.1 MB"), (999_960, "1.0 MB")],
)
def test_bytes_for_people(count: int, expected: str) -> None:
    """Three digits, and never a thousand of a unit."""
    assert format_bytes(count) == expected
