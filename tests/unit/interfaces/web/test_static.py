"""The static files are in the package, are the pinned versions, and load nothing from other hosts."""

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[4]
WEB = ROOT / "scheduled" / "interfaces" / "web"


def test_the_script_is_the_pinned_version_and_its_licence_is_included():
    pinned = re.search(r"^script_sha256=(\w{64})$", (ROOT / ".ci" / "vendor").read_text(), re.MULTILINE)[1]

    assert hashlib.sha256((WEB / "static" / "htmx.min.js").read_bytes()).hexdigest() == pinned
    assert "Permission to use, copy, modify" in (WEB / "static" / "htmx.LICENSE.txt").read_text()


def test_no_page_and_no_style_sheet_loads_anything_from_another_host():
    files = [*WEB.glob("templates/*.html"), WEB / "static" / "style.css", WEB / "static" / "icon.svg"]
    text = "".join(file.read_text() for file in files).replace("http://www.w3.org/2000/svg", "")

    assert not re.search(r"https?://|//[a-z]|@import|url\((?!#)", text)
