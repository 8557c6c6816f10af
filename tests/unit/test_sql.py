"""No SQL has numbered parameters (`?1`): Python 3.12.0 to 3.12.3 warn if they are given a sequence."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for directory in ("scheduled", "handlers", "state", "install", "benchmarks")
    for path in (ROOT / directory).rglob("*.py")
    if "sqlite" in path.read_text()
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sql_parameters_are_not_numbered(path):
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]

    assert [text for text in texts if re.search(r"\?\d", text)] == []
