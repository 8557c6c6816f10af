"""Clock steps of a minute up to decades, and every clock change of every time zone until 2030.

Under libfaketime ticks are real processes. The simulation (tests/property/test_simulation.py) has thousands
of smaller steps. `HOSTILE_SEED=N` tests the same zones again; SCHEDULED_NIGHTLY=1 tests all zones.
"""

import random
import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from scheduled.engine.clock_steps import tolerance
from scheduled.schedules import clock_changes, cron_timetable, zones
from tests.fixtures.in_process_cli import NIGHTLY, SEED

needs_faketime = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="NOT RUN: needs Debian's package faketime"
)
JOBS = """
    timezone = "Europe/Berlin"
    [jobs.often]
    cron = "*/15 * * * *"
    command = "echo often $SCHEDULED_FOR $SCHEDULED_MISSED >> {root}/ran"
    [jobs.hourly]
    cron = "0 * * * *"
    command = "echo hourly $SCHEDULED_FOR $SCHEDULED_MISSED >> {root}/ran"
    [jobs.daily]
    cron = "0 5 * * *"
    command = "echo daily $SCHEDULED_FOR $SCHEDULED_MISSED >> {root}/ran"
    [jobs.steady]
    every = "6h"
    command = "echo steady $SCHEDULED_FOR $SCHEDULED_MISSED >> {root}/ran"
"""
PERIODS = {"often": 900, "hourly": 3600, "daily": 86400, "steady": 6 * 3600}
HALF = timedelta(seconds=30)


class Clock:
    """Run ticks of a world at chosen instants, and check after each one what must hold after every tick."""

    def __init__(self, world):
        self.world = world

    def ran(self):
        path = self.world.root / "ran"
        return [line.split()[:2] for line in path.read_text().splitlines()] if path.exists() else []

    def tick(self, at):
        """Run a tick at *at* (UTC); return its standard error."""
        before = self.ran()
        done = self.world.run("run", at=f"{at:%Y-%m-%d %H:%M:%S}")
        new = self.ran()[len(before) :]
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        # After any clock step a job runs at most once, for all slots that it missed.
        assert len({job for job, _ in new}) == len(new), new
        self.check(at)
        return done.stderr

    def check(self, at):
        """Assert that every slot is accounted for, and no job waits longer than its period plus the tolerance."""
        audit = self.world.json("audit", at=f"{at + HALF:%Y-%m-%d %H:%M:%S}")
        assert audit["ok"], (at, audit["problems"])
        for name, job in self.world.snapshot()["jobs"].items():
            ahead = datetime.fromisoformat(job["next_run"]).timestamp() - at.timestamp()
            longest = PERIODS[name] + tolerance(PERIODS[name]) + 60
            assert -60 <= ahead <= longest, (at, name, job["next_run"])

    def ticks(self, start, minutes):
        """Run a tick every 5 minutes from *start* on; return their standard error."""
        return "".join(self.tick(start + timedelta(minutes=at)) for at in range(0, minutes + 1, 5))


@pytest.fixture
def clock(world, monkeypatch):
    # A step of the wall clock does not move the monotonic clock; libfaketime would make it negative.
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    monkeypatch.setenv("DONT_FAKE_MONOTONIC", "1")
    world.configure(JOBS.format(root=world.root))
    return Clock(world)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


NORMAL = utc(2026, 2, 3, 14, 0, 20)
STEPS = {
    "a minute back": NORMAL + timedelta(minutes=19),
    "six minutes back": NORMAL + timedelta(minutes=14),
    "a day back": NORMAL - timedelta(days=1),
    "ten years back": utc(2016, 2, 3, 14, 0, 20),
    "to 1970": utc(1970, 1, 1, 0, 0, 40),
    "to 2037": utc(2037, 12, 31, 23, 59, 40),
    "beyond 2038": utc(2038, 1, 19, 3, 14, 20),
    "a leap day ahead": utc(2028, 2, 29, 12, 0, 20),
}


@pytest.mark.system
@needs_faketime
@pytest.mark.parametrize("step", STEPS)
def test_after_a_step_and_the_step_back_jobs_continue_within_their_period_and_no_slot_runs_twice(clock, step):
    clock.ticks(NORMAL, 20)
    before = clock.ran()

    output = clock.ticks(STEPS[step], 20)
    meanwhile = clock.ran()[len(before) :]
    clock.ticks(NORMAL + timedelta(minutes=45), 20)
    after = clock.ran()[len(before) + len(meanwhile) :]

    # One run per job for all missed slots, and the slots of these 20 minutes.
    assert len(meanwhile) <= len(PERIODS) + 4
    assert len(after) <= len(PERIODS) + 4
    # No slot from before the step runs again: it keeps its verdict.
    assert [run for run in (*meanwhile, *after) if run in before] == []
    back = STEPS[step] < NORMAL - timedelta(minutes=5)
    assert ("the clock went back" in output) == back, output


@pytest.mark.system
@needs_faketime
@pytest.mark.parametrize(
    ("back", "again"),
    [(20, {"often"}), (45, {"often", "hourly"}), (4 * 60, {"often", "hourly", "daily"})],
)
def test_a_small_step_back_repeats_only_runs_of_frequent_jobs(clock, back, again):
    before_five, after_five = utc(2026, 2, 3, 3, 50, 20), utc(2026, 2, 3, 4, 10, 20)  # 05:00 in Berlin
    clock.ticks(utc(2026, 2, 2, 20, 40, 20), 0)
    clock.ticks(before_five, 20)
    before = clock.ran()

    for minutes in range(0, back + 10, 5):  # until all instants before the step have passed again
        clock.tick(after_five + timedelta(minutes=minutes - back))

    repeated = [job for job, slot in clock.ran()[len(before) :] if [job, slot] in before]
    assert set(repeated) == again


@pytest.mark.system
@needs_faketime
def test_after_a_first_tick_in_1970_nothing_before_the_right_time_is_caught_up(clock):
    clock.ticks(utc(1970, 1, 1, 0, 0, 5), 5)
    before = clock.ran()

    clock.ticks(NORMAL, 10)

    assert len(clock.ran()) - len(before) <= len(PERIODS)


@pytest.mark.system
@needs_faketime
def test_a_missed_leap_day_is_caught_up_once(world):
    world.configure(f"""
        timezone = "UTC"
        [jobs.leap]
        cron = "0 12 29 2 *"
        command = "echo $SCHEDULED_FOR $SCHEDULED_MISSED >> {world.root}/ran"
    """)

    for at in (
        "2026-02-28 12:00:20",
        "2027-03-01 00:00:20",
        "2028-02-28 23:59:20",
        "2028-03-01 00:00:20",
        "2029-03-01 00:00:20",
    ):
        assert world.run("run", at=at).returncode == 0

    assert (world.root / "ran").read_text() == "2028-02-29T12:00:00+00:00 0\n"
    assert world.snapshot()["jobs"]["leap"]["next_run"] == "2032-02-29T12:00:00+00:00"
    assert world.json("audit", at="2029-03-01 00:01:00")["ok"]


@pytest.mark.system
@needs_faketime
def test_a_changed_time_zone_begins_a_new_epoch_and_replays_nothing(world, monkeypatch):
    world.configure(f"""
        [jobs.daily]
        cron = "0 5 * * *"
        command = "echo $SCHEDULED_FOR >> {world.root}/ran"
    """)
    travel = [
        "Europe/Berlin",
        "America/New_York",
        "Asia/Tokyo",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "Europe/Berlin",
    ]

    for hours, zone in enumerate(travel):
        at = utc(2026, 2, 3, 14, 0, 20) + timedelta(hours=hours)
        monkeypatch.setenv("TZ", zone)
        # libfaketime reads the local time of the zone.
        done = world.run("run", at=f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}")
        following = datetime.fromisoformat(world.snapshot()["jobs"]["daily"]["next_run"])
        assert (done.returncode, done.stderr) == (0, "")
        assert (following.utcoffset(), following.hour) == (
            ZoneInfo(zone).utcoffset(following.replace(tzinfo=None)),
            5,
        )
        assert timedelta(0) < following - at <= timedelta(days=1)

    assert not (world.root / "ran").exists()
    assert world.json("audit", at="2026-02-03 20:30:00")["ok"]


# Every zone, compared minute by minute


FROM, TO = zones.start_of(2024), zones.start_of(2031)
AROUND = 26 * 3600
EVERY_ZONE = sorted(available_timezones() - {"localtime", "Factory"})
CHANGING = [name for name in EVERY_ZONE if clock_changes.changes(name, FROM, TO)]
WALKED = CHANGING if NIGHTLY else random.Random(SEED).sample(CHANGING, 12)


def walked(expression, zone, start, end):
    """Return when Debian's cron starts a job in (start, end], found by checking each minute."""
    minute, hour = expression.split()[:2]
    here = ZoneInfo(zone)
    minutes = range(start - start % 60 + 60, end + 1, 60)
    local = {at: datetime.fromtimestamp(at, here).replace(tzinfo=None) for at in minutes}
    if "*" in minute + hour:
        step = int(minute.removeprefix("*/")) if "*" in minute else 60
        return [at for at in minutes if (local[at].minute % step if "*" in minute else local[at].minute) == 0]
    found = []
    for day in sorted({at.date() for at in local.values()}):
        wanted = datetime(day.year, day.month, day.day, int(hour), int(minute))
        # If the clock change skips the time, the job starts in the first minute after the change.
        first = next((at for at in minutes if local[at] >= wanted), None)
        if first is not None and local[minutes[0]] <= wanted:
            found.append(first)
    return sorted(set(found))


@pytest.mark.timeout(3600 if NIGHTLY else 120)
def test_at_every_change_of_every_zone_jobs_start_when_cron_would():
    print(f"HOSTILE_SEED={SEED}: {len(WALKED)} of {len(CHANGING)} zones that change, of {len(EVERY_ZONE)}")
    assert (len(EVERY_ZONE) > 400, len(CHANGING) > 100) == (True, True)
    for zone in WALKED:
        for change in clock_changes.changes(zone, FROM, TO):
            _walk_around(zone, change)


def _walk_around(zone, change):
    start, end = change.at - AROUND, change.at + AROUND
    jump = datetime.fromtimestamp(change.at + change.before, UTC)
    odd = {jump + timedelta(minutes=minutes) for minutes in (-90, -30, 0, 15, 30, 90)}
    fixed = [f"{at.minute} {at.hour} * * *" for at in odd]
    for expression in ["*/5 * * * *", "0 * * * *", *fixed]:
        found = list(cron_timetable.cron(expression, zone).between(start, end))
        assert walked(expression, zone, start, end) == found, (zone, expression, jump)
