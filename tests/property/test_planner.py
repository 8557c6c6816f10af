"""Ticks at random instants, with outages, failures and edits: no slot is lost or claimed twice.

The oracle does not use timetables: it finds the slots by testing each minute against the rule of the
schedule.
"""

import os
import tempfile
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scheduled.config import files
from scheduled.config.files import load_config
from scheduled.core import approvals
from scheduled.core.audit import audit
from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, Approve, Gate, Job, Retry, Window
from scheduled.core.records import Claimant
from scheduled.core.runs import FAILED, AttemptResult
from scheduled.core.starts import asks
from scheduled.engine import claims, gaps, planning, registration
from scheduled.engine.giving_up import give_up
from scheduled.engine.planning import Gates
from scheduled.engine.settle import SettleContext, settle_attempt, settle_superseded
from scheduled.execution.report_file import Reported
from scheduled.schedules.schedule import Schedule
from scheduled.state.sqlite.ledger import SqliteLedger

BEGIN = int(datetime(2026, 2, 3, 5, 58, 20, tzinfo=UTC).timestamp())
MINUTE, HOUR, DAY = 60, 3600, 86400
ON_TIME = 10 * MINUTE  # a slot that no tick sees within this time was missed
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # memory, because every transaction is fsynced
CRON = {
    "*/15 * * * *": lambda t: t.minute % 15 == 0,
    "0 * * * *": lambda t: t.minute == 0,
    "7 */6 * * *": lambda t: t.minute == 7 and t.hour % 6 == 0,
    "30 6 * * 2": lambda t: (t.minute, t.hour, t.weekday()) == (30, 6, 1),
}
EVERY = (10 * MINUTE, 95 * MINUTE, DAY)
# Offsets from UTC. Only the name of Etc/UTC and Zulu differs from UTC.
ZONES = {"UTC": 0, "Etc/UTC": 0, "Zulu": 0, "Etc/GMT-3": 3 * HOUR, "Etc/GMT+5": -5 * HOUR}
# The anchor is a local time here; `World.realised` makes an instant of it.
SCHEDULE = st.builds(
    msgspec.structs.replace,
    st.sampled_from(
        [Schedule("cron", text) for text in CRON]
        + [Schedule("every", str(n)) for n in EVERY]
        + [Schedule("every", str(95 * MINUTE), anchor=BEGIN + 7 * MINUTE)]
        + [Schedule("at", anchor=BEGIN + n * HOUR) for n in (-4, 2, 30)]
    ),
    delay=st.sampled_from([0, 0, 0, 200]),
)
# Mostly one schedule, as in practice. Two schedules may be equal or share slots.
SCHEDULES = st.one_of(st.tuples(SCHEDULE), st.tuples(SCHEDULE), st.tuples(SCHEDULE, SCHEDULE))
JOBS = st.builds(
    Job,
    name=st.just("?"),
    schedules=SCHEDULES,
    action=st.just(Action("command", words=("true",))),
    catch_up=st.sampled_from(["latest", "latest", "all", "none"]),
    catch_up_limit=st.integers(1, 4),
    grace=st.sampled_from([None, None, 0, 20 * MINUTE]),
    retry=st.builds(Retry, max_attempts=st.integers(1, 3), delay=st.sampled_from([0, 300, 2 * HOUR])),
    on_interrupted=st.sampled_from(["rerun", "rerun", "skip", "ask"]),
    priority=st.sampled_from(["high", "medium"]),
    group=st.sampled_from(["", "", "g"]),
    not_between=st.sampled_from([None, None, None, Window(6 * 60, 9 * 60), Window(23 * 60, 60)]),
    only_if=st.sampled_from([None, None, Gate(path="/somewhere")]),
    gate_deadline=st.sampled_from([None, 30 * MINUTE]),
    approve=st.sampled_from([None, Approve(), Approve(HOUR), Approve(HOUR, "approve")]),
)
# The fate of a run that a tick claimed: it ends, it outlives the tick ("lives"), or it is never started.
FATES = st.sampled_from(
    ["success", "success", "failed", "timed_out", "interrupted", "skipped", "deferred", "lives", "unstarted"]
)
EDITS = st.one_of(
    st.none(), st.none(), st.none(), SCHEDULES, st.sampled_from(["disable", "enable", "remove"])
)
STEPS = st.tuples(
    st.one_of(st.integers(1, 90), st.integers(1, 6 * HOUR), st.sampled_from([MINUTE, 5 * MINUTE, 2 * DAY])),
    st.lists(FATES, min_size=3, max_size=3),
    st.tuples(st.integers(0, 2), EDITS),
    st.booleans(),
    st.fixed_dictionaries(
        {
            "gates": st.booleans(),
            "budget": st.sampled_from([None, None, 0, 1]),
            "answer": st.sampled_from([None, None, None, "approve", "deny"]),
        }
    ),
    # When the edit was made, in percent of the pause; whether by a command; and the zone of the host.
    st.tuples(st.integers(0, 100), st.booleans(), st.sampled_from([None, None, None, *ZONES])),
)  # fmt: skip


# All slots of each expression within a test's time span, found by testing every minute.
ALL_SLOTS = {
    (text, offset): [
        t
        for t in range(BEGIN - BEGIN % MINUTE, BEGIN + 30 * DAY, MINUTE)
        if rule(datetime.fromtimestamp(t + offset, UTC))
    ]
    for text, rule in CRON.items()
    for offset in set(ZONES.values())
}


class Era:
    """Schedules in force in (begin, end], *end* is None at first. *starts* are where intervals count from.

    *moved*: only the zone of the host differs from the era before.
    """

    def __init__(self, begin, schedules, offset, starts, moved=False):
        self.begin, self.end, self.schedules, self.offset, self.moved = begin, None, schedules, offset, moved
        self.starts = [begin + 1 if start is None else start for start in starts]

    def slots(self, until):
        """Return the slots of all schedules, without duplicates."""
        until = until if self.end is None else min(until, self.end)
        found = {slot for place in range(len(self.schedules)) for slot in self.of_one(place, until)}
        return sorted(slot for slot in found if slot > self.begin)

    def of_one(self, place, until):
        schedule, start = self.schedules[place], self.starts[place]
        if schedule.kind == "every":
            step = int(schedule.expression)
            first = start + step if schedule.anchor is None else start
            return range(first, until + 1, step)
        if schedule.kind == "at":
            return [start] if start <= until else []
        return [slot for slot in ALL_SLOTS[schedule.expression, self.offset] if slot <= until]

    def has_no_zone(self):
        """Return whether no zone of the host changes these schedules: all are intervals without an anchor."""
        return all(one.kind == "every" and one.anchor is None for one in self.schedules)

    def continued(self, schedule):
        """Return where *schedule*, of a later era, counts from if it is an interval; None: from its beginning."""
        every = [place for place, one in enumerate(self.schedules) if one.kind == "every"]
        if schedule.kind != "every" or schedule.anchor is not None or not every:
            return None
        alike = [place for place in every if self.schedules[place].expression == schedule.expression]
        place = (alike or every)[0]
        until = self.end
        anchored = self.schedules[place].anchor is not None
        # Without an anchor, instants before the era are no slots: the job was disabled then.
        passed = [slot for slot in self.of_one(place, until) if anchored or slot > self.begin]
        if passed:
            return passed[-1]
        return self.begin + 1 if anchored else self.starts[place]


class World:
    """A ledger, the jobs and the oracle's memory: *eras* are the schedules that were in force, by job."""

    def __init__(self, ledger, config, jobs):
        self.ledger = ledger
        self.now = self.last = BEGIN
        files = config.path.parent / "jobs.d"
        files.mkdir()
        # Every other job has a time zone of its own; the others follow the host.
        self.configured = {
            f"job{n}": msgspec.structs.replace(job, name=f"job{n}", source=files / f"job{n}.toml")
            for n, job in enumerate(jobs)
        }
        self.removed = set()
        self.config = config
        self.zone, self.kept = "UTC", None
        self.eras = {}
        self.offsets = defaultdict(set)  # those of the zones in which ticks planned each job
        self.taken = Counter()
        self.alive = {}
        self.ticks = []
        self.tried, self.failures = Counter(), Counter()
        self.approved, self.unstarted = set(), set()
        for job in self.configured.values():
            job.source.touch()

    def offset(self, name, zone):
        return ZONES[zone] if name in ("job0", "job2") else 0

    def read(self, zone):
        """Return the configuration as it is read now in *zone*."""
        jobs = Jobs()
        for name, job in self.configured.items():
            if name not in self.removed:
                schedules = tuple(self.realised(name, schedule, zone) for schedule in job.schedules)
                jobs[name] = msgspec.structs.replace(job, schedules=schedules)
        return msgspec.structs.replace(
            self.config, jobs=jobs, read_at=self.now, timezone=zone, of_host=True, problems=[]
        )

    def realised(self, name, schedule, zone):
        offset = self.offset(name, zone)
        anchor = None if schedule.anchor is None else schedule.anchor - offset
        return msgspec.structs.replace(
            schedule, zone=zone if name in ("job0", "job2") else "UTC", anchor=anchor
        )

    def edit(self, number, edit):
        """Change the configuration as a user would, at the present instant; return the name of the job."""
        name = sorted(self.configured)[number % len(self.configured)]
        job = self.configured[name]
        if isinstance(edit, tuple):
            self.configured[name] = msgspec.structs.replace(job, schedules=edit)
            self.removed.discard(name)
        elif edit == "remove":
            self.removed.add(name)
        elif edit is not None:
            self.configured[name] = msgspec.structs.replace(job, enabled=edit == "enable")
            self.removed.discard(name)
        if edit is not None:
            for path in (job.source, self.config.path):
                os.utime(path, (self.now, self.now))
        return name

    def command(self, name):
        """Put the edit of a job in force, as `scheduled edit` does."""
        zone = self.kept or self.zone
        self.record_edits(self.now, zone)
        self.last = self.now
        with self.ledger.transaction():
            registration.register(self.ledger, self.read(zone), self.now, made_now=[name])

    def record_edits(self, moment, zone):
        """Record for the oracle which schedules are in force from *moment* on."""
        for name, job in self.configured.items():
            wanted = job.schedules if job.enabled and name not in self.removed else None
            eras = self.eras.setdefault(name, [])
            open_era = eras[-1] if eras and eras[-1].end is None else None
            if set(wanted or ()) != set(open_era.schedules if open_era else ()):
                self.begin_era(name, wanted, moment, zone)

    def begin_era(self, name, wanted, moment, zone):
        eras = self.eras[name]
        last = eras[-1] if eras else None
        boundary = moment - moment % MINUTE - 1
        if last is not None and last.end is None:
            # A slot that was decided or claimed in the current minute still belongs to the old schedule.
            base = max([last.begin, *self.decided(name)])
            boundary = last.end = max(boundary, base)
            era = self.an_era(name, wanted or (), boundary, last, zone)
            last.end = None
            # So does an open one that the new schedule does not have.
            this_minute = [slot for slot in last.slots(moment) if slot > boundary]
            if this_minute and this_minute[-1] not in era.slots(moment):
                boundary = this_minute[-1]
            last.end = boundary
        elif last is not None:
            boundary = max(boundary, last.end)
        if wanted is not None:
            eras.append(self.an_era(name, wanted, boundary, last, zone))

    def an_era(self, name, schedules, boundary, last, zone):
        offset = self.offset(name, zone)
        starts = [
            schedule.anchor - offset if schedule.anchor is not None else last and last.continued(schedule)
            for schedule in schedules
        ]
        return Era(boundary, schedules, offset, starts)

    def decided(self, name):
        return [row.span.last for row in self.ledger.slot_rows() if row.job == name]

    def record_zone(self):
        """Record for the oracle that the host is in another zone from now on."""
        for name, eras in self.eras.items():
            offset = self.offset(name, self.zone)
            self.offsets[name].add(offset)
            last = eras[-1] if eras else None
            if last is None or last.end is not None or last.offset == offset or last.has_no_zone():
                continue
            last.end = max([self.now, last.begin, *self.decided(name)])
            moved = Era(last.end, last.schedules, offset, last.starts, moved=True)
            for place, schedule in enumerate(last.schedules):
                both = (last.starts[place], (schedule.anchor or 0) - offset)
                if schedule.kind == "at" and min(both) > last.end:
                    moved.starts[place] = schedule.anchor - offset
            eras.append(moved)

    def expected(self, name):
        return [slot for era in self.eras[name] for slot in era.slots(self.now)]

    def answer(self, answer):
        """Give the *answer* of a person to the runs that wait for approval; without one, the default if its time has come."""
        with self.ledger.transaction():
            for run in filter(approvals.is_asked, self.ledger.open_runs()):
                assert self.taken[run.run_id, 1] == 0, "a run without approval has started"
                denied_at = approvals.denied_at(self.configured[run.job], run)
                if answer == "approve":
                    self.ledger.retry_now(run.run_id, self.now)
                    self.approved.add(run.run_id)
                elif answer == "deny" or (denied_at is not None and denied_at <= self.now):
                    runtime = SimpleNamespace(config=self.config, zone="UTC")
                    give_up(self.ledger, runtime, run, approvals.DENIED, self.now)

    def asks(self, start):
        """Return whether *start* only waits for approval; let its run wait then."""
        job = self.config.jobs[start.claim.job]
        if start.again and job.approve is not None and start.claim.attempt == 1:
            by_default = job.approve.default == "approve"
            assert by_default or start.claim.run_id in self.approved or start.claim.run_id in self.unstarted
        if not asks(job, start):
            return False
        self.ledger.park(start.claim.run_id)
        return True

    def tick(self, fates, moment, *, gates, budget, answer):
        """Start the due runs, and the runs that follow runs that have ended, as a tick does."""
        self.ticks.append(self.now)
        claimant, fates, ended = Claimant(tick=f"tick{len(self.ticks)}", boot="", host=""), iter(fates), None
        self.config = config = self.read(self.zone)
        closed = frozenset(() if gates else [name for name, job in config.jobs.items() if job.only_if])
        moment = self.now if len(self.ticks) == 1 else max(self.last, min(moment, self.now))
        self.record_edits(moment, self.kept or self.zone)
        self.record_zone()
        self.last, self.kept = self.now, self.zone
        with self.ledger.transaction():
            registration.register(self.ledger, config, self.now)
        self.answer(answer)
        while ended is None or ended:
            with self.ledger.transaction():
                plan = planning.plan_and_record(
                    self.ledger, self.config, self.now, keys=ended, gates=Gates(closed=closed), budget=budget
                )
                if ended is None:
                    gaps.remember_tick(self.ledger, self.config.jobs, self.now)
                started = claims.take(self.ledger, plan.starts, claimant, self.now)
                self.hear(settle_superseded(self.ledger, self.context(), started))
                taken = [start.claim for start in started if not self.asks(start)]
            assert self.problems() == [], "an audit during a tick finds problems"
            budget = budget if budget is None else budget - len(taken)
            ended = {claim.key for claim in taken if self.begin(claim, next(fates, "success"))}
        with self.ledger.transaction():
            plan = planning.plan_and_record(
                self.ledger, self.config, self.now, gates=Gates(closed=closed), budget=budget and 0
            )
            planning.record_left_over(self.ledger, plan, self.now, ())

    def begin(self, claim, fate):
        """Begin a run and apply its fate. Return whether it has ended."""
        assert claim.job not in self.alive, "two runs of one job at once"
        self.taken[claim.run_id, claim.attempt] += fate != "unstarted"
        self.alive[claim.job] = claim.run_id
        self.apply_fate(claim.job, fate)
        return fate not in ("unstarted", "lives")

    def apply_fate(self, job, fate):
        """Apply *fate* to the run of a job."""
        with self.ledger.transaction():
            run = self.ledger.open_run(self.alive[job])
            if fate == "lives":
                self.ledger.started(run.run_id, run.attempt, self.now)
                return
            del self.alive[job]
            if fate == "unstarted" and run.status == "claimed":
                self.ledger.unclaim(run.run_id)
                self.unstarted.add(run.run_id)
                return
            attempt_result = AttemptResult(
                run_id=run.run_id, attempt=run.attempt, status="failed" if fate == "unstarted" else fate,
                started_at=self.now, finished_at=self.now, duration_ms=0,
            )  # fmt: skip
            self.tried[run.run_id] += fate != "deferred"
            self.hear(settle_attempt(self.ledger, self.context(), run, attempt_result, Reported()))

    def context(self):
        return SettleContext(jobs=self.config.jobs, now=self.now, zone="UTC", compose=lambda *_: [])

    def hear(self, events):
        self.failures.update(event.payload["run_id"] for event in events if event.name == "job_failed")

    def problems(self):
        """Return the problems that an audit finds now."""
        runs = [run.run_id for run in self.ledger.open_runs()]
        ledger = self.ledger
        return audit(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), runs, self.now).problems

    def check_rows(self):
        """Compare every row with the oracle's slots: each slot up to the position has exactly one verdict."""
        positions = {row.job: row.position for row in self.ledger.job_rows()}
        for name, position in positions.items():
            expected = self.expected(name)
            verdicts, unfinished = Counter(), []
            for row in self.ledger.slot_rows():
                if row.job == name:
                    members = [slot for slot in expected if row.span.first <= slot <= row.span.last]
                    assert (members[:1], members[-1:], len(members)) == (
                        [row.span.first], [row.span.last], row.span.count,
                    )  # fmt: skip
                    (verdicts.update if row.verdict is not None else unfinished.extend)(members)
            # The slot of a run that was in progress when its schedule changed gets its verdict later.
            closed = max((era.end for era in self.eras[name] if era.end is not None), default=BEGIN)
            due = [
                slot for slot in expected if slot <= position and not (slot in unfinished and slot <= closed)
            ]
            assert {slot: verdicts[slot] for slot in due} == dict.fromkeys(due, 1)
            assert (len(unfinished) <= 1, [slot for slot in verdicts if slot > position]) == (True, [])

    def first_start(self, job, slot, offset):
        """Return when the jitter and the quiet hours of *job*, in a zone with *offset*, first let *slot* run."""
        moment = slot + max(schedule.delay for schedule in job.schedules)
        window, minute = job.not_between, (moment + offset) // MINUTE % (24 * 60)
        if window is None:
            return moment
        wraps = window.end <= window.start
        inside = (
            (minute >= window.start or minute < window.end) if wraps else window.start <= minute < window.end
        )
        ends = moment - moment % MINUTE + (window.end - minute) % (24 * 60) * MINUTE
        return ends if inside else moment

    def was_missed(self, job, slot):
        """Return whether no tick came from *slot* until it was no longer on time: both, if the zone decides."""
        lasts = [self.first_start(job, slot, offset) + ON_TIME for offset in self.offsets[job.name]]
        return {not any(slot <= tick <= last for tick in self.ticks) for last in lasts}

    def unedited(self):
        """Return the expected slots of the jobs that had one schedule all the time, perhaps in several zones."""
        found = {name: eras for name, eras in self.eras.items() if eras and eras[-1].end is None}
        return {
            name: self.expected(name) for name, eras in found.items() if all(era.moved for era in eras[1:])
        }

    def check_skips(self):
        """With `catch_up = "none"` no slot is coalesced; it was missed or not, and superseded only by a newer one."""
        unedited = self.unedited()
        for row in self.ledger.slot_rows():
            job = self.configured[row.job]
            if job.catch_up != "none" or row.job not in unedited:
                assert row.reason.partition(":")[0] not in ("missed", "superseded") or job.catch_up == "none"
                continue
            assert row.verdict != "coalesced", row
            if row.verdict != "skipped" or row.run_id is not None:
                continue
            members = [slot for slot in unedited[row.job] if row.span.first <= slot <= row.span.last]
            missed = [self.was_missed(job, slot) for slot in members]
            assert all((row.reason == "missed") in found for found in missed), (row, missed)
            if row.reason.startswith("superseded"):
                assert unedited[row.job][-1] > row.span.last, row

    def check_superseded(self):
        """A run with an attempt that was superseded has failed; its slot has gone to the newer run, if it covers it."""
        runs = {run.run_id: run for run in self.ledger.history(limit=-1)}
        rows = {(row.job, row.span.first): row for row in self.ledger.slot_rows()}
        for run in runs.values():
            if not run.reason.startswith("superseded"):
                continue
            job, row, newer = self.configured[run.job], rows[run.job, run.slot], run.reason.rpartition(" ")[2]
            assert job.catch_up != "all", run
            assert run.status == ("failed" if self.tried[run.run_id] else "skipped"), run
            if job.catch_up == "latest":
                assert (row.verdict, row.run_id, row.reason) == ("coalesced", newer, ""), row
            else:
                assert (row.verdict, row.run_id, row.reason) == (run.status, run.run_id, run.reason), row
            assert not self.tried[run.run_id] or (runs[newer].slot > run.slot), run

    def check_failures(self):
        """Every run that has failed for good is counted once and makes one event."""
        failed = Counter(run.run_id for run in self.ledger.history(limit=-1) if run.status in FAILED)
        assert self.failures == failed
        counted = {row.job: row.failure_count for row in self.ledger.job_rows()}
        by_job = Counter(run.job for run in self.ledger.history(limit=-1) if run.status in FAILED)
        assert counted == {name: by_job[name] for name in counted}


def check(world):
    assert world.problems() == []
    world.check_rows()
    world.check_skips()
    world.check_superseded()
    world.check_failures()
    assert {key: times for key, times in world.taken.items() if times > 1} == {}


@settings(max_examples=300, deadline=None, phases=set(Phase) - {Phase.explain})
@given(st.lists(JOBS, min_size=1, max_size=3), st.lists(STEPS, min_size=1, max_size=12))
def test_every_slot_is_accounted_for_in_any_history(jobs, steps):
    with (
        tempfile.TemporaryDirectory(dir=FAST) as directory,
        closing(SqliteLedger(Path(directory) / "ledger.db")) as ledger,
    ):
        settings_file = Path(directory) / "scheduled.toml"
        settings_file.touch()
        world = World(ledger, load_config(settings_file), jobs)
        with patch.object(files, "load_config", lambda _, kept_zone: world.read(kept_zone())):
            for step in steps:
                go_on(world, *step)
                check(world)


def go_on(world, pause, fates, edit, ends, holds, change):
    percent, by_command, zone = change
    end = world.now + pause
    world.now += pause * percent // 100
    moment, name = world.now, world.edit(*edit)
    if by_command and world.ticks:
        world.command(name)
    world.now, world.zone = end, zone or world.zone
    for job in list(world.alive) if ends else ():
        world.apply_fate(job, fates[-1])
    world.tick(fates, moment, **holds)
