"""Ticks at random instants, with outages, failures and edits: no slot is lost or claimed twice.

The oracle does not use timetables: it finds the slots by testing each minute against the rule of the
schedule.
"""

import tempfile
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scheduled.config.files import load_config
from scheduled.core.audit import audit
from scheduled.core.jobs import Action, Gate, Job, Jobs, Retry, Window
from scheduled.core.records import Claimant
from scheduled.core.runs import FAILED, AttemptResult
from scheduled.engine import claims, gaps, planning
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
SCHEDULE = st.builds(
    msgspec.structs.replace,
    st.sampled_from([Schedule("cron", text) for text in CRON] + [Schedule("every", str(n)) for n in EVERY]),
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
    st.fixed_dictionaries({"gates": st.booleans(), "budget": st.sampled_from([None, None, 0, 1])}),
)  # fmt: skip


# All slots of each expression within a test's time span, found by testing every minute.
ALL_SLOTS = {
    text: [
        t
        for t in range(BEGIN - BEGIN % MINUTE, BEGIN + 30 * DAY, MINUTE)
        if rule(datetime.fromtimestamp(t, UTC))
    ]
    for text, rule in CRON.items()
}


def naive_slots(schedules, begin, end):
    """Return the slots of all schedules in (begin, end], without duplicates."""
    return sorted({slot for schedule in schedules for slot in slots_of_one(schedule, begin, end)})


def slots_of_one(schedule, begin, end):
    if schedule.kind == "every":
        return list(range(begin + 1 + int(schedule.expression), end + 1, int(schedule.expression)))
    return [slot for slot in ALL_SLOTS[schedule.expression] if begin < slot <= end]


class World:
    """A ledger, the jobs and the oracle's memory: *eras* are the schedules that were in force, by job."""

    def __init__(self, ledger, config, jobs):
        self.ledger = ledger
        self.now = BEGIN
        self.configured = {
            f"job{n}": msgspec.structs.replace(job, name=f"job{n}") for n, job in enumerate(jobs)
        }
        self.config = config
        self.config.jobs = Jobs(self.configured)
        self.eras = {}
        self.taken = Counter()
        self.alive = {}
        self.ticks = []
        self.tried, self.failures = Counter(), Counter()

    def edit(self, number, edit):
        """Change the configuration as a user would; the next tick sees the change."""
        name = sorted(self.configured)[number % len(self.configured)]
        job, jobs = self.configured[name], self.config.jobs
        if isinstance(edit, tuple):
            self.configured[name] = jobs[name] = msgspec.structs.replace(job, schedules=edit)
        elif edit == "remove":
            jobs.pop(name, None)
        elif edit is not None:
            self.configured[name] = jobs[name] = msgspec.structs.replace(job, enabled=edit == "enable")

    def record_eras(self):
        """Record for the oracle which schedules are in force from this minute on."""
        this_minute = self.now - self.now % MINUTE - 1
        for name in self.configured:
            job = self.config.jobs.get(name)
            wanted = job.schedules if job is not None and job.enabled else None
            eras = self.eras.setdefault(name, [])
            open_era = eras[-1] if eras and eras[-1][1] is None else None
            if set(wanted or ()) == set(open_era[2] if open_era else ()):
                continue
            # A slot that was decided or claimed in the current minute still belongs to the old schedule.
            decided = (
                [row.span.last for row in self.ledger.slot_rows() if row.job == name] if open_era else []
            )
            boundary = max(this_minute, *decided, open_era[0]) if open_era else this_minute
            if open_era:
                eras[-1] = (open_era[0], boundary, open_era[2])
            if wanted is not None:
                eras.append((boundary, None, wanted))

    def expected(self, name):
        return [slot for begin, end, schedules in self.eras[name]
                for slot in naive_slots(schedules, begin, self.now if end is None else end)]  # fmt: skip

    def tick(self, fates, *, gates, budget):
        """Start the due runs, and the runs that follow runs that have ended, as a tick does."""
        self.ticks.append(self.now)
        claimant, fates, ended = Claimant(tick=f"tick{len(self.ticks)}", boot="", host=""), iter(fates), None
        closed = frozenset(() if gates else [name for name, job in self.config.jobs.items() if job.only_if])
        self.record_eras()
        with self.ledger.transaction():
            planning.register(self.ledger, self.config, self.now)
        while ended is None or ended:
            with self.ledger.transaction():
                plan = planning.plan_and_record(
                    self.ledger, self.config, self.now, keys=ended, gates=Gates(closed=closed), budget=budget
                )
                if ended is None:
                    gaps.remember_tick(self.ledger, self.config.jobs, self.now)
                started = claims.take(self.ledger, plan.starts, claimant, self.now)
                self.hear(settle_superseded(self.ledger, self.context(), started))
                taken = [start.claim for start in started]
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
            closed = max((end for _, end, _ in self.eras[name] if end is not None), default=BEGIN)
            due = [
                slot for slot in expected if slot <= position and not (slot in unfinished and slot <= closed)
            ]
            assert {slot: verdicts[slot] for slot in due} == dict.fromkeys(due, 1)
            assert (len(unfinished) <= 1, [slot for slot in verdicts if slot > position]) == (True, [])

    def first_start(self, job, slot):
        """Return when the jitter and the quiet hours of *job* first let *slot* run."""
        moment = slot + max(schedule.delay for schedule in job.schedules)
        window = job.not_between
        if window is None:
            return moment
        wraps = window.end <= window.start
        while (minute := moment // MINUTE % (24 * 60)) is not None and (
            (minute >= window.start or minute < window.end) if wraps else window.start <= minute < window.end
        ):
            moment += MINUTE - moment % MINUTE
        return moment

    def was_missed(self, job, slot):
        """Return whether no tick came from *slot* until it was no longer on time."""
        last = self.first_start(job, slot) + ON_TIME
        return not any(slot <= tick <= last for tick in self.ticks)

    def check_skips(self):
        """With `catch_up = "none"` no slot is coalesced; it was missed or not, and superseded only by a newer one."""
        edited = {name for name, eras in self.eras.items() if len(eras) > 1 or any(era[1] for era in eras)}
        for row in self.ledger.slot_rows():
            job = self.configured[row.job]
            if job.catch_up != "none" or row.job in edited:
                assert row.reason not in ("missed", "superseded") or job.catch_up == "none"
                continue
            assert row.verdict != "coalesced", row
            if row.verdict != "skipped" or row.run_id is not None:
                continue
            members = [slot for slot in self.expected(row.job) if row.span.first <= slot <= row.span.last]
            missed = [self.was_missed(job, slot) for slot in members]
            assert all(missed) if row.reason == "missed" else not any(missed), (row, missed)
            if row.reason == "superseded":
                assert any(slot > row.span.last for slot in self.expected(row.job)), row

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
        for pause, fates, edit, ends, holds in steps:
            world.now += pause
            for job in list(world.alive) if ends else ():
                world.apply_fate(job, fates[-1])
            world.edit(*edit)
            world.tick(fates, **holds)
            check(world)
