"""What `status` concludes from the ticks."""

import msgspec
import pytest

from scheduled.engine.expected_ticks import Ticks, problem
from scheduled.engine.heartbeat import Cadence
from scheduled.queries.ticks import document

NOW = 1_772_600_820  # 2026-03-04 05:07 UTC
OBSERVED, INSTALLED = Cadence(seconds=300, source="observed"), Cadence(seconds=300, source="installed")


@pytest.mark.parametrize(
    ("values", "state", "running", "text"),
    [
        ({}, "unknown", False, "no tick has run yet; `scheduled install` adds ticks"),
        ({"demo": True}, "unknown", False, "no tick has run yet; `scheduled run` runs one tick now"),
        ({"any": True}, "unknown", False, None),  # only ticks that a person started
        ({"any": True, "last": NOW - 60}, "unknown", True, None),
        ({"any": True, "last": NOW - 9999}, "unknown", False, None),
        ({"cadence": OBSERVED, "last": NOW - 600}, "running", True, None),
        ({"cadence": OBSERVED, "last": NOW - 601}, "stopped", False,
         "ticks have stopped: the last one was at 2026-03-04 04:56, and they came every 5m; check what starts"),
        ({"cadence": INSTALLED, "last": NOW - 601}, "stopped", False,
         "ticks have stopped: the last one was at 2026-03-04 04:56; check that cron is running; `scheduled install` repairs"),
        ({"cadence": INSTALLED, "last": NOW - 9999, "installed_at": NOW - 5}, "running", True, None),
        ({"cadence": INSTALLED, "installed_at": NOW - 5}, "starting", True, None),
        ({"cadence": INSTALLED, "installed_at": NOW - 601}, "stopped", False,
         "ticks have not begun: none has come since `scheduled install` at 2026-03-04 04:56; check that cron is running"),
        ({"cadence": INSTALLED}, "starting", False, None),  # installed by a version that recorded no instant
    ],
)  # fmt: skip
def test_missing_ticks_are_a_problem_only_where_ticks_are_expected(values, state, running, text):
    found = Ticks(now=NOW, **{"cadence": Cadence(), **values})

    assert (found.state, found.running) == (state, running)
    assert (problem(found, "UTC") or "").startswith(text or "") and bool(problem(found, "UTC")) == bool(text)
    assert document(found, "UTC")["running"] is running


def test_a_demo_is_not_to_be_installed_when_its_ticks_stop():
    found = Ticks(now=NOW, cadence=OBSERVED, last=NOW - 601)

    assert "`scheduled install`" in (problem(found, "UTC") or "")
    assert "install" not in (problem(msgspec.structs.replace(found, demo=True), "UTC") or "install")
