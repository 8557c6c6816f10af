"""SIGKILL at each of the last changes of a tick that announces a trouble: it is printed, and not again and again."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.fault_points import NIGHTLY

AT, LATER = "2026-03-02 09:05:00", ("2026-03-02 09:10:00", "2026-03-02 09:15:00")
TEXT = "bad: failed: exit code 1 (scheduled logs bad)"
LAST = 8  # points per kind of call: those after the end of the job are among them

pytestmark = pytest.mark.system


@pytest.fixture
def troubled(world, tmp_path):
    world.configure(
        'timezone = "UTC"\n[jobs.bad]\nat = "2026-03-02T09:05"\nretry = false\ncommand = "echo refused; false"\n'
    )
    world.run("run", at="2026-03-02 09:00:00")
    shutil.copytree(world.state, tmp_path / "saved")
    return world


@pytest.mark.timeout(7200 if NIGHTLY else 120)
@pytest.mark.parametrize("kind", ["write", "sync", "rename", "unlink", "make"])
def test_a_tick_that_is_killed_loses_no_announcement(troubled, points, tmp_path, kind):
    counting = points(tmp_path / "counting")
    assert TEXT in troubled.run("run", at=AT, env=counting.environment()).stderr
    total, killed, printed = counting.counts()["runner", kind], 0, 0
    for nth in range(total, 0 if NIGHTLY else max(0, total - LAST), -1):
        troubled.restore(tmp_path / "saved")
        here = points(tmp_path / "here")
        first = troubled.run("run", at=AT, env=here.environment(role="runner", kind=kind, nth=nth))
        after = [troubled.run("run", at=at).stderr for at in LATER]
        killed += here.met()
        printed += TEXT in first.stderr

        texts = [text.count(TEXT) for text in (first.stderr, *after)]
        assert texts in ([1, 0, 0], [0, 1, 0], [1, 1, 0]), (nth, first.stderr, after)
        assert "refused" in [text for text in (first.stderr, *after) if TEXT in text][-1], nth
        (found,) = [json.loads(row) for (row,) in troubled.sql("SELECT incident FROM incidents")]
        assert (found["notices"], found["failed"]) == (1, 1), nth
        assert list(troubled.state.glob("*.unprinted")) == []
    assert killed > 0
    assert kind != "write" or killed > printed


def test_two_ticks_at_once_announce_a_trouble_once(troubled):
    with ThreadPoolExecutor(3) as pool:
        ticks = [pool.submit(troubled.run, "run", at=AT) for _ in range(3)]
        printed = "".join(tick.result().stderr for tick in ticks)
    later = troubled.run("run", at=LATER[0])

    assert (printed.count(TEXT), TEXT in later.stderr) == (1, False)
