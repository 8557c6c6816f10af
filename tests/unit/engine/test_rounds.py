"""A round of a tick, after a run has ended, makes the same work however many start requests wait."""

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.runs import Claim, StartRequest
from scheduled.core.starts import requested
from scheduled.engine import claims, planning, registration
from scheduled.engine.follow_ups import FollowUps
from scheduled.engine.runtime import Runtime
from scheduled.paths import Paths
from scheduled.state import directories
from tests.fixtures.counting import steps
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, an_attempt_result

NOW = 1_800_000_000.0
JOBS = "".join(f'[jobs.{name}]\non = "ping"\ncommand = "true"\n' for name in "abc")


def a_runtime(directory, text=JOBS):
    config = directory / "etc" / "scheduled.toml"
    config.parent.mkdir(mode=0o700, parents=True)
    config.write_text(text)
    directories.prepare(Paths(directory))
    return Runtime(config, directory)


class Tick:
    """A tick that has planned *number* start requests for each of the jobs, and started the first one."""

    def __init__(self, directory, number, text=JOBS):
        self.runtime = a_runtime(directory, text)
        self.ledger = LEDGERS["sqlite"](directory)
        self.follow_ups = FollowUps(self.runtime, CLAIMANT.tick, NOW, None)
        with self.ledger.transaction():
            registration.register(self.ledger, self.runtime.config, int(NOW))
            for count in range(number):
                self.request("abc", count)
            events = self.runtime.config.max_event_runs
            plan = planning.plan_and_record(self.ledger, self.runtime.config, int(NOW), events=events)
            self.take(plan.starts)

    def request(self, names, count):
        for name in names:
            row = StartRequest(id=0, job=name, event="ping", payload={"n": count}, depth=1)
            self.ledger.request_start(row, NOW)

    def take(self, starts):
        taken = claims.take(self.ledger, starts, CLAIMANT, NOW)
        self.follow_ups.count(taken)
        self.running = [start.claim for start in taken]
        return [start.claim.job for start in taken]

    def end(self, claim: Claim):
        attempt_result = an_attempt_result(claim.run_id)
        self.ledger.ended(attempt_result, "success", None, None)
        return self.follow_ups.starts(self.ledger, [(claim, attempt_result)], [])


@pytest.fixture
def sealed(monkeypatch):
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW)


@pytest.mark.usefixtures("sealed")
def test_ten_times_the_waiting_events_make_no_more_work_in_a_round(tmp_path):
    counts = []
    for number in (30, 300):
        tick = Tick(tmp_path / str(number), number)
        with tick.ledger.transaction():
            (start,) = tick.end(tick.running[0])  # the first round looks at all jobs with a request
            tick.take([start])
            counts.append(steps(tick.ledger, lambda: tick.end(tick.running[0])))  # noqa: B023 - called at once
        tick.ledger.close()

    assert counts[1] <= 1.1 * counts[0]


@pytest.mark.usefixtures("sealed")
def test_after_a_run_the_next_event_of_its_job_starts_and_events_that_came_since(tmp_path):
    text = JOBS + '[jobs.d]\non = "ping"\ncommand = "true"\n'
    tick = Tick(tmp_path, 2, text)
    first = tick.running
    with tick.ledger.transaction():
        second = tick.take(tick.end(first[0]))
        tick.request("d", 9)
        third = tick.take(tick.end(first[1]))

    assert [claim.job for claim in first] == ["a", "b", "c"]
    assert (second, sorted(third)) == (["a"], ["b", "d"])
    tick.ledger.close()


@pytest.mark.usefixtures("sealed")
def test_a_tick_starts_no_more_runs_for_events_than_it_may_but_steps_of_chains(tmp_path):
    tick = Tick(tmp_path, 3, f"[catch_up]\nmax_event_runs = 4\n{JOBS}")
    first = tick.running
    with tick.ledger.transaction():
        fourth = tick.take(tick.end(first[0]))
        none = tick.end(first[1])
        waits = {row.key.job: (row.open_reason, row.next_due) for row in tick.ledger.job_rows()}

    assert (len(first), fourth, none, tick.follow_ups.events_left) == (3, ["a"], [], 0)
    assert waits["b"] == ("budget", int(NOW))
    assert requested(tick.ledger.oldest_start_requests([JobKey("b")])[0], None).claim.payload == {"n": 1}
    tick.ledger.close()


@pytest.mark.parametrize(("set_back", "slots"), [(0, 1), (7200, 0)])
def test_a_tick_starts_no_slot_that_a_clock_set_back_has_moved_into_the_future(tmp_path, set_back, slots):
    ledger, runtime = (
        LEDGERS["sqlite"](tmp_path),
        a_runtime(tmp_path, 'timezone = "UTC"\n[jobs.job]\nat = "2027-01-15T07:50:00"\ncommand = "true"\n'),
    )
    follow_ups = FollowUps(runtime, CLAIMANT.tick, NOW, None)
    with ledger.transaction():
        registration.register(ledger, runtime.config, int(NOW) - 10_000)
        starts = follow_ups.next_starts(ledger, [JobKey("job")], NOW - set_back)

    assert len(starts) == slots
    ledger.close()


@pytest.mark.parametrize(("not_started", "slots"), [(set(), 1), ({JobKey("job")}, 0)])
def test_what_a_tick_could_not_start_is_left_to_later_ticks(tmp_path, not_started, slots):
    text = 'timezone = "UTC"\n[jobs.job]\nat = "2027-01-15T07:50:00"\ncommand = "true"\n'
    ledger, runtime = LEDGERS["sqlite"](tmp_path), a_runtime(tmp_path, text)
    follow_ups = FollowUps(runtime, CLAIMANT.tick, NOW, None)
    follow_ups.not_started |= not_started
    with ledger.transaction():
        registration.register(ledger, runtime.config, int(NOW) - 10_000)
        starts = follow_ups.next_starts(ledger, [JobKey("job")], NOW)

    assert len(starts) == slots
    ledger.close()
