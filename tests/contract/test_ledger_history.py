"""The contract of every ledger for the history of runs and their attempts."""

from itertools import product

from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from tests.fixtures.ledgers import (
    CLAIMANT,
    DAILY,
    HOUR,
    a_claim,
    an_attempt_result,
    by_hand,
    claimed,
    end,
    wait_for_retry,
)


def test_each_attempt_of_a_run_has_its_own_row_with_its_own_output_and_result(ledger):
    claimed(ledger, HOUR)
    attempt_results = [("failed", 3), ("interrupted", None), ("success", 0)]
    for attempt, (status, code) in enumerate(attempt_results, 1):
        attempt_result = an_attempt_result(
            "run-3600", status, attempt, exit_code=code, output_bytes=attempt - 1, started_at=attempt + 0.5
        )
        end(
            ledger,
            attempt_result,
            "success" if code == 0 else "waiting_retry",
            500,
            result={"tries": attempt},
        )
        with ledger.transaction():
            ledger.reclaim(a_claim(HOUR, attempt=attempt + 1), CLAIMANT, 6)

    found = ledger.attempts("run-3600")

    assert [(row.attempt, row.status, row.exit_code, row.started_at) for row in found] == [
        (1, "failed", 3, 1.5), (2, "interrupted", None, 2.5), (3, "success", 0, 3.5),
    ]  # fmt: skip
    assert [(row.printed, row.result) for row in found] == [
        (attempt > 1, {"tries": attempt}) for attempt in (1, 2, 3)
    ]


def test_an_attempt_without_output_and_result_has_neither(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_attempt_result("run-3600"), "success")

    (row,) = ledger.attempts("run-3600")
    assert (row.run_id, row.printed, row.result, ledger.attempts("nothing")) == ("run-3600", False, None, [])


def test_the_only_attempt_of_a_run_that_succeeded_is_listed_like_any_other(ledger):
    claimed(ledger, HOUR)
    result = an_attempt_result("run-3600", output_bytes=5)
    end(ledger, result, "success", result={"files": 3})

    (row,) = ledger.attempts("run-3600")

    assert {name: getattr(row, name) for name in row.__struct_fields__} == {
        "run_id": "run-3600", "attempt": 1, "status": "success", "reason": "", "started_at": 10.25, "finished_at": 12.5,
        "duration_ms": 2250, "exit_code": 0, "printed": True, "result": {"files": 3}, "failure_class": None,
        "model": None, "tokens": None, "cost": None,
    }  # fmt: skip


def test_the_only_attempt_of_a_run_keeps_what_is_known_of_its_session(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_attempt_result("run-3600", model="m", tokens=7, cost=0.5), "success")

    (row,) = ledger.attempts("run-3600")

    assert (row.model, row.tokens, row.cost) == ("m", 7, 0.5)


def test_the_runs_of_a_chain_are_found_by_step_or_all_at_once(ledger):
    with ledger.transaction():
        for at, (run_id, step) in enumerate((("r1", 0), ("r2", 1), ("r3", 1001))):
            claim = a_claim(None, run_id=run_id, trigger="chain", parent="chain-1", step=step)
            ledger.claim(claim, CLAIMANT, float(at))

    assert [(run.run_id, run.parent, run.step) for run in ledger.children("chain-1")] == [
        ("r1", "chain-1", 0), ("r2", "chain-1", 1), ("r3", "chain-1", 1001),
    ]  # fmt: skip
    assert [[run.run_id for run in ledger.children("chain-1", step)] for step in (0, 1, 2)] == [
        ["r1"],
        ["r2"],
        [],
    ]


def test_history_is_newest_first_and_can_be_limited(ledger):
    with ledger.transaction():
        for at, (run_id, job) in enumerate((("r1", "job"), ("r2", "other"), ("r3", "job"))):
            ledger.claim(by_hand(run_id, job), CLAIMANT, float(at))

    assert [run.run_id for run in ledger.history()] == ["r3", "r2", "r1"]
    assert [run.run_id for run in ledger.history(job="job", limit=1)] == ["r3"]
    assert (ledger.run("r2").host, ledger.run("r2").trigger, ledger.run("nothing")) == (
        "here",
        "manual",
        None,
    )


def test_a_jobs_history_has_the_runs_of_all_its_targets_newest_first(ledger):
    with ledger.transaction():
        for at, target in enumerate(("a", "b", "", "a", "b")):
            claim = a_claim(None, run_id=f"r{at}", target=target, trigger="manual")
            ledger.claim(claim, CLAIMANT, float(at))

    assert [(run.run_id, run.target) for run in ledger.history(job="job", limit=4)] == [
        ("r4", "b"), ("r3", "a"), ("r2", ""), ("r1", "b"),
    ]  # fmt: skip
    assert [run.run_id for run in ledger.history(job="job", since=3.0)] == ["r4", "r3"]
    assert [len(ledger.history(job=job, limit=-1)) for job in ("job", "unknown")] == [5, 0]


def test_the_last_decided_run_is_the_newest_that_succeeded_or_failed_for_good(ledger):
    found = []
    for place, status in enumerate(("skipped", "success", "timed_out", "skipped"), start=1):
        with ledger.transaction():
            ledger.claim(a_claim(place * HOUR), CLAIMANT, 5.5 + place)
        end(ledger, an_attempt_result(f"run-{place * HOUR}"), status)
        run = ledger.last_decided(JobKey("job"))
        found.append(run and run.status)
    wait_for_retry(ledger, 9 * HOUR)

    assert found == [None, "success", "timed_out", "timed_out"]
    assert ledger.last_decided(JobKey("job")).slot == 3 * HOUR
    assert ledger.last_decided(JobKey("job", "x")) is None


def test_pruning_deletes_old_runs_and_keeps_open_and_newest_ones(ledger):
    for hour in (1, 2, 3):
        claimed(ledger, hour * HOUR)
        end(ledger, an_attempt_result(f"run-{hour * HOUR}"), "success")
    wait_for_retry(ledger, 4 * HOUR)
    with ledger.transaction():
        for hour in (1, 2, 3):
            ledger.record_verdict(
                JobKey("job"), Span(hour * HOUR, hour * HOUR, 1), "success", "", f"run-{hour * HOUR}", 9
            )
        ledger.advance(JobKey("job"), 3 * HOUR)
        gone = ledger.prune(3 * HOUR, 100, 100)

    assert (sorted(gone[0]), gone[1]) == ([f"run-{HOUR}", f"run-{2 * HOUR}"], None)
    assert [row.span.first // HOUR for row in ledger.slot_rows()] == [3, 4]
    assert [run.run_id for run in ledger.open_runs()] == [f"run-{4 * HOUR}"]
    assert ([*ledger.attempts(f"run-{HOUR}")], len(ledger.attempts(f"run-{3 * HOUR}"))) == ([], 1)


def test_pruning_keeps_the_runs_of_a_step_until_their_chain_has_ended(ledger):
    with ledger.transaction():
        ledger.claim(a_claim(None, run_id="chain", job="chain", trigger="manual"), CLAIMANT, 100.0)
        ledger.begin_chain("chain", {"steps": [["job", "other"]], "at": 0})
        for run_id in ("step", "newer"):
            ledger.claim(
                a_claim(None, run_id=run_id, trigger="chain", parent="chain", step=0), CLAIMANT, 101.0
            )
            ledger.ended(an_attempt_result(run_id), "success", None, None)
        kept = ledger.prune(9 * HOUR, 100, 100)[0]
        ledger.ended(an_attempt_result("chain"), "success", None, None)
        gone = ledger.prune(9 * HOUR, 100, 100)[0]

    assert (kept, gone) == ([], ["step"])  # the newest run of a job stays


def test_pruning_keeps_an_ended_epoch_with_slots_beyond_the_position(ledger):
    with ledger.transaction():
        ledger.continue_epoch(JobKey("job"), DAILY, 2 * HOUR)
        ledger.prune(9 * HOUR, 100, 100)
        kept = len(ledger.epochs())
        ledger.advance(JobKey("job"), 2 * HOUR)
        ledger.prune(9 * HOUR, 100, 100)

    assert (kept, len(ledger.epochs())) == (2, 1)


def test_pruning_keeps_the_same_number_of_runs_for_each_target(ledger):
    with ledger.transaction():
        for target, number in product("ab", range(3)):
            run_id = f"{target}{number}"
            ledger.claim(
                a_claim(None, run_id=run_id, target=target, trigger="manual"), CLAIMANT, 100.0 + number
            )
            ledger.ended(an_attempt_result(run_id), "success", None, None)
        gone = ledger.prune(0, 2, 100)

    assert sorted(gone[0]) == ["a0", "b0"]


def test_skipped_spans_are_newest_first_and_exclude_slots_with_a_run(ledger):
    for job, span, run_id, at in (
        ("job", Span(HOUR, 3 * HOUR, 3), None, 10),
        ("other", Span(HOUR, HOUR, 1), None, 30),
        ("job", Span(9 * HOUR, 9 * HOUR, 1), None, 20),
        ("job", Span(8 * HOUR, 8 * HOUR, 1), "run-x", 40),
    ):
        with ledger.transaction():
            ledger.record_verdict(JobKey(job), span, "skipped", "late", run_id, at)
    with ledger.transaction():
        ledger.record_verdict(JobKey("job"), Span(5 * HOUR, 5 * HOUR, 1), "coalesced", "", None, 50)

    assert [(row.job, row.span.count, row.decided_at) for row in ledger.skipped()] == [
        ("other", 1, 30), ("job", 1, 20), ("job", 3, 10),
    ]  # fmt: skip
    assert [row.span.first for row in ledger.skipped(job="job", limit=1)] == [9 * HOUR]
    assert [row.decided_at for row in ledger.skipped(since=20, limit=-1)] == [30, 20]


def test_the_causes_of_a_run_are_the_jobs_that_led_to_it(ledger):
    with ledger.transaction():
        for run_id, job, values in (
            ("r1", "backup", {"trigger": "schedule"}),
            ("r2", "all", {"trigger": "event", "payload": {"run_id": "r1"}}),
            ("r3", "step", {"trigger": "chain", "parent": "r2"}),
            ("r4", "alarm", {"trigger": "event", "payload": {"run_id": "r3"}}),
            ("r5", "other", {"trigger": "manual", "payload": {"run_id": "r1"}}),
        ):
            ledger.claim(a_claim(None, run_id=run_id, job=job, **values), CLAIMANT, 1.0)

    assert ledger.causes("r4") == {"alarm", "step", "all", "backup"}
    assert (ledger.causes("r5"), ledger.causes("nothing")) == ({"other"}, frozenset())
