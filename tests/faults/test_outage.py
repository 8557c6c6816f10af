"""A machine that sleeps, and clocks that step, simulated with libfaketime."""

import os
import shutil

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("faketime") is None, reason="NOT RUN: needs Debian's package faketime"),
]

HOURLY = """
    timezone = "UTC"
    [jobs.hourly]
    cron = "0 * * * *"
    command = '''echo "$SCHEDULED_FOR $SCHEDULED_MISSED $SCHEDULED_WINDOW_START" >> {root}/ran'''
"""


@pytest.fixture
def sleeper(world):
    """A world with an hourly job, which appends its scheduled time, missed slots and last success to `ran`."""
    world.configure(HOURLY.format(root=world.root))
    return world


def ran(world):
    path = world.root / "ran"
    text = path.read_text() if path.exists() else ""
    return [line.replace(":00+00:00", "").replace("2026-02-", "").split() for line in text.splitlines()]


def ticks(world, *instants):
    done = [world.run("run", at=f"2026-02-{instant}:00") for instant in instants]
    assert [(one.returncode, one.stdout) for one in done] == [(0, "")] * len(done), done
    return "".join(one.stderr for one in done)


def test_slots_missed_while_asleep_become_one_run_that_counts_them(sleeper):
    output = ticks(sleeper, "03 14:00", "03 14:05", "03 15:00", "03 20:05", "03 20:10", "03 21:00")

    assert ran(sleeper) == [
        ["03T14:00", "0"],
        ["03T15:00", "0", "03T14:00"],
        ["03T20:00", "4", "03T15:00"],
        ["03T21:00", "0", "03T20:00"],
    ]
    assert output == ""
    assert sleeper.json("audit", at="2026-02-03 21:00:30")["ok"]


def test_an_outage_of_two_years_is_caught_up_with_one_run(sleeper):
    ticks(sleeper, "03 14:00")

    done = sleeper.run("run", at="2028-03-01 09:30:00")

    assert (done.returncode, done.stderr, len(ran(sleeper))) == (0, "", 2)
    assert ran(sleeper)[1][0].endswith("01T09:00")
    assert sleeper.json("audit", at="2028-03-01 09:30:30")["ok"]


@pytest.mark.parametrize("back_to", ["03 13:00", "01 00:30"])
def test_after_a_backward_step_nothing_is_replayed_and_no_slot_waits_longer_than_a_period(sleeper, back_to):
    ticks(sleeper, "03 14:00", "03 15:00")
    before = ran(sleeper)
    day, clock = back_to.split()
    hour = int(clock[:2])

    ticks(sleeper, back_to)
    after = ran(sleeper)
    ticks(sleeper, f"{day} {hour + 1:02}:00", f"{day} {hour + 1:02}:05", f"{day} {hour + 2:02}:00")

    assert after[: len(before)] == before
    assert len(after) <= len(before) + 1
    assert [line[0] for line in ran(sleeper)][-2:] == [f"{day}T{hour + 1:02}:00", f"{day}T{hour + 2:02}:00"]


def test_after_a_clock_far_ahead_is_corrected_no_slot_is_lost(sleeper):
    ticks(sleeper, "03 14:00")
    assert sleeper.run("run", at="2031-01-01 00:00:00").returncode == 0

    ticks(sleeper, "03 14:10", "03 15:00", "03 16:00")

    assert [line[0] for line in ran(sleeper)][-2:] == ["03T15:00", "03T16:00"]


def test_an_idle_tick_is_idle_under_a_fake_clock_too(sleeper):
    ticks(sleeper, "03 14:00")
    before = (sleeper.state / "ledger.db").read_bytes()

    ticks(sleeper, "03 14:05", "03 14:59")

    assert (sleeper.state / "ledger.db").read_bytes() == before
    # A heartbeat is up to 20 ms earlier than its tick.
    assert 1_770_130_739.98 <= os.stat(sleeper.state / "scheduled_state.json").st_mtime <= 1_770_130_740
