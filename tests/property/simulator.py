"""Years of ticks in a minute: outages, kills, edits and wrong clocks, all drawn from one seed.

The runner, the ledger, the planner, settling and adoption are the real ones; see tests/fixtures for what they
stand on. `Simulation.run` raises AssertionError with the first thing that is not as it has to be.
"""

import random
from datetime import UTC, datetime

from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick as runner
from scheduled.state import directories
from tests.fixtures import random_jobs
from tests.fixtures.oracle import CADENCE, Oracle
from tests.fixtures.simulated_machine import NEVER, Machine
from tests.fixtures.simulated_runtime import MemoryLedger, Published, SimulatedRuntime, set_up

MINUTE, HOUR, DAY = 60, 3600, 86400
YEAR = 365.25 * DAY
BEGIN = datetime(2026, 1, 5, 9, 58, 20, tzinfo=UTC).timestamp()
REST = 15 * DAY  # longer than all retries of a run
YEAR_2037 = datetime(2037, 6, 1, 3, 4, 5, tzinfo=UTC).timestamp()


START = 1.5  # what cron and Python need before the first line runs


def _next_beat(instant):
    return (instant - START) // CADENCE * CADENCE + CADENCE + START if instant < NEVER else NEVER


class Simulation:
    """One history, wholly determined by its *seed*; *trouble* is how many things happen to it in a month."""

    def __init__(self, seed, directory, patch, jobs=6, trouble=6.0):
        self.seed, self.random, self.trouble = seed, random.Random(f"{seed} history"), trouble
        self.directory = directory
        self.machine = Machine(seed, BEGIN, self._fate)
        self.oracle = self.machine.watch = Oracle(self.machine, random_jobs.STEADY)
        self.ledger = MemoryLedger(self.machine, self.oracle)
        self.published, self.edited = Published(), True
        self.tables, self.skew, self.ticks, self.happened = random_jobs.draw(self.random, jobs), 0.0, 0, []
        self.stepped, self.ticking, self.resting, self.removed = False, True, False, {}
        set_up(patch, self.machine, self.ledger, self.published)
        self.config_file, self.gate = directory / "scheduled.toml", directory / "gate"
        self.gate.touch()
        self.editable = [name for name in random_jobs.EDITABLE if name in self.tables]
        self.max_runs = self.random.choice([None, None, 4])
        self._write()
        directories.prepare(SimulatedRuntime(self.config_file, directory / "state", self.ledger).paths)

    def _fate(self, spec, chances):
        return (10.0, "success") if self.resting else random_jobs.fate(spec, chances)

    # The course of time
    def run(self, years):
        """Live through *years*, then let everything come to rest."""
        end = self.real_time() + years * YEAR
        self.machine.peril_rate = 1 / 1500
        self.machine.at(10 * DAY, self._something_happens)
        self.machine.at(DAY, self._check)
        self.machine.at(7 * DAY, self._audit)
        while self.real_time() < end:
            self._step()
        self._come_to_rest()

    def summary(self):
        """Say how much happened."""
        oracle, deaths = self.oracle, self.machine.deaths
        attempts = sum(map(len, oracle.attempts.values()))
        return (
            f"{self.ticks} ticks, {attempts} attempts, {oracle.slots} slots, {len(self.happened)} troubles,"
            f" {deaths} sudden deaths"
        )

    def real_time(self):
        """Return what a right clock would show."""
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
        beat = _next_beat(self.machine.wall())
        if not (self.edited or self.ledger.changed) and self.published.is_idle(beat, self.machine.boot):
            beat = max(beat, _next_beat(self.published.due - START - 0.001))
        elif self._merely_runs(beat):
            beat = max(beat, _next_beat(self._next_news() - START - 0.001))
        return beat - self.machine.offset

    def _merely_runs(self, beat):
        """While something runs every tick has a look; most of these are left out."""
        looked, due = self.published.beat, self.published.due
        return (
            due is not None
            and due <= looked > beat - 2 * CADENCE
            and not (self.edited or self.ledger.changed)
        )

    def _next_news(self):
        running = {run.job for run in self.ledger.open_runs() if run.status != "waiting_retry"}
        soon = [
            row.next_due
            for row in self.ledger.job_rows()
            if row.next_due is not None
            and (
                row.next_due > self.published.beat
                or not (row.open_reason not in (None, "budget") or row.job in running)
            )
        ]
        return min([*soon, self.machine.wall() + 24 * CADENCE])

    def _tick(self, **how):
        self.ticks += 1
        self.machine.note(f"tick {how or ''}")
        self.edited = False
        self.machine.start_tick(lambda: self._body(how))

    def _body(self, how):
        house = SimulatedRuntime(self.config_file, self.directory / "state", self.ledger)
        self.oracle.sees(house)
        stepped, self.stepped = self.stepped, False
        runner.tick(house, **how)
        if stepped:
            self.oracle.check_next()

    def _write(self):
        self.config_file.write_text(random_jobs.text(self.tables, self.max_runs, str(self.gate)))
        self.edited = True

    def _check(self):
        self.oracle.check()
        self.machine.at(self.machine.mono + 5 * DAY, self._check)

    def _audit(self):
        # A tick that found nothing due has seen all there was.
        seen = self.machine.wall() - START
        idle = self.published.is_idle(seen, self.machine.boot) and not self.ledger.changed
        self.oracle.audit(seen if idle else None)
        self.machine.at(self.machine.mono + 20 * DAY, self._audit)

    # What happens
    def _something_happens(self):
        """Let one of the troubles of this world come, and appoint the next."""
        if self.resting:
            return
        pause = self.random.expovariate(self.trouble / (30 * DAY))
        self.machine.at(self.machine.mono + pause, self._something_happens)
        number = self.random.choices(range(len(TROUBLES)), WEIGHTS)[0]
        trouble = TROUBLES[number]
        self.happened.append(trouble.__name__)
        self.machine.note(trouble.__name__)
        trouble(self)

    def later(self, seconds, action, *arguments):
        """Have *action* happen after a while in which the machine is awake."""
        self.machine.at(self.machine.mono + seconds, lambda: action(*arguments))

    def _while(self):
        """Return for how long a trouble lasts: minutes to weeks."""
        return self.random.choice(
            [10 * MINUTE, HOUR, 8 * HOUR, DAY, 3 * DAY, 20 * DAY]
        ) * self.random.uniform(0.3, 1.5)

    def power_cut(self):
        self.machine.power_cut()
        self.machine.offset += self._while()

    def sleep(self):
        self.machine.disturb()
        self.machine.offset += self._while()

    def cron_stops(self):
        self.machine.disturb()
        self.ticking = False
        self.later(self._while(), self._cron_starts)

    def _cron_starts(self):
        self.machine.disturb()
        self.ticking = True

    def set_clock(self, seconds):
        """Set the clock; the right time is remembered."""
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
        """Set the clock wrong, and right again some time later."""
        way = self.random.choice(
            [-MINUTE, -4 * MINUTE, -50 * MINUTE, -3 * HOUR, -DAY, 40 * MINUTE, 30 * HOUR, 9 * DAY]
        )
        self.set_clock(way * self.random.uniform(0.5, 1.0))
        self.later(self.random.choice([HOUR, DAY]) * self.random.random(), self._clock_is_mended)

    def clock_is_years_off(self):
        """Boot in 2037, or ten years ago."""
        way = self.random.choice([YEAR_2037 - self.machine.wall(), -10 * YEAR])
        self.set_clock(way)
        self.later(self.random.choice([HOUR, DAY]) * self.random.random(), self._clock_is_mended)

    def _clock_is_mended(self):
        self.set_clock(-self.skew)

    def edit(self):
        """Write another schedule for a job."""
        name = self.random.choice(self.editable)
        if name not in self.tables:
            return
        table = self.tables[name]
        table.pop("every", None)
        table["cron"] = self.random.choice(SCHEDULES)
        self._write()

    def command(self):
        """Write another command, or other retries; this begins no epoch."""
        name = self.random.choice(self.editable)
        if "command" in self.tables.get(name, {}):
            self.tables[name]["command"] = ["true", str(self.random.random())]
            self._write()

    def disable(self):
        name = self.random.choice(self.editable)
        with self.ledger.transaction():
            self.ledger.override(JobKey(name), False)
        self.later(self._while(), self._enable, name)

    def _enable(self, name):
        with self.ledger.transaction():
            self.ledger.override(JobKey(name), None)

    def remove(self):
        name = self.random.choice(self.editable)
        if name in self.tables:
            table = self.removed[name] = self.tables.pop(name)
            self._write()
            self.later(self._while(), self._add, name, table)

    def _add(self, name, table):
        self.tables.setdefault(name, table)
        self._write()

    def misspell(self):
        """Leave a fault in a job for a while: it is left alone, and not gone."""
        name = self.random.choice(self.editable)
        if name in self.tables and "timeot" not in self.tables[name]:
            self.tables[name]["timeot"] = "1h"
            self.oracle.unsure.add(name)
            self._write()
            self.later(self._while(), self._correct, self.tables[name])

    def _correct(self, table):
        table.pop("timeot", None)
        self._write()

    def pause(self):
        """Pause a job, or everything, until some time or until somebody resumes it."""
        name = self.random.choice([*self.editable, "", ""])
        until = self.random.choice([None, int(self.machine.wall() + self._while())])
        with self.ledger.transaction():
            self.ledger.pause(JobKey(name), until)
        if not name:
            self.oracle.hold_up()
        self.later(self._while(), self._resume, name)

    def _resume(self, name):
        with self.ledger.transaction():
            self.ledger.resume(JobKey(name))
        if not name:
            self.oracle.go_on()

    def by_hand(self):
        house = SimulatedRuntime(self.config_file, self.directory / "state", self.ledger)
        self._tick(manual=[ManualRequest(self.random.choice(list(house.config.jobs)))])

    def emit(self):
        (self.directory / "state" / "spool" / "disk_full.json").write_text('{"disk": "/"}')
        self.edited = True

    def gate_closes(self):
        self.gate.unlink(missing_ok=True)
        self.later(self._while(), self.gate.touch)

    def busy_days(self):
        """Have a job for a while that is due all the time."""
        with self.ledger.transaction():
            self.ledger.override(JobKey("dense"), True)
        self.later(self.random.uniform(0.2, 1.5) * DAY, self._enable, "dense")

    def kill_waiting(self):
        """Kill a tick that waits for a long job, its supervisor, or both; or end it politely."""
        if self.machine.runners:
            runner = self.random.choice(self.machine.runners)
            self.machine.disturb()
            way = self.random.choice(["runner", "supervisor", "both", "terminate"])
            if way == "terminate":
                runner.handlers[15]()
            if way in ("supervisor", "both"):
                self.machine.kill_supervisors(runner)
            if way in ("runner", "both"):
                self.machine.kill(runner)
            else:
                self.machine.go_on(runner)

    def answer(self):
        """Say what is to become of the runs that ask."""
        asking = [
            run for run in self.ledger.open_runs() if run.status == "waiting_retry" and run.retry_at is None
        ]
        jobs = SimulatedRuntime(self.config_file, self.directory / "state", self.ledger).config.jobs
        requests = [ManualRequest(run.job, run_id=run.run_id) for run in asking if run.job in jobs]
        if requests:
            self._tick(manual=requests)

    # The end
    def _come_to_rest(self):
        """Let nothing more happen, put everything right, and see that all of it comes to its end."""
        self.machine.peril_rate, self.resting = 0.0, True
        self._clock_is_mended()
        self._cron_starts()
        self.gate.touch()
        self._let_go()
        end = self.machine.mono + REST
        while self.machine.mono < end or self.machine.runners:
            self._step()
            self.answer()
        self.oracle.check()
        self.oracle.audit(None)
        self.oracle.check_all_is_done()

    def _let_go(self):
        for name, table in self.removed.items():
            self.tables.setdefault(name, table)
        for table in self.tables.values():
            table.pop("timeot", None)
        self._write()
        with self.ledger.transaction():
            for key in self.ledger.overrides():
                self.ledger.override(key, None)
            for key in self.ledger.pauses(0):
                self.ledger.resume(key)


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
    Simulation.clock_is_years_off: 0.2, Simulation.edit: 2, Simulation.command: 1, Simulation.disable: 2,
    Simulation.remove: 2, Simulation.misspell: 1, Simulation.pause: 2, Simulation.by_hand: 3, Simulation.emit: 2,
    Simulation.gate_closes: 1, Simulation.busy_days: 1, Simulation.kill_waiting: 2,
    Simulation.answer: 2,
}  # fmt: skip
TROUBLES, WEIGHTS = list(CHANCES), list(CHANCES.values())
