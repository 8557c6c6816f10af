"""Changes that a user, the hardware or another program makes during a life. Each names the assumptions that it breaks."""

from scheduled import service
from scheduled.core.jobs import keys_of
from scheduled.errors import ScheduledError
from tests.property.life import world

MINUTE, HOUR = 60, 3600


class Changes:
    """Makes random changes to a life."""

    def __init__(self, life):
        self.life, self.random, self.happened = life, life.random, []

    def make(self):
        """Make one change."""
        change = self.random.choices(list(CHANCES), list(CHANCES.values()))[0]
        self.happened.append(change.__name__)
        self.life.machine.note(f"change: {change.__name__}")
        change(self)

    def _name(self, scheduled=False):
        names = [name for name, table in self.life.tables.items() if not scheduled or name.startswith("job")]
        return self.random.choice(names)

    def _duration(self):
        return self.random.choice([5 * MINUTE, 40 * MINUTE, 3 * HOUR, 12 * HOUR]) * self.random.uniform(
            0.5, 1.5
        )

    def _edited(self, name, change):
        """Break the assumptions about a job as it was before and as it is after an edit."""
        self.life.broken(name, "edited")
        change()
        self.life.write()
        self.life.broken(name, "edited")

    def edit_schedule(self):
        name = self._name(scheduled=True)
        table, keys = self.life.tables[name], world.schedule(self.random, self.life.now())

        def change():
            for key in ("cron", "every", "at", "anchor", "timezone"):
                table.pop(key, None)
            table.update(keys)

        self._edited(name, change)

    def edit_zone(self):
        name = self._name(scheduled=True)
        if "cron" in self.life.tables[name]:
            zone = self.random.choice(world.ZONES)
            self._edited(name, lambda: self.life.tables[name].update(timezone=zone))

    def edit_command(self):
        name = self._name(scheduled=True)
        self.life.tables[name]["command"] = ["true", str(self.random.random())]
        self.life.write()  # no assumption is broken: a change of the command alone changes no run

    def disable(self):
        name = self._name(scheduled=True)
        self._command(name, service.disable, [name])
        self.life.later(self._duration(), self._command, name, service.enable, [name])

    def pause(self):
        name = self.random.choice([*self.life.tables, None])
        until = self.random.choice([None, f"+{int(self._duration() // MINUTE) + 1}m"])
        self._command(name, service.pause, [name] if name else [], until)
        self.life.later(self._duration(), self._command, name, service.resume, [name] if name else [])

    def skip(self):
        name = self._name(scheduled=True)
        slots = [
            row["scheduled_for"]
            for row in service.upcoming(self.life.instance, limit=30)
            if row["job"] == name
        ]
        slot = self.random.choice([None, *slots])
        self._command(name, service.skip, name, slot)
        if self.life.undoes is not None:
            pause = self.life.undoes.choice([MINUTE, 20 * MINUTE, 2 * HOUR]) * self.life.undoes.uniform(
                0.5, 1.5
            )
            self.life.later(pause, self._undo, name, slot)

    def _undo(self, name, slot):
        """Open the slots again that were skipped."""
        self._command(name, service.skip, name, slot, undo=True)

    def _command(self, name, command, *arguments, **how):
        self.life.broken(name, command.__name__)
        try:
            command(self.life.instance, *arguments, **how)
        except ScheduledError as error:
            self.life.machine.note(f"refused: {error}")

    def run_manually(self):
        name = self._name()
        jobs = self.life.config().jobs
        if jobs.coming_after.get(name):
            self.life.broken(name, "run by hand, and another job comes after it")
        self.life.run_by_hand([self.life.request(key) for key in keys_of(jobs[name])])

    def answer(self):
        """Rerun the interrupted runs that wait for the user."""
        jobs = self.life.config().jobs
        for run in self.life.ledger.open_runs():
            if run.status == "waiting_retry" and run.retry_at is None and run.job in jobs:
                self.life.broken(run.job, "rerun")
                self.life.run_by_hand([self.life.request(run.key, run_id=run.run_id)])

    def stop(self):
        under_way = [found.spec for found in self.life.machine.processes.values()]
        if under_way:
            run = self.random.choice(under_way)
            self._command(run.job, service.stop, run.run_id)

    def gate_closes(self):
        self.life.gate.unlink(missing_ok=True)
        self.life.later(self._duration(), self.life.gate.touch)

    def outage(self):
        if not self.life.is_out():
            now = self.life.now()
            self.life.outage(now + 1, now + 1 + self._duration(), self.random.random() < 0.5)

    def power_cut(self):
        if self.life.is_out():
            return
        self.life.broken(None, "the power is cut")
        self.life.power_cut(self._duration())

    def kill(self):
        """Kill a tick that waits for its jobs, and perhaps its supervisor."""
        machine = self.life.machine
        if machine.runners:
            runner = self.random.choice(machine.runners)
            self.life.broken(None, "a tick is killed")
            if self.random.random() < 0.5:
                machine.kill_supervisors(runner)
            machine.kill(runner)


CHANCES = {
    Changes.edit_schedule: 3, Changes.edit_zone: 1, Changes.edit_command: 2, Changes.disable: 2, Changes.pause: 3,
    Changes.skip: 2, Changes.run_manually: 4, Changes.answer: 2, Changes.stop: 1, Changes.gate_closes: 2,
    Changes.outage: 2, Changes.power_cut: 1, Changes.kill: 1,
}  # fmt: skip
