"""The cost of a union of schedules, and unions of one and of no schedule."""

from datetime import UTC, datetime

from scheduled.schedules.cron_timetable import cron
from scheduled.schedules.timetable import every, never, once, union

YEAR = 365 * 86400
BEGIN = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) - 1


class Counted:
    """A timetable that counts how many of its slots are enumerated."""

    def __init__(self, times):
        self.times, self.seen = times, 0

    def __getattr__(self, name):
        return getattr(self.times, name)

    def between(self, after, until):
        for slot in self.times.between(after, until):
            self.seen += 1
            yield slot


def test_a_single_schedule_is_no_union():
    hourly = cron("0 * * * *", "UTC")

    assert union([hourly]) is hourly
    assert union([]).next_after(0) is None


def test_the_slots_of_the_densest_schedule_are_counted_and_not_enumerated():
    minutely, daily = Counted(cron("* * * * *", "UTC")), Counted(cron("30 2 * * *", "UTC"))

    assert union([daily, minutely]).count(BEGIN, BEGIN + YEAR) == YEAR // 60
    assert (minutely.seen, daily.seen) == (0, 365)


def test_a_slot_of_three_schedules_counts_once():
    times = union([cron("0 * * * *", "UTC"), every(3600, BEGIN + 1), once(BEGIN + 1), never()])

    assert times.span(BEGIN, BEGIN + 7200) == (BEGIN + 1, BEGIN + 3601, 2)
