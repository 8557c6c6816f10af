"""Ticks at random instants, with outages, failures, interruptions and edits: no slot is lost, none is taken twice.

The oracle knows nothing of timetables: it walks through the time step by step and asks each rule about the clock.
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
from scheduled.core.runs import AttemptResult
from scheduled.engine import claims, planning
from scheduled.engine.planning import Gates
from scheduled.engine.settle import SettleContext, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.schedules.schedule import Schedule
from scheduled.state.sqlite.ledger import SqliteLedger

BEGIN = int(datetime(2026, 2, 3, 5, 58, 20, tzinfo=UTC).timestamp())
MINUTE, HOUR, DAY = 60, 3600, 86400
FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # every transaction is fsynced
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
# Mostly one, as people have it; of two, one may be the other once more, or share slots with it.
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
# What becomes of a run that a tick started: it ends, it outlives the tick, or it was never started.
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


# Every slot that each expression has while a test lasts, found by asking its rule about every single minute.
ALL_SLOTS = {
    text: [
        t
        for t in range(BEGIN - BEGIN % MINUTE, BEGIN + 30 * DAY, MINUTE)
        if rule(datetime.fromtimestamp(t, UTC))
    ]
    for text, rule in CRON.items()
}


def naive_slots(schedules, begin, end):
    """Return the slots in (begin, end] that any of the schedules has."""
    return sorted({slot for schedule in schedules for slot in slots_of_one(schedule, begin, end)})


def slots_of_one(schedule, begin, end):
    if schedule.kind == "every":
        return list(range(begin + 1 + int(schedule.expression), end + 1, int(schedule.expression)))
    return [slot for slot in ALL_SLOTS[schedule.expression] if begin < slot <= end]


class Household:
    """A ledger, the jobs, and what the oracle remembers: *eras* are the schedules that were in force, by job."""

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
        self.ticks = 0

    def edit(self, number, edit):
        """Change the configuration as a person would; the next tick sees it."""
        name = sorted(self.configured)[number % len(self.configured)]
        job, jobs = self.configured[name], self.config.jobs
        if isinstance(edit, tuple):
            self.configured[name] = jobs[name] = msgspec.structs.replace(job, schedules=edit)
        elif edit == "remove":
            jobs.pop(name, None)
        elif edit is not None:
            self.configured[name] = jobs[name] = msgspec.structs.replace(job, enabled=edit == "enable")

    def note_eras(self):
        """Let the oracle see which schedules are in force from this minute on."""
        this_minute = self.now - self.now % MINUTE - 1
        for name in self.configured:
            job = self.config.jobs.get(name)
            wanted = job.schedules if job is not None and job.enabled else None
            eras = self.eras.setdefault(name, [])
            open_era = eras[-1] if eras and eras[-1][1] is None else None
            if set(wanted or ()) == set(open_era[2] if open_era else ()):
                continue
            # A slot that was decided on, or taken, in this very minute stays the old schedule's.
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
        """Start what is due, and what follows from what has ended, as a tick does."""
        self.ticks += 1
        claimant, fates, told = Claimant(tick=f"tick{self.ticks}", boot="", host=""), iter(fates), None
        closed = frozenset(() if gates else [name for name, job in self.config.jobs.items() if job.only_if])
        self.note_eras()
        with self.ledger.transaction():
            planning.register(self.ledger, self.config, self.now)
        while told is None or told:
            with self.ledger.transaction():
                plan = planning.plan_and_note(
                    self.ledger, self.config, self.now, keys=told, gates=Gates(closed=closed), budget=budget
                )
                taken = [start.claim for start in claims.take(self.ledger, plan.starts, claimant, self.now)]
            assert self.problems() == [], "an audit beside a tick accuses it"
            budget = budget if budget is None else budget - len(taken)
            told = {claim.key for claim in taken if self.begin(claim, next(fates, "success"))}
        with self.ledger.transaction():
            plan = planning.plan_and_note(
                self.ledger, self.config, self.now, gates=Gates(closed=closed), budget=budget and 0
            )
            planning.record_left_over(self.ledger, plan, self.now, ())

    def begin(self, claim, fate):
        """Begin a run, which meets its fate; return whether it has ended."""
        assert claim.job not in self.alive, "two runs of one job at once"
        self.taken[claim.run_id, claim.attempt] += fate != "unstarted"
        self.alive[claim.job] = claim.run_id
        self.meet(claim.job, fate)
        return fate not in ("unstarted", "lives")

    def meet(self, job, fate):
        """Let what happens to the job's run happen."""
        with self.ledger.transaction():
            run = self.ledger.open_run(self.alive[job])
            if fate == "lives":
                self.ledger.started(run.run_id, run.attempt, self.now)
                return
            del self.alive[job]
            if fate == "unstarted" and run.status == "claimed":
                self.ledger.unclaim(run.run_id)
                return
            ending = AttemptResult(
                run_id=run.run_id, attempt=run.attempt, status="failed" if fate == "unstarted" else fate,
                started_at=self.now, finished_at=self.now, duration_ms=0,
            )  # fmt: skip
            context = SettleContext(jobs=self.config.jobs, now=self.now, zone="UTC", compose=lambda *_: [])
            settle_attempt(self.ledger, context, run, ending, Reported())

    def problems(self):
        """Return what an audit finds."""
        runs = [run.run_id for run in self.ledger.open_runs()]
        ledger = self.ledger
        return audit(ledger.epochs(), ledger.slot_rows(), ledger.job_rows(), runs, self.now).problems

    def check_rows(self):
        """Hold every row against the oracle's slots: each slot up to the position has exactly one verdict."""
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
            # A run that was under way when its schedule was changed brings its verdict later.
            closed = max((end for _, end, _ in self.eras[name] if end is not None), default=BEGIN)
            due = [
                slot for slot in expected if slot <= position and not (slot in unfinished and slot <= closed)
            ]
            assert {slot: verdicts[slot] for slot in due} == dict.fromkeys(due, 1)
            assert (len(unfinished) <= 1, [slot for slot in verdicts if slot > position]) == (True, [])


def check(household):
    assert household.problems() == []
    household.check_rows()
    assert {key: times for key, times in household.taken.items() if times > 1} == {}


@settings(max_examples=300, deadline=None, phases=set(Phase) - {Phase.explain})
@given(st.lists(JOBS, min_size=1, max_size=3), st.lists(STEPS, min_size=1, max_size=12))
def test_every_slot_is_accounted_for_whatever_happens(jobs, steps):
    with (
        tempfile.TemporaryDirectory(dir=FAST) as directory,
        closing(SqliteLedger(Path(directory) / "ledger.db")) as ledger,
    ):
        settings_file = Path(directory) / "scheduled.toml"
        settings_file.touch()
        household = Household(ledger, load_config(settings_file), jobs)
        for pause, fates, edit, ends, holds in steps:
            household.now += pause
            for job in list(household.alive) if ends else ():
                household.meet(job, fates[-1])
            household.edit(*edit)
            household.tick(fates, **holds)
            check(household)
