"""kill -9 at every call by which a tick changes the world: runner, supervisor, handlers and jobs in turn.

In every run a sample of the points, drawn from a printed seed (`POINTS_SEED=N` tells it again); with
SCHEDULED_NIGHTLY=1 each of them.
"""

import pytest

from tests.fixtures.points import NIGHTLY, at_each, chosen

CHANGES = {
    "runner": ("write", "sync", "rename", "unlink", "fork", "make"),
    "supervisor": ("write", "sync", "fork", "make"),
    "handler": ("write", "sync", "rename", "unlink", "make"),
    "job": ("write", "fork", "make"),
}
SAMPLE = 7  # of each role's calls of each kind


def killed(estates, until, role, kind, nth):
    """Kill a tick at one point, tick on, and return what is wrong then."""
    estate, points = estates.another()
    estate.tick(points.environment(role=role, kind=kind, nth=nth))
    said = estate.recover(until)
    wrongs = [*estate.wrongs(), *estate.unlike(estates.reference), *estate.unquiet(said)]
    if role == "runner":
        # Its death is no interruption of any job: nothing was run a second time.
        wrongs += estate.witnessed_unlike(estates.reference)
    return points.met(), estates.judge(estate, f"{role} {kind} {nth}", wrongs)


@pytest.mark.timeout(7200 if NIGHTLY else 120)
@pytest.mark.parametrize(("role", "kind"), [(role, kind) for role in CHANGES for kind in CHANGES[role]])
def test_killed_at_any_point_nothing_is_lost_torn_doubled_or_left_behind(estates, until, role, kind):
    points = chosen(estates.counts[role, kind], SAMPLE, f"{role} {kind}")

    cases = [(estates, until, role, kind, nth) for nth in points]
    assert at_each(killed, cases, f"{role} {kind}") == []
