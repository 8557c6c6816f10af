"""What every implementation of `scheduled.state.ledger.Ledger` must do; `LEDGERS` names them."""

import pytest

from scheduled.handlers.base import Condition, Notice
from scheduled.jobs import Claim, Ending, Schedule, Span
from scheduled.state.ledger import Epoch, Holder
from scheduled.state.sqlite import SqliteLedger

LEDGERS = {"sqlite": lambda directory: SqliteLedger(directory / "ledger.db")}
HOURLY, DAILY = Schedule("cron", "0 * * * *", "Europe/Berlin"), Schedule("every", "86400", anchor=7)
HOLDER = Holder(tick="tick-1", boot="boot-1", host="here")
OTHER = Holder(tick="tick-2", boot="boot-1", host="there")
HOUR = 3600


@pytest.fixture(params=LEDGERS)
def ledger(request, tmp_path):
    """A ledger that knows one hourly job, seen at instant 0."""
    ledger = LEDGERS[request.param](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch("job", HOURLY, 0)
    yield ledger
    ledger.close()


def a_claim(slot, attempt=1, **values):
    values = {"job": "job", "slots": 1, "trigger": "schedule", **values}
    return Claim(run_id=f"run-{slot}", slot=slot, attempt=attempt, **values)


def by_hand(run_id="by-hand"):
    return Claim(run_id=run_id, job="job", slot=None, attempt=1, slots=0, trigger="manual")


def an_ending(run_id, status="success", attempt=1, **values):
    values = {"started_at": 10.25, "finished_at": 12.5, "duration_ms": 2250, "exit_code": 0, **values}
    return Ending(run_id=run_id, attempt=attempt, status=status, **values)


def claimed(ledger, slot, holder=HOLDER, **values):
    with ledger.transaction():
        return ledger.claim(a_claim(slot, **values), holder, 5.5)


def end(ledger, ending, run_status, retry_at=None, result=None):
    with ledger.transaction():
        ledger.ended(ending, run_status, retry_at, result)


def wait_for_retry(ledger, slot, retry_at=500):
    claimed(ledger, slot)
    end(ledger, an_ending(f"run-{slot}", "failed"), "waiting_retry", retry_at)


def rows(ledger):
    return [(row.span, row.verdict, row.reason, row.run_id) for row in ledger.slot_rows()]


def the_job(ledger):
    (row,) = ledger.job_rows()
    return row


# Where jobs stand


def test_a_new_epoch_is_where_its_job_stands(ledger):
    standing = ledger.standings()["job"]

    assert (standing.position, standing.epoch, standing.schedule) == (0, 0, HOURLY)
    assert (standing.open_run, standing.busy, standing.window_start, standing.last_status) == (
        None, False, None, None,
    )  # fmt: skip
    assert ledger.epochs() == [Epoch(job="job", starts_at=0, ends_at=None, schedule=HOURLY)]


def test_epochs_follow_each_other_and_only_the_open_one_stands(ledger):
    with ledger.transaction():
        ledger.end_epoch("job", 50)
        between = ledger.standings()
        ledger.begin_epoch("job", DAILY, 70)

    assert (between, ledger.standings()["job"].schedule) == ({}, DAILY)
    assert ledger.epochs() == [
        Epoch(job="job", starts_at=0, ends_at=50, schedule=HOURLY),
        Epoch(job="job", starts_at=70, ends_at=None, schedule=DAILY),
    ]


def test_ending_an_epoch_that_is_not_open_does_nothing(ledger):
    with ledger.transaction():
        ledger.end_epoch("job", 50)
        ledger.end_epoch("job", 60)
        ledger.end_epoch("nobody", 60)

    assert [epoch.ends_at for epoch in ledger.epochs()] == [50]


@pytest.mark.parametrize("change", ["advance", "begin_epoch"])
def test_the_position_never_moves_backwards(ledger, change):
    with ledger.transaction():
        ledger.advance("job", 100)
        if change == "advance":
            ledger.advance("job", 50)
        else:
            ledger.end_epoch("job", 100)
            ledger.begin_epoch("job", HOURLY, 50)

    assert (the_job(ledger).position, ledger.standings()["job"].position) == (100, 100)


def test_a_reason_to_wait_is_noted_and_cleared(ledger):
    seen = []
    for reason, due in (("waiting_retry", 70), (None, None)):
        with ledger.transaction():
            ledger.wait("job", reason, due)
        seen.append((the_job(ledger).open_reason, the_job(ledger).next_due))

    assert seen == [("waiting_retry", 70), (None, None)]


# Claims


def test_a_slot_is_claimed_once(ledger):
    assert [claimed(ledger, HOUR), claimed(ledger, HOUR, OTHER), claimed(ledger, HOUR)] == [
        True,
        False,
        False,
    ]
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]
    assert [run.tick for run in ledger.open_runs()] == ["tick-1"]


def test_a_claim_is_an_open_run_that_makes_its_job_busy(ledger):
    claimed(ledger, HOUR, slots=4, window_start=17)

    (run,) = ledger.open_runs()
    standing = ledger.standings()["job"]
    assert (run.run_id, run.job, run.slot, run.status, run.attempt, run.slots, run.trigger, run.window_start) == (
        "run-3600", "job", HOUR, "claimed", 1, 4, "schedule", 17,
    )  # fmt: skip
    assert (run.tick, run.boot, run.retry_at, run.interruptions, run.stop_requested) == (
        "tick-1", "boot-1", None, 0, False,
    )  # fmt: skip
    assert (standing.open_run, standing.busy, ledger.open_run("run-3600")) == (run, True, run)


@pytest.mark.parametrize("slot", [2 * HOUR, 3 * HOUR, 5 * HOUR])
def test_no_slot_inside_a_span_with_a_verdict_can_be_claimed(ledger, slot):
    with ledger.transaction():
        ledger.decide("job", Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9)

    assert (claimed(ledger, slot), ledger.open_runs()) == (False, [])


@pytest.mark.parametrize("slot", [HOUR, 6 * HOUR])
def test_the_slots_beside_a_span_can_be_claimed(ledger, slot):
    with ledger.transaction():
        ledger.decide("job", Span(2 * HOUR, 5 * HOUR, 4), "coalesced", "", "run-x", 9)

    assert claimed(ledger, slot)


def test_the_same_slot_of_another_job_is_another_slot(ledger):
    with ledger.transaction():
        ledger.begin_epoch("other", HOURLY, 0)
        mine = ledger.claim(a_claim(HOUR), HOLDER, 1)
        theirs = ledger.claim(
            Claim(run_id="o", job="other", slot=HOUR, attempt=1, slots=1, trigger="s"), HOLDER, 1
        )

    assert (mine, theirs) == (True, True)


def test_a_run_by_hand_takes_no_slot_but_keeps_its_job_busy(ledger):
    with ledger.transaction():
        taken = ledger.claim(by_hand(), HOLDER, 1)

    standing = ledger.standings()["job"]
    assert (taken, rows(ledger), standing.busy, standing.open_run) == (True, [], True, None)


def test_only_a_run_that_waits_can_be_claimed_again_and_only_once(ledger):
    wait_for_retry(ledger, HOUR)

    with ledger.transaction():
        taken = [ledger.reclaim(a_claim(HOUR, attempt=2), holder, 6) for holder in (OTHER, HOLDER)]

    run = ledger.open_run("run-3600")
    assert taken == [True, False]
    assert (run.status, run.attempt, run.retry_at, run.tick) == ("claimed", 2, None, "tick-2")


def test_an_undone_claim_of_a_slot_is_due_at_once_with_the_same_attempt(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.unclaim("run-3600")

    run = ledger.open_run("run-3600")
    assert (run.status, run.attempt, run.retry_at, ledger.standings()["job"].busy) == (
        "waiting_retry", 0, 0, False,
    )  # fmt: skip
    assert rows(ledger) == [(Span(HOUR, HOUR, 1), None, "", "run-3600")]


def test_an_undone_claim_by_hand_is_gone(ledger):
    with ledger.transaction():
        ledger.claim(by_hand(), HOLDER, 1)
        ledger.unclaim("by-hand")

    assert (ledger.open_runs(), ledger.run("by-hand")) == ([], None)


def test_what_has_started_cannot_be_unclaimed(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.started("run-3600", 1, 6.5)
        ledger.unclaim("run-3600")

    assert (ledger.open_run("run-3600").status, ledger.run("run-3600").started_at) == ("running", 6.5)


def test_the_start_of_another_attempt_is_not_taken_for_this_ones(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.started("run-3600", 2, 6.5)

    assert ledger.open_run("run-3600").status == "claimed"


# Endings


def test_a_run_that_ended_is_open_no_more_and_tells_how_it_ended(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_ending("run-3600", "failed", exit_code=3, reason="exit code 3"), "failed")

    run = ledger.run("run-3600")
    assert (ledger.open_runs(), ledger.open_run("run-3600"), ledger.standings()["job"].busy) == (
        [],
        None,
        False,
    )
    assert (run.status, run.reason, run.exit_code, run.started_at, run.finished_at, run.duration_ms) == (
        "failed", "exit code 3", 3, 10.25, 12.5, 2250,
    )  # fmt: skip


def test_an_attempt_with_another_to_come_leaves_the_run_open_and_the_counters_alone(ledger):
    wait_for_retry(ledger, HOUR, retry_at=500)

    run, row = ledger.open_run("run-3600"), the_job(ledger)
    assert (run.status, run.retry_at, run.interruptions, ledger.standings()["job"].busy) == (
        "waiting_retry", 500, 0, False,
    )  # fmt: skip
    assert (row.run_count, row.failure_count, row.last_status, row.last_run_id) == (0, 0, None, None)


def test_interruptions_are_counted(ledger):
    claimed(ledger, HOUR)
    end(ledger, an_ending("run-3600", "interrupted", exit_code=None), "waiting_retry", 500)

    assert ledger.open_run("run-3600").interruptions == 1


@pytest.mark.parametrize(
    ("status", "failures"),
    [("success", 0), ("skipped", 0), ("failed", 1), ("timed_out", 1), ("interrupted", 1)],
)
def test_a_jobs_summary_counts_its_runs_and_failures(ledger, status, failures):
    for slot in (HOUR, 2 * HOUR):
        claimed(ledger, slot)
        end(ledger, an_ending(f"run-{slot}", status), status)

    row = the_job(ledger)
    assert (row.run_count, row.failure_count, row.last_status, row.last_run_id, row.last_run_at) == (
        2, 2 * failures, status, "run-7200", 12.5,
    )  # fmt: skip
    assert ledger.standings()["job"].last_status == status


def test_a_result_is_kept_until_there_is_a_newer_one(ledger):
    seen = []
    for slot, result in ((HOUR, {"healthy": 3, "of": ["a"]}), (2 * HOUR, None), (3 * HOUR, {"healthy": 4})):
        claimed(ledger, slot)
        end(ledger, an_ending(f"run-{slot}"), "success", result=result)
        seen.append(the_job(ledger).last_result)

    assert seen == [{"healthy": 3, "of": ["a"]}, {"healthy": 3, "of": ["a"]}, {"healthy": 4}]


def test_a_waiting_run_can_be_closed_without_another_attempt(ledger):
    wait_for_retry(ledger, HOUR)
    with ledger.transaction():
        ledger.close_run("run-3600", "skipped", "edited")
        ledger.close_run("run-3600", "failed", "too late to say")

    run = ledger.run("run-3600")
    assert (ledger.open_runs(), run.status, run.reason, run.retry_at) == ([], "skipped", "edited", None)


def test_only_a_later_slot_moves_the_window(ledger):
    seen = []
    for slot in (2 * HOUR, HOUR, None, 3 * HOUR):
        with ledger.transaction():
            ledger.succeeded("job", slot)
        seen.append(ledger.standings()["job"].window_start)

    assert seen == [2 * HOUR, 2 * HOUR, 2 * HOUR, 3 * HOUR]


def test_a_persons_wish_to_stop_a_run_is_noted(ledger):
    claimed(ledger, HOUR)
    with ledger.transaction():
        ledger.request_stop("run-3600")

    assert ledger.open_run("run-3600").stop_requested is True


# Verdicts


def test_an_open_slot_gets_one_verdict_and_keeps_it(ledger):
    claimed(ledger, HOUR)
    for verdict in ("success", "failed"):
        with ledger.transaction():
            ledger.decide("job", Span(HOUR, HOUR, 1), verdict, "why", "run-3600", 9)

    assert rows(ledger) == [(Span(HOUR, HOUR, 1), "success", "why", "run-3600")]


def test_rows_come_by_job_and_time(ledger):
    with ledger.transaction():
        for job, slot in (("b", 1), ("a", 3), ("a", 2)):
            ledger.decide(job, Span(slot, slot, 1), "skipped", "edited", None, 9)

    assert [(row.job, row.span.first) for row in ledger.slot_rows()] == [("a", 2), ("a", 3), ("b", 1)]


def test_history_is_newest_first_and_can_be_bounded(ledger):
    with ledger.transaction():
        for at, (run_id, job) in enumerate((("r1", "job"), ("r2", "other"), ("r3", "job"))):
            ledger.claim(
                Claim(run_id=run_id, job=job, slot=None, attempt=1, slots=0, trigger="manual"),
                HOLDER,
                float(at),
            )

    assert [run.run_id for run in ledger.history()] == ["r3", "r2", "r1"]
    assert [run.run_id for run in ledger.history(job="job", limit=1)] == ["r3"]
    assert (ledger.run("r2").host, ledger.run("r2").trigger, ledger.run("nothing")) == (
        "here",
        "manual",
        None,
    )


# Totals, conditions, outbox, meta


def test_totals_add_up_by_job_and_name(ledger):
    with ledger.transaction():
        for job, name, amount in (
            ("a", "opened", 2),
            ("a", "opened", 3),
            ("a", "closed", 1),
            ("b", "opened", 9),
        ):
            ledger.count(job, name, amount)

    assert ledger.totals() == {"a": {"opened": 5, "closed": 1}, "b": {"opened": 9}}


def test_a_condition_keeps_when_it_began_while_what_it_says_is_renewed(ledger):
    old = Condition(key="k", group="g", payload={"lines": 1}, event="grew")
    new = Condition(key="k", group="h", payload={"lines": 2}, event=None)
    with ledger.transaction():
        ledger.put_condition("job", old, 10.5)
        ledger.said("job", ["k"], 11.5)
        ledger.put_condition("job", new, 99.0)

    (known,) = ledger.conditions("job")
    assert (known.condition, known.job, known.since, known.said_at) == (new, "job", 10.5, 11.5)


def test_a_condition_that_comes_back_begins_anew(ledger):
    condition = Condition(key="k", group="g")
    with ledger.transaction():
        ledger.put_condition("job", condition, 10.0)
        ledger.put_condition("other", condition, 10.0)
        ledger.drop_conditions("job", ["k", "unheard of"])
        ledger.put_condition("job", condition, 99.0)

    assert [(known.job, known.since) for known in ledger.conditions()] == [("other", 10.0), ("job", 99.0)]


def test_a_notice_is_posted_once_however_often_it_is_decided(ledger):
    first, second = (Notice(recipient="@flow", subject=subject, body="b") for subject in ("1", "2"))
    with ledger.transaction():
        ledger.post("later", second, 8.0)
        ledger.post("id", first, 7.0)
        ledger.post("id", second, 9.0)

    assert [(item.id, item.notice.subject, item.tries, item.next_try) for item in ledger.outbox()] == [
        ("id", "1", 0, 7), ("later", "2", 0, 8),
    ]  # fmt: skip


def test_an_undelivered_notice_stays_and_a_delivered_one_goes(ledger):
    with ledger.transaction():
        for item_id in ("a", "b"):
            ledger.post(item_id, Notice(recipient="@flow", subject="s", body="b"), 7.0)
        ledger.undelivered("a", 400, "no such mailbox")
        ledger.delivered("b")

    assert [(item.id, item.tries, item.next_try) for item in ledger.outbox()] == [("a", 1, 400)]


def test_what_is_remembered_can_be_asked_for_and_changed(ledger):
    seen = [ledger.meta("cadence")]
    for value in ("300", "60"):
        with ledger.transaction():
            ledger.remember("cadence", value)
        seen.append(ledger.meta("cadence"))

    assert seen == [None, "300", "60"]


# Transactions


def test_an_exception_undoes_everything_in_its_transaction(ledger):
    before = (ledger.standings(), ledger.epochs(), ledger.totals(), ledger.conditions(), ledger.outbox())

    def everything():
        with ledger.transaction():
            ledger.begin_epoch("new", HOURLY, 0)
            ledger.advance("job", 100)
            ledger.claim(a_claim(HOUR), HOLDER, 1)
            ledger.count("job", "n", 1)
            ledger.put_condition("job", Condition(key="k", group="g"), 1.0)
            ledger.post("id", Notice(recipient="@flow", subject="s", body="b"), 1.0)
            ledger.remember("k", "v")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        everything()

    after = (ledger.standings(), ledger.epochs(), ledger.totals(), ledger.conditions(), ledger.outbox())
    assert (after, rows(ledger), ledger.open_runs(), ledger.meta("k")) == (before, [], [], None)
    assert claimed(ledger, HOUR)


def test_what_is_committed_is_there_when_the_ledger_is_opened_again(ledger, request, tmp_path):
    claimed(ledger, HOUR)
    ledger.close()

    again = LEDGERS[request.node.callspec.params["ledger"]](tmp_path)

    assert [run.run_id for run in again.open_runs()] == ["run-3600"]
    again.close()
