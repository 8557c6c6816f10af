"""docs/security.md names tests that exist, and each threat has one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")][2:]


def test_every_threat_names_a_test_that_exists():
    assert len(ROWS) > 10
    for row in ROWS:
        named = re.findall(r"`(tests/[^`]+)`", row)
        assert named, row
        assert [path for path in named if not (ROOT / path).is_file()] == []
