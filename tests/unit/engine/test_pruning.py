"""Pruning deletes old history, keeps positions and open runs, and the audit accepts the result."""

import pytest

from scheduled.core.audit import audit as audit_of
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.engine import clock_steps, pruning
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.queries.audit import audit
from scheduled.schedules.zones import DAY
from scheduled.state import directories
from tests.fixtures.ledgers import CLAIMANT, DAILY, HOUR, HOURLY, LEDGERS, a_claim, an_attempt_result, by_hand

NOW = 200 * DAY


@pytest.fixture
def ledger(tmp_path):
    """A ledger with a daily job that has a run for each of 200 days."""
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), DAILY, 6)
        for day in range(200):
            slot = 7 + day * DAY
            run_id = f"run-{slot}"
            ledger.claim(a_claim(slot), CLAIMANT, float(slot))
            ledger.ended(an_attempt_result(run_id), "success", None, None)
            ledger.record_verdict(JobKey("job"), Span(slot, slot, 1), "success", "", run_id, slot)
            ledger.advance(JobKey("job"), slot)
    yield ledger
    ledger.close()


def pruned(ledger, before=NOW - 90 * DAY, keep_runs=1000):
    with ledger.transaction():
        gone, following = ledger.prune(before, keep_runs, 10_000)
    assert following is None
    return gone


def test_a_portion_of_pruning_deletes_a_limited_number_of_rows_and_the_next_one_continues(ledger):
    with ledger.transaction():
        for name in ("another", "yet another"):
            ledger.begin_epoch(JobKey(name), HOURLY, 0)
    before, begin, portions = sum(left(ledger)), None, []
    while not portions or begin is not None:
        with ledger.transaction():
            _, begin = ledger.prune(NOW, 1000, 30, begin)
        portions.append(before - sum(left(ledger)))
        before = sum(left(ledger))

    assert max(portions) == 30
    assert len(portions) == 14  # for 399 rows and a job without one
    assert left(ledger) == (0, 1)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_keys_without_old_rows_are_pruned_in_portions_too(ledger, limit):
    with ledger.transaction():
        for number in range(7):
            ledger.begin_epoch(JobKey(f"job-{number}"), HOURLY, 0)
    begin, portions = None, 0
    while portions == 0 or begin is not None:
        _, begin = ledger.prune(0, 1000, limit, begin)
        portions += 1

    assert portions == -(-8 // limit)


def test_a_tick_prunes_a_limited_number_of_portions_and_the_next_tick_continues(runtime, ledger, monkeypatch):
    monkeypatch.setattr(pruning, "PORTION", 20)
    monkeypatch.setattr(pruning, "MOST_PORTIONS", 3)
    found = []
    for now in (NOW - DAY - 1, *[NOW + tick for tick in range(7)]):
        pruning.prune(runtime, ledger, now)
        found.append(sum(left(ledger)))

    assert found == [400, 340, 280, 220, 160, 100, 60, 60]
    assert ledger.meta("pruned") == str(NOW + 5)


def left(ledger):
    return len(list(ledger.slot_rows())), len(ledger.history(limit=999))


def test_history_before_the_horizon_is_deleted_and_the_position_stays(ledger):
    before = ledger.job_rows()[0].position

    gone = pruned(ledger)

    assert (len(gone), left(ledger)) == (110, (90, 90))
    assert ledger.job_rows()[0].position == before


def test_only_the_newest_runs_are_kept_but_all_verdicts(ledger):
    assert (len(pruned(ledger, before=0, keep_runs=5)), left(ledger)) == (195, (200, 5))


@pytest.fixture
def hourly(tmp_path):
    """A ledger with an hourly job that has run for two days; a run failed, and its schedule was renewed at 20:30."""
    (tmp_path / "hourly").mkdir()
    ledger, key = LEDGERS["sqlite"](tmp_path / "hourly"), JobKey("job")
    with ledger.transaction():
        ledger.begin_epoch(key, HOURLY, HOUR - 1)
        for hour in range(1, 48):
            if hour == 21:
                ledger.continue_epoch(key, HOURLY, 20 * HOUR + HOUR // 2)
            slot, verdict = hour * HOUR, "failed" if hour == 5 else "success"
            ledger.claim(a_claim(slot), CLAIMANT, float(slot))
            ledger.ended(an_attempt_result(f"run-{slot}", verdict), verdict, None, None)
            ledger.record_verdict(key, Span(slot, slot, 1), verdict, "", f"run-{slot}", slot)
            ledger.advance(key, slot)
        ledger.remember("planned", str(48 * HOUR - 1))
    yield ledger
    ledger.close()


def test_the_successes_of_a_day_and_an_epoch_become_one_row_when_their_runs_are_deleted(hourly):
    pruned(hourly, before=0, keep_runs=10)

    rows = [
        (row.span.first // HOUR, row.span.last // HOUR, row.span.count, row.verdict, row.run_id)
        for row in hourly.slot_rows()
    ]
    assert rows == [
        (1, 4, 4, "success", None),
        (5, 5, 1, "failed", f"run-{5 * HOUR}"),
        (6, 20, 15, "success", None),
        (21, 23, 3, "success", None),
        (24, 37, 14, "success", None),
        *[(hour, hour, 1, "success", f"run-{hour * HOUR}") for hour in range(38, 48)],
    ]


def test_portions_of_pruning_make_the_same_rows_and_the_audit_accepts_them(hourly):
    begin, portions = None, 0
    while portions == 0 or begin is not None:
        with hourly.transaction():
            _, begin = hourly.prune(0, 10, 3, begin)
        portions += 1

    found = audit_of(hourly.epochs(), hourly.slot_rows(), hourly.job_rows(), (), 48 * HOUR - 1)

    assert portions > 10
    assert [row.span.count for row in hourly.slot_rows()] == [4, 1, 15, 3, 14, *[1] * 10]
    assert (found.slots, found.problems) == (47, [])


def test_a_merged_row_is_deleted_with_its_day(hourly):
    pruned(hourly, before=0, keep_runs=10)
    pruned(hourly, before=23 * HOUR + 1, keep_runs=10)

    assert [row.span.count for row in hourly.slot_rows()] == [14, *[1] * 10]


def test_a_clock_that_goes_back_into_a_merged_row_keeps_the_slots_before(hourly):
    pruned(hourly, before=0, keep_runs=10)
    jobs = {"job": Job(name="job", schedules=HOURLY, action=Action("command", line="true"))}

    with hourly.transaction():
        stepped = clock_steps.step_back(hourly, jobs, 10 * HOUR + 60)
        taken = hourly.claim(a_claim(11 * HOUR, run_id="again"), CLAIMANT, 11.0 * HOUR)

    spans = [(row.span.first // HOUR, row.span.last // HOUR, row.span.count) for row in hourly.slot_rows()]
    assert (stepped is not None, taken) == (True, True)
    assert spans == [(1, 4, 4), (5, 5, 1), (6, 10, 5), (11, 11, 1)]


def test_runs_of_one_instant_are_counted_one_by_one(ledger):
    with ledger.transaction():
        for number in range(10):
            ledger.claim(by_hand(f"hand-{number}"), CLAIMANT, float(NOW))
            ledger.ended(an_attempt_result(f"hand-{number}"), "success", None, None)

    pruned(ledger, before=0, keep_runs=4)

    assert left(ledger)[1] == 4


def test_the_newest_run_stays_however_old_it_is(ledger):
    pruned(ledger, before=NOW * 2)

    assert [run.run_id for run in ledger.history()] == [f"run-{7 + 199 * DAY}"]


def test_an_open_run_stays_however_old_it_is(ledger):
    with ledger.transaction():
        ledger.begin_epoch(JobKey("other"), HOURLY, 0)
        ledger.claim(a_claim(3600, run_id="open", job="other"), CLAIMANT, 3600.0)

    pruned(ledger, before=NOW * 2)

    assert [run.run_id for run in ledger.open_runs()] == ["open"]
    assert [row.run_id for row in ledger.slot_rows()] == ["open"]


def test_epochs_that_ended_before_the_horizon_are_deleted(ledger):
    with ledger.transaction():
        ledger.begin_epoch(JobKey("old"), HOURLY, 0)
        ledger.end_epoch(JobKey("old"), 10 * DAY)

    pruned(ledger)

    assert [epoch.job for epoch in ledger.epochs()] == ["job"]


@pytest.fixture
def runtime(tmp_path):
    config = tmp_path / "etc" / "scheduled.toml"
    config.parent.mkdir(mode=0o700)
    config.write_text('timezone = "UTC"\n[history]\nkeep_days = 30\n')
    directories.prepare(Paths(tmp_path))
    return Runtime(config, tmp_path)


def test_a_tick_prunes_once_a_day_and_deletes_output_with_its_run(runtime, ledger):
    old, new = (runtime.paths.output_of(f"run-{7 + day * DAY}", 1) for day in (3, 199))
    for path in (old, new):
        path.parent.mkdir()
        path.write_text("printed")
    pruning.prune(runtime, ledger, NOW - DAY - 1)
    first = left(ledger)
    pruning.prune(runtime, ledger, NOW)
    second = left(ledger)
    pruning.prune(runtime, ledger, NOW + DAY / 2)

    assert (first, second, left(ledger)) == ((200, 200), (30, 30), (30, 30))
    assert (old.exists(), new.exists()) == (False, True)
    assert list(runtime.paths.output.iterdir()) == [new.parent]


def test_a_clock_that_is_years_ahead_deletes_nothing(runtime, ledger):
    pruning.prune(runtime, ledger, NOW - DAY)
    pruning.prune(runtime, ledger, NOW + 4000 * DAY)
    pruning.prune(runtime, ledger, NOW)

    assert left(ledger) == (200, 200)


def test_the_audit_starts_at_the_horizon(runtime, ledger):
    with ledger.transaction():
        ledger.remember("planned", str(NOW))
    for now in (NOW - DAY - 1, NOW):
        pruning.prune(runtime, ledger, now)

    found = audit(Instance(str(runtime.config.path), str(runtime.paths.root)))

    assert (found["ok"], found["slots"], found["horizon"]) == (True, 30, "1970-06-20T00:00:00+00:00")


def test_the_outputs_of_a_portion_go_with_it_also_if_a_later_one_fails(tmp_path, ledger, monkeypatch):
    config = tmp_path / "etc" / "scheduled.toml"
    config.parent.mkdir(mode=0o700)
    config.write_text("[history]\nkeep_days = 1\nkeep_runs = 1\n")
    directories.prepare(Paths(tmp_path))
    runtime = Runtime(config, tmp_path)
    for day in range(200):
        path = runtime.paths.output_of(f"run-{7 + day * DAY}", 1)
        path = (
            path if day % 2 else runtime.paths.output / path.name
        )  # every second one is of an earlier version
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.setattr(pruning, "PORTION", 90)
    calls, real = iter([True, False]), ledger.prune

    def prune(*arguments):
        if next(calls):
            return real(*arguments)
        raise StateError("disk full")

    monkeypatch.setattr(ledger, "prune", prune)
    with ledger.transaction():
        ledger.remember("pruned", str(NOW - 2 * DAY))

    pruning.prune(runtime, ledger, NOW)

    runs = {run.run_id for run in ledger.history(limit=-1)}
    assert {path.name.removesuffix(".1.log") for path in runtime.paths.outputs()} == runs
    assert len(runs) < 200
    assert runtime.problems == ["history: can't be pruned: disk full; the next tick retries"]
