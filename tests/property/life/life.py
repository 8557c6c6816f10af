"""One life of a machine: ticks, jobs, outages and changes by hand, with questions at random instants.

The program is the real one, and so are the commands and the queries; the machine below is that of tests/fixtures.
"""

import random
import signal
from collections import defaultdict
from functools import partial

from scheduled import service
from scheduled.config.kept_zone import kept_in
from scheduled.core.manual import ManualRequest
from scheduled.engine import tick as runner
from scheduled.engine.heartbeat import installed
from scheduled.engine.runtime import Runtime
from scheduled.state import directories
from tests.fixtures import random_jobs
from tests.fixtures.oracle import CADENCE
from tests.fixtures.simulated_machine import NEVER, Machine
from tests.fixtures.simulated_runtime import Published, printing, set_up
from tests.property.life import asking as asking_of_life
from tests.property.life import features as features_of_life
from tests.property.life import kinds as kinds_of_life
from tests.property.life import world
from tests.property.life.answers import Answers
from tests.property.life.assumptions import Breaks, tied
from tests.property.life.changes import Changes
from tests.property.life.silence import Silence
from tests.property.life.stage import WitnessedLedger, redirect
from tests.property.life.witness import Witness

MINUTE, HOUR, DAY = 60, 3600, 86400
START = 1.5  # seconds from the full minute until the first line of Python runs


class WatchedMachine(Machine):
    """A machine that reports every end of a process, and on which SIGTERM ends a process."""

    def end(self, found, status=None):
        super().end(found, status)
        self.watch.ended(found, found.status)

    def signal_group(self, pid, number):
        if pid in self.processes and number in (signal.SIGKILL, signal.SIGTERM):
            self.end(self.processes[pid], "failed")


class Life:
    """A life, completely determined by its *seed*: *jobs* scheduled jobs, and a change about every *calm* hours.

    If it *travels*, most schedules follow the time zone of the host, which changes about twice a day. If it is
    *curious*, it asks every question after each failure, and most retries come soon. With *kinds*, there are also the jobs
    of `kinds`.
    """

    def __init__(
        self,
        seed,
        directory,
        patch,
        jobs=5,
        calm=5.0,
        *,
        travels=False,
        curious=False,
        features=False,
        kinds=False,
        asking=False,
    ):
        self.seed, self.random, self.calm = seed, random.Random(f"{seed} life"), calm
        begin = world.beginning(self.random)
        self.tables = world.draw(self.random, jobs, begin)
        if features:
            own = random.Random(f"{seed} features")
            self.tables |= features_of_life.draw(own, [f"job{place}" for place in range(jobs)], begin)
        self.habits = world.habits(self.random, self.tables)
        self.undoes = random.Random(f"{seed} undo") if kinds else None
        if kinds:
            own = random.Random(f"{seed} kinds")
            drawn = kinds_of_life.draw(own, begin)
            self.tables |= drawn
            self.habits |= kinds_of_life.habits(own, drawn)
        if asking:
            self.tables |= asking_of_life.draw(random.Random(f"{seed} asking"), begin)
        self.host, self.moves = "UTC", 0
        self.travel = random.Random(f"{seed} travel") if travels else None
        if travels:
            world.follow_host(self.travel, self.tables)
        self.curious = random.Random(f"{seed} curious") if curious else None
        self.asked_of_retries = 0
        if curious:
            self.habits = dict.fromkeys(self.tables, "flaky")
            world.retry_soon(self.curious, self.tables)
        self.max_runs = self.random.choice([None, None, None, 2])
        if (
            features or kinds or asking
        ):  # with a budget, what starts depends on which of several runs ends first
            self.max_runs = None
        self.witness, self.breaks = Witness(self._attempt_ended, self._claimed, self._asked), Breaks()
        self.machine = WatchedMachine(seed, begin, self._fate)
        self.machine.watch, self.witness.machine = self.witness, self.machine
        self.ledger, self.published = WitnessedLedger(self.machine, self.witness), Published()
        self.written_at = begin
        set_up(patch, self.machine, self.ledger, self.published, lambda: self.host, lambda: self.written_at)
        redirect(patch, self)
        with self.ledger.transaction():
            installed(self.ledger, CADENCE, begin)
        self.config_file, self.gate = directory / "scheduled.toml", directory / "gate"
        self.instance = service.Instance(self.config_file, directory / "state")
        self.ticking, self.edited, self.ticks, self.outages, self._beat = True, True, 0, [], None
        self.gate.touch()
        self.write()
        directories.prepare(self.runtime().paths)
        self.answers, self.changes, self.silence = Answers(self), Changes(self), Silence(self)

    def heartbeat(self):
        """Return the begin of the last regular tick, those included that were idle and are not simulated."""
        current = self.machine.current
        before = self.now() if current is None else current.began[0] - 1
        latest = (before - START) // CADENCE * CADENCE + START
        disturbed = self.machine.disturbed_at + self.machine.offset
        return latest if self.ticking and latest > disturbed else self._beat

    def _disturb(self):
        """Ticks may be missing from now on."""
        self._beat = self.heartbeat()
        self.machine.disturb()

    def _fate(self, spec, chances):
        return world.fate(self.habits.get(spec.job, "steady"), chances)

    def runtime(self, by_hand=False):
        """Return a runtime in the zone of the host, or for a tick *by_hand* in that of the last regular tick."""
        kept = partial(kept_in, self.ledger) if by_hand else None
        return Runtime(self.config_file, self.instance.paths.root, kept)

    def config(self):
        """Return the configuration with overrides."""
        found = self.runtime().config
        found.override(self.ledger.overrides())
        return found

    def write(self):
        """Write the job tables as scheduled.toml."""
        self.config_file.write_text(random_jobs.text(self.tables, self.max_runs, str(self.gate)))
        self.written_at, self.edited = self.now(), True

    # Time
    def run(self, days):
        """Live for some *days* and compare the answers with what happened."""
        end = self.now() + days * DAY
        self.machine.at(HOUR / 2, self._ask)
        self.machine.at(HOUR, self._change)
        if self.travel is not None:
            self.machine.at(2 * HOUR, self._move)
        while self.now() < end:
            self._step()
        self.answers.compare()
        self.silence.check_slots()

    def now(self):
        return self.machine.wall()

    def later(self, seconds, action, *arguments):
        """Call *action* after *seconds* in which the machine is awake."""
        self.machine.at(self.machine.mono + seconds, lambda: action(*arguments))

    def _step(self):
        tick, event = self._next_tick(), self.machine.next_event()
        if tick <= event:
            self.machine.mono = tick
            self.tick()
        else:
            self.machine.advance(event)

    def _next_tick(self):
        """Return when the next tick that is not idle begins, in seconds of the machine."""
        if not self.ticking:
            return NEVER
        beat = next_beat(self.now())
        if not (self.edited or self.ledger.changed) and self.published.is_idle(beat, self.machine.boot):
            beat = max(beat, next_beat(self.published.due - START - 0.001))
        return beat - self.machine.offset

    # Ticks
    def tick(self):
        """Begin a regular tick."""
        self._note_under_way()
        self._note_gates()
        self.answers.before_tick()
        self._begin_tick(by_hand=False)

    def run_by_hand(self, requests):
        """Begin a tick that a user starts for *requests*."""
        self._begin_tick(by_hand=True, manual=requests)

    def _begin_tick(self, by_hand, **how):
        self.ticks += 1
        self.machine.note(f"tick {how or ''}")
        self.edited = False if not by_hand else self.edited

        def body():
            self.machine.current.began = began, by_hand
            runtime = self.runtime(by_hand)
            with printing(runtime):
                runner.tick(runtime, unattended=not by_hand, **how)

        began = self.now()
        self.machine.start_tick(body)
        self._beat = self._beat if by_hand else began

    def _note_under_way(self):
        for run in self.ledger.open_runs():
            if run.status != "waiting_retry":
                self.broken(run.job, f"{run.run_id} is under way at a later tick")

    def _note_gates(self):
        if not self.gate.exists():
            for name, job in self.runtime().config.jobs.items():
                if job.only_if is not None:
                    self.broken(name, "its gate is closed")

    def _attempt_ended(self, end):
        if end.job == kinds_of_life.FROM_END and self._is_first(end):
            self.broken(end.job, f"{end.run_id}: until now it was not known how long a run takes")
        if end.status != "success":
            self.broken(end.job, f"{end.run_id} attempt {end.attempt}: {end.status}")
            if self.curious and self.curious.random() < 0.4:
                self.later(0.5 + self.curious.random(), self._ask_of_retry)

    def _asked(self, job):
        """A run of *job* waits for approval, which a prediction assumes to be given at once."""
        self.broken(job, "it was not approved at once")

    def _is_first(self, end):
        return sum(one.job == end.job for one in self.witness.endings) == 1

    def _ask_of_retry(self):
        """Ask about the retry for which the tick at work waits."""
        alone = (
            not self.machine.processes
        )  # what a tick starts when the runs under way have ended is not predicted
        if alone and self.ticking and self.now() % CADENCE > START + 0.5:
            self.asked_of_retries += 1
            self.answers.ask_all()

    def _claimed(self, claim):
        before = (one for one in self.witness.claims if one.run_id == claim.run_id)
        own = any(one.tick == claim.tick and one.attempt == claim.attempt - 1 for one in before)
        if claim.attempt > 1 and claim.at > claim.tick + 1 and not own:
            self.broken(claim.job, f"{claim.run_id}: its retry came due while a later tick ran")

    # Broken assumptions
    def broken(self, name, why, outage=None):
        """Record that an assumption about the job *name*, and those tied to it, is broken now; None: about all jobs."""
        config = self.runtime().config
        concerned = None if name is None else tied(config.jobs, name, config.max_runs is not None)
        self.breaks.add(self.now(), concerned, why, outage)

    # Events
    def _ask(self):
        self.later(self.random.expovariate(1 / (1.5 * HOUR)), self._ask)
        if self.now() % CADENCE < START + 0.5:
            return  # the tick of this minute is about to begin
        if self.ticking:
            self.answers.ask()

    def _change(self):
        self.later(self.random.expovariate(1 / (self.calm * HOUR)), self._change)
        self.changes.make()

    def _move(self):
        """Change the time zone of the host; the next tick, which is not idle, adopts it."""
        self.later(self.travel.expovariate(1 / (12 * HOUR)), self._move)
        self.host, self.edited = self.travel.choice(world.ZONES), True
        self.moves += 1
        self.machine.note(f"the host is in {self.host}")
        for name in self.tables:
            if "timezone" not in self.tables[name]:
                self.broken(name, "the host is in another zone")
        if self.ticking and self.now() % CADENCE > START + 0.5:
            self.answers.ask_all()

    def outage(self, begin, end, asleep):
        """Let no tick happen from *begin* to *end* (UTC seconds), an outage that an answer may have assumed."""
        self.outages.append((begin, end))
        self.machine.at(begin - self.machine.offset, lambda: self._outage(begin, end, asleep))

    def _outage(self, begin, end, asleep):
        self.machine.note(f"an outage until {end}{' asleep' * asleep}")
        self._disturb()
        self.broken(None, "an outage", (begin, end))
        if asleep:
            self.machine.offset += end - begin
            self._over()
        else:
            self.ticking = False
            self.later(end - begin, self._over)

    def _over(self):
        self._disturb()
        self.ticking = True

    def power_cut(self, seconds):
        """Cut the power for *seconds*."""
        self._disturb()
        self.machine.power_cut()
        self.machine.offset += seconds
        self.machine.disturb()

    def is_out(self):
        """Return whether an outage is under way or planned."""
        return any(end > self.now() for _, end in self.outages)

    def open_runs(self):
        by_job = defaultdict(list)
        for run in self.ledger.open_runs():
            by_job[run.job].append(run)
        return by_job

    def request(self, key, **how):
        return ManualRequest(key.job, target=key.target, **how)


def next_beat(instant):
    """Return the begin of the next tick after *instant*, in UTC seconds."""
    return (instant - START) // CADENCE * CADENCE + CADENCE + START if instant < NEVER else NEVER
