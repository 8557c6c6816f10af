"""Simulate years of ticks in a minute: outages, kills, edits and wrong clocks, all drawn from one seed.

The runner, the ledger, the planner, settling and recovery are the real ones. The machine below them, in
tests/fixtures, is simulated. `Simulation.run` raises AssertionError at the first violation.
"""

import random
from datetime import UTC, datetime

from scheduled.config.last_targets import recall
from scheduled.core.approvals import needs_decision
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.engine import registration
from scheduled.engine import tick as runner
from scheduled.state import directories
from tests.fixtures import asking_jobs, random_features, random_jobs, sessions
from tests.fixtures.eras import keys
from tests.fixtures.oracle import CADENCE, Oracle
from tests.fixtures.simulated_machine import NEVER, Machine
from tests.fixtures.simulated_runtime import MemoryLedger, Published, SimulatedRuntime, printing, set_up
from tests.property.feature_changes import INTERVALS, FeatureChanges

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365.25 * DAY
BEGIN = datetime(2026, 1, 5, 9, 58, 20, tzinfo=UTC).timestamp()
QUIET_END = 15 * DAY  # longer than all retries of a run
YEAR_2037 = datetime(2037, 6, 1, 3, 4, 5, tzinfo=UTC).timestamp()


START = 1.5  # seconds from the full minute until the first line of Python runs


def _next_tick_time(instant):
    return (instant - START) // CADENCE * CADENCE + CADENCE + START if instant < NEVER else NEVER


class Simulation(FeatureChanges):
    """One history, completely determined by its *seed*. *disturbances* is their average number in a month.

    With *features*, there are also the jobs of `random_features`; *asking*: those of `asking_jobs`.
    """

    def __init__(self, seed, directory, patch, jobs=6, disturbances=6.0, *, features=False, asking=False):
        self.seed, self.random = seed, random.Random(f"{seed} history")
        self.disturbances = disturbances
        self.directory = directory
        self.machine = Machine(seed, BEGIN, self._fate)
        self.oracle = self.machine.watch = Oracle(self.machine, random_jobs.STEADY)
        self.ledger = MemoryLedger(self.machine, self.oracle)
        self.published, self.edited = Published(), True
        self.tables, self.skew, self.ticks, self.happened = random_jobs.draw(self.random, jobs), 0.0, 0, []
        self.features = random.Random(f"{seed} features") if features else None
        if features:
            self.tables |= random_features.draw(self.features)
            self.oracle.max_sessions = random_features.MAX_SESSIONS
            sessions.add(patch)
        if asking:
            self.tables |= asking_jobs.draw(random.Random(f"{seed} asking"))
        self.stepped, self.ticking, self.finishing, self.removed = False, True, False, {}
        self.host_zone = self.random.choice(HOST_ZONES)
        set_up(
            patch,
            self.machine,
            self.ledger,
            self.published,
            lambda: self.host_zone,
            lambda: self.oracle.written_at,
        )
        self.config_file, self.gate = directory / "scheduled.toml", directory / "gate"
        self.gate.touch()
        self.oracle.guard = directory / "gate-guard"
        self.oracle.guard.touch()
        self.oracle.listing = directory / "gate-list"
        self._list("north", "south")
        self.editable = [name for name in random_jobs.EDITABLE if name in self.tables]
        self.max_runs = self.random.choice([None, None, 4])
        self._write()
        directories.prepare(SimulatedRuntime(self.config_file, directory / "state", self.ledger).paths)

    def _fate(self, spec, chances):
        if self.finishing:
            return 10.0, "success"
        return (random_jobs if self.features is None else random_features).fate(spec, chances)

    # Time
    def run(self, years):
        """Simulate *years*, then repair everything and check the end."""
        end = self.real_time() + years * YEAR
        self.machine.peril_rate = 1 / 1500
        self.machine.at(10 * DAY, self._disturb)
        self.machine.at(DAY, self._check)
        self.machine.at(7 * DAY, self._audit)
        while self.real_time() < end:
            self._step()
        self._finish()

    def summary(self):
        """Return how much happened, in words."""
        oracle, deaths = self.oracle, self.machine.deaths
        attempts = sum(map(len, oracle.attempts.values()))
        return (
            f"{self.ticks} ticks, {attempts} attempts, {oracle.slots} slots, {len(self.happened)} disturbances,"
            f" {deaths} kills and power cuts"
        )

    def real_time(self):
        """Return the time of a correct clock."""
        return self.machine.wall() - self.skew

    def _step(self):
        tick, event = self._next_tick(), self.machine.next_event()
        if tick < event:
            self.machine.mono = tick
            self._tick()
        else:
            self.machine.advance(event)

    def _next_tick(self):
        """Return when cron starts the next tick that is not idle."""
        if not self.ticking:
            return NEVER
        beat = _next_tick_time(self.machine.wall())
        if not (self.edited or self.ledger.changed) and self.published.is_idle(beat, self.machine.boot):
            beat = max(beat, _next_tick_time(self.published.due - START - 0.001))
        elif self._finds_only_running_jobs(beat):
            beat = max(beat, _next_tick_time(self._next_due_change() - START - 0.001))
        return beat - self.machine.offset

    def _finds_only_running_jobs(self, beat):
        """Return whether the tick would find only running jobs.

        Most of these ticks are left out of the simulation.
        """
        checked, due = self.published.beat, self.published.due
        return (
            due is not None
            and due <= checked > beat - 2 * CADENCE
            and not (self.edited or self.ledger.changed)
        )

    def _next_due_change(self):
        running = {run.key for run in self.ledger.open_runs() if run.status != "waiting_retry"}
        soon = [
            row.next_due
            for row in self.ledger.job_rows()
            if row.next_due is not None
            and (
                row.next_due > self.published.beat
                or not (row.open_reason not in (None, "budget", "queued", "due") or row.key in running)
            )
        ]
        # A slot that comes due during a run has to be seen in time.
        eras = [self.oracle.in_force(JobKey(name)) for name in random_features.OVERLAPPING if self.features]
        soon += [era.upcoming(int(self.published.beat))[0] for era in eras if era is not None]
        return min([*soon, self.machine.wall() + 24 * CADENCE])

    def _tick(self, **how):
        self.ticks += 1
        self.machine.note(f"tick {how or ''}")
        self.edited = False
        self.machine.start_tick(lambda: self._body(how))

    def _body(self, how):
        runtime = SimulatedRuntime(self.config_file, self.directory / "state", self.ledger)
        self.oracle.sees(runtime, by_hand="manual" in how)
        stepped, self.stepped = self.stepped, False
        with printing(runtime):
            runner.tick(runtime, **how)
        if stepped:
            self.oracle.check_next()

    def _write(self):
        self.config_file.write_text(
            random_jobs.text(self.tables, self.max_runs, str(self.gate), self.oracle.max_sessions)
        )
        self.oracle.written_at = self.machine.wall()
        self.edited = True

    def _check(self):
        self.oracle.check()
        self.machine.at(self.machine.mono + 5 * DAY, self._check)

    def _audit(self):
        # An idle tick has seen all slots up to now.
        seen = self.machine.wall() - START
        idle = self.published.is_idle(seen, self.machine.boot) and not self.ledger.changed
        self.oracle.audit(seen if idle else None)
        self.machine.at(self.machine.mono + 20 * DAY, self._audit)

    # Disturbances
    def _disturb(self):
        """Cause a random disturbance and schedule the next one."""
        if self.finishing:
            return
        pause = self.random.expovariate(self.disturbances / (30 * DAY))
        self.machine.at(self.machine.mono + pause, self._disturb)
        if self.features is not None and self.features.random() < 0.25:
            disturbance = self.features.choice(CHANGES)
        else:
            disturbance = self.random.choices(DISTURBANCES, WEIGHTS)[0]
        self.happened.append(disturbance.__name__)
        self.machine.note(disturbance.__name__)
        disturbance(self)

    def later(self, seconds, action, *arguments):
        """Call *action* after *seconds* in which the machine is awake."""
        self.machine.at(self.machine.mono + seconds, lambda: action(*arguments))

    def _duration(self):
        """Return a random duration of a disturbance: minutes to weeks."""
        return self.random.choice(
            [10 * MINUTE, HOUR, 8 * HOUR, DAY, 3 * DAY, 20 * DAY]
        ) * self.random.uniform(0.3, 1.5)

    def power_cut(self):
        self.machine.power_cut()
        self.machine.offset += self._duration()

    def sleep(self):
        self.machine.suspend(self._duration())

    def cron_stops(self):
        self.machine.disturb()
        self.ticking = False
        self.later(self._duration(), self._cron_starts)

    def _cron_starts(self):
        self.machine.disturb()
        self.ticking = True

    def set_clock(self, seconds):
        """Move the clock by *seconds*, and remember the error in `skew`."""
        machine = self.machine
        machine.disturb()
        self.published.beat = (
            machine.wall() - machine.wall() % CADENCE if self.ticking else self.published.beat
        )
        machine.offset += seconds
        self.skew += seconds
        self.stepped = True
        self.oracle.went_back = self.oracle.went_back or seconds < 0

    def clock_is_off(self):
        """Set the clock wrong, and correct it some time later."""
        offset = self.random.choice(
            [-MINUTE, -4 * MINUTE, -50 * MINUTE, -3 * HOUR, -DAY, 40 * MINUTE, 30 * HOUR, 9 * DAY]
        )
        self.set_clock(offset * self.random.uniform(0.5, 1.0))
        self.later(self.random.choice([HOUR, DAY]) * self.random.random(), self._correct_clock)

    def clock_is_years_off(self):
        """Set the clock to 2037 or ten years back, and correct it later."""
        offset = self.random.choice([YEAR_2037 - self.machine.wall(), -10 * YEAR])
        self.set_clock(offset)
        self.later(self.random.choice([HOUR, DAY]) * self.random.random(), self._correct_clock)

    def _correct_clock(self):
        self.set_clock(-self.skew)

    def edit(self):
        """Change the schedule of a job."""
        name = self.random.choice(self.editable)
        if name not in self.tables:
            return
        table = self.tables[name]
        table.pop("every", None), table.pop("cron", None)
        if self.random.random() < 0.25:
            table["every"] = self.random.choice(INTERVALS)
        else:
            table["cron"] = self.random.choice(SCHEDULES)
        self._write()

    def travel(self):
        """Take the machine to another zone, or give its zone another name."""
        self.host_zone = self.random.choice(HOST_ZONES)
        self.edited = True

    def command(self):
        """Change the command of a job, which begins no epoch."""
        name = self.random.choice(self.editable)
        if "command" in self.tables.get(name, {}):
            self.tables[name]["command"] = ["true", str(self.random.random())]
            self._write()

    def disable(self):
        name = self.random.choice(self.editable)
        self._override(name, False)
        self.later(self._duration(), self._enable, name)

    def _enable(self, name):
        self._override(name, None)

    def _override(self, name, enabled):
        """Enable or disable a job as the command does."""
        with self.ledger.transaction():
            self.ledger.override(JobKey(name), enabled)
            runtime = SimulatedRuntime(
                self.config_file, self.directory / "state", self.ledger, keeps_zone=True
            )
            runtime.config.override(self.ledger.overrides())
            recall(runtime.config, self.ledger)
            self.oracle.commands(runtime, [name])
            registration.register(self.ledger, runtime.config, int(self.machine.wall()), made_now=[name])

    def remove(self):
        name = self.random.choice(self.editable)
        if name in self.tables:
            table = self.removed[name] = self.tables.pop(name)
            self._write()
            self.later(self._duration(), self._add, name, table)

    def _add(self, name, table):
        self.tables.setdefault(name, table)
        self._write()

    def misspell(self):
        """Leave an error in a job table for a while. The job is neither changed nor removed then."""
        name = self.random.choice(self.editable)
        if name in self.tables and "timeot" not in self.tables[name]:
            self.tables[name]["timeot"] = "1h"
            self.oracle.unsure.add(name)
            self._write()
            self.later(self._duration(), self._correct, self.tables[name])

    def _correct(self, table):
        table.pop("timeot", None)
        self._write()

    def pause(self):
        """Pause a job, or all jobs, until some time or until they are resumed."""
        name = self.random.choice([*self.editable, "", ""])
        until = self.random.choice([None, int(self.machine.wall() + self._duration())])
        with self.ledger.transaction():
            self.ledger.pause(JobKey(name), until)
        if not name:
            self.oracle.hold_up()
        self.later(self._duration(), self._resume, name)

    def _resume(self, name):
        with self.ledger.transaction():
            self.ledger.resume(JobKey(name))
        if not name:
            self.oracle.go_on()

    def run_manually(self):
        runtime = SimulatedRuntime(self.config_file, self.directory / "state", self.ledger)
        recall(runtime.config, self.ledger)
        job = runtime.config.jobs[self.random.choice(list(runtime.config.jobs))]
        self._tick(manual=[ManualRequest(key.job, target=key.target) for key in keys(job)])

    def emit(self):
        (self.directory / "state" / "spool" / "disk_full.json").write_text('{"disk": "/"}')
        self.edited = True

    def gate_closes(self):
        self.gate.unlink(missing_ok=True)
        self.later(self._duration(), self.gate.touch)

    def busy_days(self):
        """Enable a job with many slots for a while."""
        self._override("dense", True)
        self.later(self.random.uniform(0.2, 1.5) * DAY, self._enable, "dense")

    def kill_waiting(self):
        """Kill a tick that waits for a long job, its supervisor, or both; or send SIGTERM to the tick."""
        if self.machine.runners:
            runner = self.random.choice(self.machine.runners)
            self.machine.disturb()
            victim = self.random.choice(["runner", "supervisor", "both", "terminate"])
            if victim == "terminate":
                runner.handlers[15]()
            if victim in ("supervisor", "both"):
                self.machine.kill_supervisors(runner)
            if victim in ("runner", "both"):
                self.machine.kill(runner)
            else:
                self.machine.go_on(runner)

    def answer(self):
        """Start the runs that wait for the user, one of each job: they were interrupted, or ask for approval."""
        asking = {run.key: run for run in self.ledger.open_runs() if needs_decision(run)}
        jobs = SimulatedRuntime(self.config_file, self.directory / "state", self.ledger).config.jobs
        requests = [
            ManualRequest(run.job, run_id=run.run_id, target=run.target)
            for run in asking.values()
            if run.job in jobs
        ]
        if requests:
            self._tick(manual=requests)

    # The end
    def _finish(self):
        """Stop all disturbances, repair everything, and check that every run and slot is finished."""
        self.machine.peril_rate, self.finishing = 0.0, True
        self._correct_clock()
        self._cron_starts()
        self.gate.touch()
        self._list("north", "south")
        self._restore_configuration()
        end = self.machine.mono + QUIET_END
        while self.machine.mono < end or self.machine.runners:
            self._step()
            self.answer()
        self.oracle.check()
        self.oracle.audit(None)
        self.oracle.check_all_is_done()

    def _restore_configuration(self):
        for name, table in self.removed.items():
            self.tables.setdefault(name, table)
        for table in self.tables.values():
            table.pop("timeot", None)
        self._write()
        for key in self.ledger.overrides():
            self._override(key.job, None)
        with self.ledger.transaction():
            for key in self.ledger.pauses(0):
                self.ledger.resume(key)


HOST_ZONES = ("Asia/Kolkata", "Asia/Calcutta", "Asia/Tehran", "Asia/Beirut")
SCHEDULES = (
    "30 2 * * *",
    "0,30 1-3 * * 0",
    "15 0 * * *",
    "45 14 * * 6",
    "7 */6 * * 0",
    "0 4 * * 0",
    "0 5 1 * *",
)
CHANCES = {
    Simulation.power_cut: 3, Simulation.sleep: 3, Simulation.cron_stops: 1, Simulation.clock_is_off: 2,
    Simulation.clock_is_years_off: 0.2, Simulation.edit: 2, Simulation.travel: 1, Simulation.command: 1, Simulation.disable: 2,
    Simulation.remove: 2, Simulation.misspell: 1, Simulation.pause: 2, Simulation.run_manually: 3, Simulation.emit: 2,
    Simulation.gate_closes: 1, Simulation.busy_days: 1, Simulation.kill_waiting: 2,
    Simulation.answer: 2,
}  # fmt: skip
CHANGES = (
    Simulation.retarget,
    Simulation.relist,
    Simulation.reschedule,
    Simulation.guard_closes,
)  # with features
DISTURBANCES, WEIGHTS = list(CHANCES), list(CHANCES.values())
