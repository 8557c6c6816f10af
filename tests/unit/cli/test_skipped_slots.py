"""`skip` names the slots of several targets at one instant by this instant."""

import pytest

from scheduled.cli.render_changes import _span

ONE, TWO = "2026-03-04T05:00:00+00:00", "2026-03-04T06:00:00+00:00"


@pytest.mark.parametrize(
    ("last", "expected"),
    [(ONE, "of 2026-03-04 05:00"), (TWO, "from 2026-03-04 05:00 to 2026-03-04 06:00")],
)
def test_a_span_of_one_instant(last, expected):
    assert _span({"first": ONE, "last": last}) == expected
