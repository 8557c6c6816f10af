"""A tick that writes for one target of a job leaves the other targets unchanged."""

import msgspec
import pytest

from scheduled.config.files import load_config
from scheduled.core import starts
from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.core.records import Claimant
from scheduled.core.runs import Claim, Span, StartRequest
from scheduled.engine import chains, claims, clock_steps, planning, registration, start_requests
from scheduled.engine.settle import SettleContext, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.execution.report_lines import CountLine
from scheduled.handlers.base import Outcome
from scheduled.notify import problems
from scheduled.schedules.zones import DAY, HOUR, MINUTE
from scheduled.state.verdicts import record_verdict
from tests.fixtures.ledgers import LEDGERS, a_condition, an_attempt_result

NOON = 1_772_884_800
NOW = NOON + 2 * HOUR
CLAIMANT = Claimant(tick="tick", boot="boot", host="host")
X, Y = JobKey("job", "x"), JobKey("job", "y")
JOBS = """timezone = "UTC"
[jobs.job]
cron = "0 * * * *"
for_each = ["x", "y"]
command = "true"
retry = { max_attempts = 2, delay = "1m" }
[jobs.listens]
on = "disk_full"
command = "true"
[jobs.both]
chain = ["job", "listens"]
[jobs.last]
after = ["job"]
command = "true"
"""


@pytest.fixture
def config(tmp_path):
    """Return a configuration with an hourly job that has two targets."""
    path = tmp_path / "scheduled.toml"
    path.write_text(JOBS)
    found = load_config(path)
    assert found.problems == []
    return found


@pytest.fixture
def ledger(tmp_path, config):
    """A ledger that knows both targets since noon, with one claimed slot of each."""
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        registration.register(ledger, config, NOON + MINUTE)
    with ledger.transaction():
        plan = planning.plan_and_record(ledger, config, NOON + HOUR)
        assert len(claims.take(ledger, plan.starts, CLAIMANT, NOON + HOUR)) == 2
    yield ledger
    ledger.close()


def settled(ledger, config, key, status="success", reported=None, compose=lambda *_: []):
    run = next(run for run in ledger.open_runs() if run.key == key)
    with ledger.transaction():
        context = SettleContext(jobs=config.jobs, now=float(NOW), zone="UTC", compose=compose)
        return settle_attempt(
            ledger, context, run, an_attempt_result(run.run_id, status), reported or Reported()
        )


def positions(ledger):
    return {key: (found.position, found.window_start) for key, found in ledger.job_states().items()}


def test_the_run_of_a_target_moves_the_position_of_that_target(ledger, config):
    settled(ledger, config, X)

    found = positions(ledger)
    assert (found[X], found[Y][1]) == ((NOON + HOUR, NOON + HOUR), None)
    assert found[Y][0] < NOON + HOUR
    assert [(row.key, row.verdict) for row in ledger.slot_rows()] == [(X, "success"), (Y, None)]


def test_a_retry_and_a_success_of_two_targets_are_planned_side_by_side(ledger, config):
    settled(ledger, config, X)
    settled(ledger, config, Y, "failed")
    with ledger.transaction():
        plan = planning.plan_and_record(ledger, config, NOW, keys=[Y])
        alone = [start.claim.key for start in plan.starts]
        plan = planning.plan_and_record(ledger, config, NOW)
        taken = claims.take(ledger, plan.starts, CLAIMANT, NOW)

    assert alone == [Y]
    assert [(start.claim.key, start.claim.slots) for start in taken] == [(X, 1), (Y, 2)]
    assert [(row.key, row.verdict) for row in ledger.slot_rows()] == [
        (X, "success"), (X, None), (Y, "coalesced"), (Y, None),
    ]  # fmt: skip


def test_counts_and_conditions_are_stored_for_the_target_that_reports_them(ledger, config):
    reported = Reported(
        outcome=Outcome(status="success"), counts=[CountLine("opened", 2)], conditions=[a_condition("k")]
    )

    settled(ledger, config, X, reported=reported)
    settled(ledger, config, Y, reported=Reported(outcome=Outcome(status="success")))

    assert ledger.totals() == {X: {"opened": 2}}
    assert [item.key for item in ledger.conditions()] == [X]


def test_a_job_that_comes_after_another_waits_for_all_its_targets(ledger, config):
    settled(ledger, config, X)
    before = ledger.start_requests()
    settled(ledger, config, Y)

    assert (before, [row.key for row in ledger.start_requests()]) == ([], [JobKey("last")])


def test_an_event_starts_every_target_of_a_subscribed_job(ledger, config):
    config.jobs["job"] = msgspec.structs.replace(config.jobs["job"], on="disk_full")
    with ledger.transaction():
        start_requests.spread(ledger, config.jobs, [Event(name="disk_full", payload={"disk": "/"})], 0, NOW)

    assert [(row.key, row.payload, row.depth) for row in ledger.start_requests()] == [
        (X, {"disk": "/"}, 1), (Y, {"disk": "/"}, 1), (JobKey("listens"), {"disk": "/"}, 1),
    ]  # fmt: skip


def test_a_chain_continues_once_all_targets_of_its_step_have_ended(ledger, config):
    with ledger.transaction():
        for key in (X, Y):
            ledger.close_run(next(run.run_id for run in ledger.open_runs() if run.key == key), "success", "")
        claim = Claim(run_id="both-1", job="both", slot=None, attempt=1, slots=0, trigger="manual")
        ledger.claim(claim, CLAIMANT, NOW)
        chains.begin(config.jobs, ledger, config.jobs["both"], claim, NOW)
    seen = [[row.key for row in ledger.start_requests()]]
    for key in (X, Y):
        with ledger.transaction():
            row = next(row for row in ledger.start_requests() if row.key == key)
            claims.take(ledger, [starts.requested(row, None)], CLAIMANT, NOW)
        settled(ledger, config, key)
        seen.append([row.key for row in ledger.start_requests() if row.parent])

    assert seen == [[X, Y], [Y], [JobKey("listens")]]


def test_a_target_frozen_by_a_backward_clock_step_is_rewound(ledger, config):
    for key in (X, Y):
        settled(ledger, config, key)
    with ledger.transaction():
        record_verdict(ledger, X, Span(NOW, NOW + 2 * DAY, 49), "skipped", "by hand", None, NOW)
        ledger.advance(X, NOW + 2 * DAY)
        warning = clock_steps.step_back(ledger, config.jobs, NOW + 1)
        aside = [(found.key, found.position) for found in ledger.saved_positions()]
        went_back = positions(ledger)
        again = clock_steps.leap_forward(ledger, NOW + 1.0, NOW + 2 * DAY, leapt=True)

    assert (warning is not None, aside, went_back[X][0] < NOW) == (True, [(X, NOW + 2 * DAY)], True)
    assert (again is not None, positions(ledger)[X][0]) == (True, NOW + 2 * DAY)
    assert positions(ledger)[Y] == went_back[Y] == (NOON + HOUR, NOON + HOUR)


def test_the_incident_of_a_target_names_the_target(ledger, config):
    settled(ledger, config, Y, "failed")
    run = next(run for run in ledger.open_runs() if run.key == Y)
    with ledger.transaction():
        ledger.reclaim(starts.again(run).claim, CLAIMANT, NOW)
        run = ledger.open_run(run.run_id)
        context = SettleContext(jobs=config.jobs, now=float(NOW), zone="UTC", compose=lambda *_: [])
        settle_attempt(ledger, context, run, an_attempt_result(run.run_id, "failed", attempt=2), Reported())

    found = problems.current(ledger, config.jobs, {}, [], NOW)

    assert {name: (trouble.subject, trouble.text) for name, trouble in found.items()} == {
        "job:job@y": (Y, "job@y: failed (scheduled logs job@y)")
    }
    assert [problems.about(name) for name in (*found, "job:mail@@flow", "ask:a", "config:x", "tick:job:a")] == [
        Y, JobKey("mail@flow"), JobKey("a"), problems.OWNER, problems.OWNER,
    ]  # fmt: skip


def test_the_event_of_a_targets_run_names_the_target(ledger, config):
    events = settled(ledger, config, X)

    assert [(event.name, event.payload["job"], event.payload["target"]) for event in events] == [
        ("job_completed", "job", "x")
    ]


def with_targets(config, *targets, **values):
    """Change the targets of the job, as an edit or a list that changes by itself does."""
    config.jobs["job"] = msgspec.structs.replace(config.jobs["job"], targets=targets, **values)


def test_a_run_of_a_target_that_is_gone_is_not_retried(ledger, config):
    with_targets(config, "x")

    settled(ledger, config, X, "failed")
    settled(ledger, config, Y, "failed")

    assert [(run.key, run.status) for run in ledger.open_runs()] == [(X, "waiting_retry")]
    assert [(row.key, row.verdict) for row in ledger.slot_rows()] == [(X, None), (Y, "failed")]
    assert problems.failing(ledger, config.jobs) == {}  # the job of a target that is gone is not failing


def test_a_start_request_of_a_target_that_is_gone_is_dropped_with_a_trace(ledger, config):
    config.jobs["job"] = msgspec.structs.replace(config.jobs["job"], on="disk_full")
    with ledger.transaction():
        start_requests.spread(ledger, config.jobs, [Event(name="disk_full", payload={"disk": "/"})], 0, NOW)
    with_targets(config, "x")
    config.problems.append("jobs.d/other.toml: can't be read")  # no job can be defined there under this name

    with ledger.transaction():
        events = registration.register(ledger, config, NOW)

    assert [row.key for row in ledger.start_requests()] == [X, JobKey("listens")]
    dropped = [
        event.payload for event in events if "run_id" in event.payload
    ]  # the others are about open slots
    assert [(found["target"], found["reason"]) for found in dropped] == [("y", "removed")]


def test_the_step_of_a_target_that_is_gone_counts_as_failed(config):
    row = StartRequest(id=1, job="job", target="y", event="chain", payload={}, depth=1, parent="both-1")
    reasons = [chains._why_lost({}, row)]
    with_targets(config, "x", disabled_targets=frozenset({"x"}))
    reasons += [
        chains._why_lost(config.jobs, msgspec.structs.replace(row, target=target))
        for target in ("x", "y", "")
    ]

    assert reasons == [
        "job is not a configured job",
        "job@x is disabled",
        "job@y is not a target any more",
        "job has no target to run",
    ]


def test_a_chain_requests_the_enabled_targets_of_a_step_and_the_job_itself_if_there_is_none(config):
    claim = Claim(run_id="both-1", job="both", slot=None, attempt=1, slots=0, trigger="manual")

    def first_step():
        return chains.first_state(config.jobs, config.jobs["both"], claim)["steps"][0]

    found = [first_step()]
    with_targets(config, "x", "y", disabled_targets=frozenset({"x"}))
    found.append(first_step())
    with_targets(config)
    found.append(first_step())

    assert found == [["job@x", "job@y"], ["job@y"], ["job"]]


def test_an_override_of_one_target_ends_only_its_epoch_and_begins_it_again(ledger, config):
    settled(ledger, config, X)
    settled(ledger, config, Y)
    config.override({Y: False})
    with ledger.transaction():
        registration.register(ledger, config, NOW, made_now=["job"])
    without = set(ledger.job_states())
    config.override({Y: True})
    with ledger.transaction():
        registration.register(ledger, config, NOW + HOUR, made_now=["job"])

    assert (Y in without, X in without) == (False, True)
    assert ledger.job_states()[Y].epoch >= NOW + HOUR - MINUTE


def test_a_request_for_a_job_starts_every_target(ledger, config):
    for key in (X, Y):
        settled(ledger, config, key)

    with ledger.transaction():
        found, busy = claims.manual_starts(ledger, config, [ManualRequest("job")], CLAIMANT, NOW)
        one, _ = claims.manual_starts(ledger, config, [ManualRequest("job", target="y")], CLAIMANT, NOW)

    assert [start.claim.key for start in found] == [X, Y]
    assert ([start.claim.key for start in one], busy) == ([Y], [])


def test_a_retry_without_an_epoch_is_skipped_by_the_next_tick_and_not_replayed_by_a_later_epoch(
    ledger, config
):
    """No tick leaves one, but such a state may come from an earlier version."""
    runs = {run.target: run for run in ledger.open_runs()}
    with ledger.transaction():
        context = SettleContext(jobs=config.jobs, now=float(NOW), zone="UTC", compose=lambda *_: [])
        settle_attempt(ledger, context, runs["x"], an_attempt_result(runs["x"].run_id, "failed"), Reported())
        ledger.end_epoch(X, NOW - MINUTE)
    with ledger.transaction():
        events = registration.register(ledger, config, NOW)

    found = [(row.target, row.verdict, row.reason) for row in ledger.slot_rows()]
    assert found == [("x", "skipped", "disabled"), ("y", None, "")]
    assert [(event.name, event.payload["target"]) for event in events] == [("job_skipped", "x")]
    assert [run.target for run in ledger.open_runs()] == ["y"]
