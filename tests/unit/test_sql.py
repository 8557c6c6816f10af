"""Python 3.12.0 to 3.12.3 warn about a numbered SQL parameter (`?1`) that is given a sequence: names and a mapping work everywhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path.relative_to(ROOT)
    for directory in ("scheduled", "handlers", "state", "install", "benchmarks")
    for path in (ROOT / directory).rglob("*.py")
)


@pytest.mark.parametrize("path", [path for path in SOURCES if "sqlite" in (ROOT / path).read_text()], ids=str)
def test_sql_parameters_have_names_or_no_numbers(path):
    assert re.findall(r"(?:[=<>(,] ?|NOT )\?\d.*", (ROOT / path).read_text()) == []
