"""CONTRIBUTING.md names files that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A path with a directory or a suffix, in the diagram, in a table or in a sentence.
NAMED = re.compile(r"(?<![\w./*-])(?:[\w.-]+/)*(?:[\w-]+\.(?:py|toml|sh|md)|[\w-]+/)(?![\w*])")


def test_the_files_that_it_names_exist():
    named = {*NAMED.findall((ROOT / "CONTRIBUTING.md").read_text())}

    assert {"engine/tick.py", "idle.py", "handlers/base.py", "notify/routes/", "pyproject.toml"} <= named
    assert sorted(name for name in named if not exists(name)) == []


def exists(name):
    places = (ROOT / name, ROOT / "scheduled" / name)
    return any(place.is_dir() if name.endswith("/") else place.is_file() for place in places)
