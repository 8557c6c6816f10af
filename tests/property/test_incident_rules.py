"""The rules of incidents against a reader, who knows only the notices and which troubles there are."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled.core.incidents import (
    LEAST_REST,
    MOST_REST,
    WINDOW,
    Policy,
    advanced,
    noticed,
)
from scheduled.core.keys import JobKey
from scheduled.core.next_notice import next_due
from scheduled.core.notice_groups import messages
from scheduled.core.troubles import Trouble
from scheduled.schedules.zones import DAY, HOUR, MINUTE

CADENCE = 30 * MINUTE
MIDNIGHT = 1_770_000_000 // DAY * DAY
PRIORITIES = {"a": "high", "b": "critical", "c": "low", "d": "high", "e": "high"}
CAUSES = {"d": "a", "e": "d"}
NAMES = sorted(PRIORITIES)

changes = st.one_of(
    st.tuples(st.just("fails"), st.sampled_from(NAMES)),
    st.tuples(st.just("works"), st.sampled_from(NAMES)),
    st.tuples(st.just("works"), st.sampled_from(NAMES)),
    st.tuples(st.just("disabled"), st.sampled_from(NAMES)),
    st.tuples(st.just("acknowledged"), st.sampled_from(NAMES)),
    st.tuples(st.just("muted"), st.sampled_from(NAMES)),
)
pauses = st.sampled_from([1, 1, 1, 2, 3, 4, 14, 47, 48, 49])  # in ticks
histories = st.lists(st.tuples(pauses, st.lists(changes, max_size=4)), min_size=1, max_size=15)
reminders = st.sampled_from([HOUR, 5 * HOUR, DAY, 7 * DAY])


class Program:
    """Ticks of which each finds the troubles that there are then."""

    def __init__(self, remind_every, *, has_quiet_hours):
        self.remind_every, self.has_quiet_hours = remind_every, has_quiet_hours
        self.failing, self.disabled, self.mutes, self.incidents = set(), set(), {}, {}
        self.due = None

    def policy(self, now):
        day, hour = now // DAY * DAY, now % DAY // HOUR
        quiet = {22: day + DAY, 23: day + DAY}.get(hour, day if hour < 7 else None)
        return Policy(
            remind_every=self.remind_every,
            quiet_until=quiet + 7 * HOUR if self.has_quiet_hours and quiet is not None else None,
            muted={JobKey(name): end for name, end in self.mutes.items() if end > now},
        )

    def change(self, what, name, now):
        if what == "fails":
            self.failing.add(name)
            self.disabled.discard(name)
        elif what == "works":
            self.failing.discard(name)
        elif what == "disabled":
            self.failing.discard(name)
            self.disabled.add(name)
        elif what == "muted":
            self.mutes[name] = now + 7 * HOUR
        elif (one := self.incidents.get(name)) is not None and one.is_open:
            self.incidents[name] = msgspec.structs.replace(one, acknowledged_at=float(now))

    def tick(self, now):
        """Return the notices: the kind, the name, and those that follow."""
        troubles = {
            name: Trouble(
                text=name,
                kind="failed",
                subject=JobKey(name),
                priority=PRIORITIES[name],
                cause=cause if (cause := CAUSES.get(name, "")) in self.failing else "",
            )
            for name in sorted(self.failing)
        }
        policy = self.policy(now)
        self.incidents = advanced(self.incidents, troubles, now, set(NAMES) - self.disabled)
        made = messages(self.incidents, policy, now)
        for message in made:
            self.incidents |= {one.name: noticed(one, message.kind, now) for one in message.incidents}
        self.due = next_due(self.incidents.values(), policy)
        return [
            (message.kind, message.incidents[0].name, tuple(one.name for one in message.followers))
            for message in made
        ]


class Reader:
    """Checks the notices of a tick by what a person knows."""

    def __init__(self, program):
        self.program = program
        self.known, self.flapping = {}, set()  # when each known trouble was last noticed
        self.absent_since, self.acknowledged = dict.fromkeys(NAMES, 0.0), set()

    def reads(self, made, now):
        program, policy = self.program, self.program.policy(now)
        for name in NAMES:
            if name in program.failing:
                self.absent_since[name] = None
            elif self.absent_since[name] is None:
                self.absent_since[name] = now
            if name in program.disabled and self.absent_since[name] == now:
                self.known.pop(name, None)  # a person ended it
        for kind, name, followers in made:
            self._reads(kind, name, now, policy)
            assert set(followers) <= program.failing
        for name in NAMES:
            if not (policy.is_muted(JobKey(name)) or (policy.quiet_until and PRIORITIES[name] != "critical")):
                self._misses_nothing(name, now)

    def _reads(self, kind, name, now, policy):
        assert JobKey(name) not in policy.muted
        assert policy.quiet_until is None or PRIORITIES[name] == "critical"
        if kind == "recovery":
            absent = self.absent_since[name]
            assert self.known.pop(name, None) is not None
            assert absent is not None
            assert name not in self.flapping or now - absent >= LEAST_REST
            self.flapping.discard(name)
            return
        assert name in self.program.failing
        if kind == "reminder":
            assert now // MINUTE * MINUTE - self.known[name] // MINUTE * MINUTE >= policy.remind_every
            assert self.program.incidents[name].acknowledged_at is None
        else:
            assert name not in self.known
        if kind == "flapping":
            self.flapping.add(name)
        elif kind == "first":
            self.flapping.discard(name)
        self.known[name] = now

    def _misses_nothing(self, name, now):
        absent = self.absent_since[name]
        if absent is None:
            cause = CAUSES.get(name)
            gone = self.absent_since.get(cause, 0.0)  # None: the cause is there
            if cause is None or (gone is not None and now - gone >= WINDOW):
                assert name in self.known
        elif name in self.known:
            assert name in self.flapping
            assert now - absent < MOST_REST


@settings(max_examples=300)
@given(histories, reminders, st.booleans())
def test_a_reader_gets_each_notice_once_and_misses_none(history, remind_every, has_quiet_hours):
    program = Program(remind_every, has_quiet_hours=has_quiet_hours)
    reader, now = Reader(program), MIDNIGHT
    for ticks, changed in history:
        for change in changed:
            program.change(*change, now)
        for _ in range(ticks):
            now += CADENCE
            reader.reads(program.tick(now), now)
            before = dict(program.incidents)
            assert program.tick(now + 2) == []
            assert program.incidents == before
            assert program.due is None or program.due > now


@settings(max_examples=200)
@given(histories, reminders, st.booleans())
def test_ticks_with_nothing_new_change_nothing(history, remind_every, has_quiet_hours):
    """The idle check leaves out ticks until the next instant at which a notice is due."""
    often, rarely = (Program(remind_every, has_quiet_hours=has_quiet_hours) for _ in range(2))
    now, found = MIDNIGHT, ([], [])
    for ticks, changed in history:
        for change in changed:
            often.change(*change, now)
            rarely.change(*change, now)
        for number in range(ticks):
            now += CADENCE
            found[0].extend((now, *notice) for notice in often.tick(now))
            if number == 0 or (rarely.due is not None and rarely.due <= now):
                found[1].extend((now, *notice) for notice in rarely.tick(now))
        assert found[0] == found[1]


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([0, -HOUR, 300 - HOUR, 600], 0),  # set back, and corrected
        ([0, -3 * DAY, 300 - 3 * DAY, 600], 1),  # a step forward cannot be mentioned from an outage
        ([0, 3 * DAY, 3 * DAY + 300, 600, 900], 1),
        ([0, -1, 0, -1, 0, -1], 0),
        ([3 * DAY, 0, 300, DAY - 300, DAY], 1),
        ([3 * DAY, 0, 300, DAY, DAY + 300, 2 * DAY], 2),
    ],
)
def test_a_clock_that_is_set_back_neither_repeats_nor_suppresses_a_reminder(steps, found):
    program = Program(DAY, has_quiet_hours=False)
    program.failing = {"a"}
    made = [notice for step in steps for notice in program.tick(MIDNIGHT + step)]

    assert made == [("first", "a", ()), *[("reminder", "a", ())] * found]


def test_a_flapping_trouble_that_ended_at_a_wrong_time_recovers():
    program = Program(DAY, has_quiet_hours=False)
    for at in range(6):
        program.failing = set() if at % 2 else {"a"}
        program.tick(MIDNIGHT + 30 * DAY + at)

    assert [program.tick(MIDNIGHT + at) for at in (0, LEAST_REST)] == [[], [("recovery", "a", ())]]
