"""The sentence of an explanation for each state of a job and each verdict of a slot."""

import os
from contextlib import closing
from datetime import UTC, datetime

import pytest

from scheduled.config.check import check
from scheduled.config.files import load_config
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span, StartRequest
from scheduled.engine import heartbeat
from scheduled.instance import Instance
from scheduled.paths import Paths
from scheduled.queries.explain import explain
from scheduled.queries.forecast import forecast
from scheduled.queries.history import history
from scheduled.queries.status import status
from scheduled.queries.upcoming import upcoming
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR, MINUTE
from scheduled.state import directories
from scheduled.state.locks import create_locked
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, a_claim, an_attempt_result

JOB = '[jobs.job]\ncron = "0 * * * *"\ncommand = "true"\n'
NOW = 1_772_600_820  # 2026-03-04 05:07 UTC
SLOT = NOW - 7 * MINUTE


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """An hourly job, first seen five hours ago; its slots up to 04:00 succeeded."""
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)
    (tmp_path / "scheduled.toml").write_text('timezone = "UTC"\n' + JOB)
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), (Schedule("cron", "0 * * * *"),), SLOT - 5 * HOUR)
        ledger.claim(a_claim(SLOT - HOUR, run_id="run-4"), CLAIMANT, SLOT - HOUR + 0.0)
        ledger.ended(an_attempt_result("run-4"), "success", None, None)
        ledger.record_verdict(
            JobKey("job"), Span(SLOT - 4 * HOUR, SLOT - 2 * HOUR, 3), "coalesced", "", "run-4", 0
        )
        ledger.record_verdict(JobKey("job"), Span(SLOT - HOUR, SLOT - HOUR, 1), "success", "", "run-4", 0)
        ledger.advance(JobKey("job"), SLOT - HOUR)
    yield ledger
    ledger.close()


@pytest.fixture
def sentence(tmp_path, ledger):
    """Return a function that changes the job's table and the ledger and returns the sentence of `explain`."""

    def explained(table="", *work, at=None, head=""):
        (tmp_path / "scheduled.toml").write_text(f'timezone = "UTC"\n{head}{JOB}{table}\n')
        with ledger.transaction():
            for do in work:
                do(ledger)
        when = None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
        found = explain(Instance(str(tmp_path / "scheduled.toml"), str(tmp_path)), "job", when)
        return found["sentence"]

    return explained


def claimed(ledger):
    ledger.claim(a_claim(SLOT, run_id="run-5"), CLAIMANT, NOW - 60.0)


def started(ledger):
    ledger.started("run-5", 1, NOW - 50.0)


def other_runs(ledger):
    ledger.claim(
        a_claim(None, run_id="other-1", job="other", trigger="manual", slots=0), CLAIMANT, NOW - 60.0
    )
    ledger.started("other-1", 1, NOW - 50.0)


def skipped_by_hand(ledger):
    ledger.record_verdict(JobKey("job"), Span(SLOT, SLOT, 1), "skipped", "by hand", "run-5", NOW - 10)
    ledger.advance(JobKey("job"), SLOT)
    ledger.close_run("run-5", "skipped", "by hand")


def failed(retry_at):
    return lambda ledger: ledger.ended(
        an_attempt_result("run-5", "failed", reason="exit code 4"), "waiting_retry", retry_at, None
    )


def deferred(ledger):
    ledger.ended(an_attempt_result("run-5", "deferred", reason="not now"), "waiting_retry", NOW + 60, None)


def deferred_at_slot(ledger):
    result = an_attempt_result("run-5", "deferred", reason="not now", started_at=SLOT + 0.5)
    ledger.ended(result, "waiting_retry", NOW + 60, None)


def stopped_tick(ledger):
    """The tick was stopped; its run was interrupted, and the slot was left to the next tick."""
    ledger.ended(an_attempt_result("run-5", "interrupted", reason="stopped"), "waiting_retry", NOW - 10, None)
    ledger.wait(JobKey("job"), "budget", NOW)


def step_waits(ledger):
    ledger.claim(a_claim(None, run_id="run-7", trigger="chain", slots=0), CLAIMANT, NOW - 60.0)
    ledger.started("run-7", 1, NOW - 50.0)
    result = an_attempt_result("run-7", "deferred", reason="not now", started_at=NOW - 50.0)
    ledger.ended(result, "waiting_retry", NOW + 60, None)


def decided(ledger):
    ledger.record_verdict(JobKey("job"), Span(SLOT, SLOT, 1), "success", "", "run-5", NOW)
    ledger.advance(JobKey("job"), SLOT)


def second_run(ledger):
    ledger.claim(a_claim(None, run_id="run-6", trigger="manual", slots=0), CLAIMANT, NOW - 50.0)
    ledger.started("run-6", 1, NOW - 50.0)


@pytest.mark.parametrize(
    ("table", "work", "expected"),
    [
        ("", [decided], "It will run at 2026-03-04 06:00."),
        ("", [decided, lambda ledger: ledger.pause(JobKey("job"), NOW + 2 * HOUR)],
         "It will run at 2026-03-04 07:10: the slot of 2026-03-04 06:00 waits until then (it is paused until 2026-03-04 07:07)."),
        ("", [decided, lambda ledger: ledger.pause(JobKey("job"), None)],
         "It is next due at 2026-03-04 06:00 and will wait then: it is paused until you resume with `scheduled resume job`."),
        ('not_between = ["06:00", "08:00"]', [decided, lambda ledger: ledger.pause(JobKey(""), NOW + 1800)],
         "It will run at 2026-03-04 08:00: the slot of 2026-03-04 06:00 waits until then (quiet hours: 06:00 to 08:00)."),
        ('not_between = ["07:00", "08:00"]', [decided], "It will run at 2026-03-04 06:00."),
        ('grace = "10m"\nnot_between = ["05:30", "05:20"]', [decided],
         "It will run at 2026-03-05 05:20: the slot of 2026-03-04 06:00 waits until then (quiet hours: 05:30 to 05:20)."),
        ('grace = "10m"', [decided, lambda ledger: ledger.pause(JobKey("job"), NOW + 2 * HOUR)],
         "It will run at 2026-03-04 07:10: the slot of 2026-03-04 06:00 cannot start before 2026-03-04 07:07, which is too late for"),
        ('grace = "5m"', [decided, lambda ledger: ledger.pause(JobKey("job"), NOW + 2 * HOUR)],
         "It will run at 2026-03-04 08:00: the slot of 2026-03-04 06:00 cannot start before 2026-03-04 07:07, which is too late for"),
        ("", [], "It is due: its slot of 2026-03-04 05:00 runs at the next tick."),
        ("enabled = false", [], "It will not run: it is disabled in "),
        ("", [lambda ledger: ledger.override(JobKey("job"), False)], "It will not run: it was disabled with `scheduled disable`; enable it with `scheduled enable job`."),
        ("", [lambda ledger: ledger.pause(JobKey(""), None)], "It waits: all jobs are paused until you resume with `scheduled resume`."),
        ("", [lambda ledger: ledger.pause(JobKey("job"), NOW + 60)], "It waits: it is paused until 2026-03-04 05:08."),
        ("", [lambda ledger: ledger.pause(JobKey(""), NOW + 60), lambda ledger: ledger.pause(JobKey("job"), NOW + HOUR)],
         "It waits: all jobs are paused until 2026-03-04 05:08, and it is paused until 2026-03-04 06:07."),
        ('not_between = ["05:08", "05:07"]', [decided], "It will not run again: no tick comes outside of its quiet hours (05:08 to 05:07): ticks come every 5m ("),
        ('not_between = ["05:09", "05:08"]', [],
         "It will not run: no tick comes outside of its quiet hours (05:09 to 05:08): ticks come every 5m ("),
        ('not_between = ["04:00", "08:00"]', [], "It waits: its quiet hours last until 2026-03-04 08:00."),
        ("only_if = { path = '/mnt/disk' }", [lambda ledger: ledger.wait(JobKey("job"), "gate", NOW)],
         "It waits: at the last tick its gate was closed (it requires: /mnt/disk exists)."),
        ("only_if = { path = '/mnt/disk' }", [lambda ledger: ledger.wait(JobKey("job"), "gate", NOW), lambda ledger: ledger.remember("unanswered_gates", '["job"]')],
         "It waits: at the last tick its gate gave no answer within 30 s and counts as closed (it requires: /mnt/disk exists)."),
        ("only_if = { path = '/mnt/disk' }", [lambda ledger: ledger.wait(JobKey("job"), "gate", NOW), lambda ledger: ledger.remember("unasked_gates", '["job"]')],
         "It waits: at the last tick its gate was not asked within 30 s, because others took all of that time, and counts as closed (it requires: /mnt/disk exists)."),
        ("", [lambda ledger: ledger.wait(JobKey("job"), "after", NOW)], "It is due: its slot of 2026-03-04 05:00"),
        ('after = ["other"]\n[jobs.other]\ncommand = "true"', [lambda ledger: ledger.wait(JobKey("job"), "after", NOW)], "It waits: it runs after other."),
        ("", [claimed, started, stopped_tick], "It is due: its slot of 2026-03-04 05:00 runs at the next tick (attempt 2)."),
        ("", [decided, step_waits], "It waits: run-7 ended with exit code 75 (not now); the next attempt is due at 2026-03-04 05:08."),
        ("", [claimed, deferred], "It waits: run-5 ended with exit code 75 (not now); the next attempt is due at 2026-03-04 05:08."),
        ("[catch_up]\nmax_runs = 1", [lambda ledger: ledger.wait(JobKey("job"), "budget", NOW)], "It waits: the last tick reached `max_runs` of `[catch_up]`"),
        ("", [lambda ledger: ledger.wait(JobKey("job"), "budget", NOW)], "It waits: the last tick was stopped before it started its run; the next tick starts it."),
        ("", [claimed], "It is about to start: run-5 is claimed."),
        ("[jobs.other]\ncommand = 'true'", [claimed, other_runs], "It is about to start: run-5 is claimed."),
        ("", [claimed, started], "It is running: run-5, since 2026-03-04 05:06, attempt 1 of 1."),
        ('group = "disk"\n[jobs.other]\ncommand = "true"\ngroup = "disk"', [claimed, other_runs],
         "It waits: run-5 is claimed, and starts after other of its group 'disk'."),
        ('not_between = ["04:00", "08:00"]\ncatch_up = "none"', [], "It waits: its quiet hours last until 2026-03-04 08:00."),
        ('gate_deadline = "8m"\nnot_between = ["05:05", "08:00"]', [claimed, deferred_at_slot],
         "It waits: run-5 ended with exit code 75 (not now); run-5 is given up after 2026-03-04 05:08 (not now; its `gate_deadline` has passed)."),
        ('gate_deadline = "9m"\nnot_between = ["05:05", "08:00"]', [claimed, deferred_at_slot, lambda ledger: ledger.retry_now("run-5", NOW)],
         "It waits: its quiet hours last until 2026-03-04 08:00; run-5 is given up after 2026-03-04 05:09 (not now; its `gate_deadline` has passed)."),
        ('gate_deadline = "7m"', [claimed, deferred_at_slot],
         "It waits: run-5 ended with exit code 75 (not now); run-5 is given up after 2026-03-04 05:07 (not now; its `gate_deadline` has passed)."),
        ('gate_deadline = "6m"', [claimed, deferred_at_slot], "It will run at 2026-03-04 06:00."),
        ("retry = { max_attempts = 3 }", [claimed, failed(NOW + 2 * HOUR)],
         "It waits: attempt 1 of 3 of run-5 failed (exit code 4); a newer slot is due at 2026-03-04 06:00, before the next attempt,"),
        ("retry = { max_attempts = 3 }", [claimed, failed(NOW + 60)],
         "It waits: attempt 1 of 3 of run-5 failed (exit code 4); the next attempt is due at 2026-03-04 05:08."),
        ("", [claimed, failed(None)],
         "It waits for your decision: run-5 was interrupted; `scheduled approve run-5` runs it, `scheduled deny run-5` skips it."),
    ],
)  # fmt: skip
def test_the_sentence_explains_what_the_next_tick_will_do(sentence, table, work, expected):
    assert sentence(table, *work).startswith(expected)


@pytest.mark.parametrize(
    ("at", "work", "expected"),
    [
        (SLOT - HOUR + 60, [], "Its slot of 2026-03-04 04:00 ran as run-4, which succeeded"),
        (SLOT - 3 * HOUR, [], "Its slot of 2026-03-04 02:00 was coalesced into run-4, which succeeded."),
        (SLOT - 6 * HOUR, [], "It was not scheduled at 2026-03-03 23:00"),
        (SLOT, [], "Its slot of 2026-03-04 05:00 is open: it runs at the next tick."),
        (SLOT, [lambda ledger: ledger.wait(JobKey("job"), "budget", NOW)],
         "Its slot of 2026-03-04 05:00 is open: the last tick was stopped before it started its run."),
        (SLOT, [lambda ledger: ledger.wait(JobKey("job"), "after", NOW)],
         "Its slot of 2026-03-04 05:00 is open: the jobs that it runs after have not ended."),
        (SLOT, [claimed], "Its slot of 2026-03-04 05:00 has the run run-5, which is about to start."),
        (SLOT, [claimed, failed(NOW + 60)],
         "Its slot of 2026-03-04 05:00 has the run run-5, which waits for its next attempt."),
        (SLOT, [claimed, failed(NOW + 60), lambda ledger: ledger.record_verdict(JobKey("job"), Span(SLOT, SLOT, 1), "coalesced", "", "run-5", 0)],
         "Its slot of 2026-03-04 05:00 was coalesced into run-5, which waits for its next attempt."),
        (SLOT + 2 * HOUR, [], "Its slot of 2026-03-04 07:00 is in the future."),
        (SLOT, [lambda ledger: ledger.record_verdict(JobKey("job"), Span(SLOT, SLOT, 1), "skipped", "late", None, 0)],
         "Its slot of 2026-03-04 05:00 was skipped: it was later than its `grace` allows."),
        (SLOT, [lambda ledger: ledger.record_verdict(JobKey("job"), Span(SLOT, SLOT, 1), "success", "", None, 0)],
         "Its slot of 2026-03-04 05:00 succeeded (the record of its run was deleted)."),
    ],
)  # fmt: skip
def test_with_an_instant_the_sentence_explains_the_verdict_of_a_slot(sentence, at, work, expected):
    assert sentence("", *work, at=at).startswith(expected)


def skipped(ledger):
    ledger.record_verdict(JobKey("job"), Span(SLOT, SLOT, 1), "skipped", "late", None, NOW)
    ledger.advance(JobKey("job"), SLOT)


def ended(status, reason=""):
    return lambda ledger: ledger.ended(an_attempt_result("run-5", status, reason=reason), status, None, None)


@pytest.mark.parametrize(
    ("every", "at", "slot"),
    [
        ("1h", SLOT, "05:00:30"),
        ("1h", SLOT + 29, "04:00:30"),  # an instant with seconds
        ("1h", SLOT - MINUTE, "04:00:30"),  # a minute without a slot
        ("10s", SLOT, "05:00:00"),  # a minute with several
    ],
)
def test_a_minute_names_the_only_slot_in_it(tmp_path, ledger, every, at, slot):
    key, path = JobKey("own"), tmp_path / "scheduled.toml"
    path.write_text(f'timezone = "UTC"\n[jobs.own]\nevery = "{every}"\ncommand = "true"\n')
    seconds = 10 if every == "10s" else HOUR
    first = SLOT - 5 * HOUR + (30 if seconds == HOUR else 0)
    with ledger.transaction():
        ledger.begin_epoch(key, (Schedule("every", str(seconds), phase=first),), first - 1)

    found = explain(Instance(str(path), str(tmp_path)), "own", datetime.fromtimestamp(at, UTC).isoformat())

    assert found["slot"] == f"2026-03-04T{slot}+00:00"
    assert found["at"] == datetime.fromtimestamp(at, UTC).isoformat()


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ([], "Its last run for its slot of 2026-03-04 04:00 succeeded at "),
        ([claimed], "Its last run for its slot of 2026-03-04 04:00 succeeded at "),
        ([claimed, failed(NOW + 60)], "Its last run for its slot of 2026-03-04 04:00 succeeded at "),
        (
            [claimed, ended("failed", "exit code 4"), decided],
            "Its last run for its slot of 2026-03-04 05:00 failed at ",
        ),
        ([skipped], "Its slot of 2026-03-04 05:00 was skipped: it was later than its `grace` allows."),
        (
            [claimed, started, failed(NOW + 60), skipped_by_hand],
            "Its last run for its slot of 2026-03-04 05:00 was skipped at 2026-03-04 05:06: by hand.",
        ),
    ],
)
def test_an_explanation_leads_with_the_last_outcome(tmp_path, ledger, work, expected):
    with ledger.transaction():
        for do in work:
            do(ledger)
    found = explain(Instance(str(tmp_path / "scheduled.toml"), str(tmp_path)), "job")

    assert list(found)[2:4] == ["last_outcome", "sentence"]
    assert expected in found["last_outcome"]


def test_an_interrupted_attempt_is_not_the_last_one_although_none_is_left(tmp_path, ledger):
    with ledger.transaction():
        for do in (claimed, started, stopped_tick):
            do(ledger)
    found = explain(Instance(str(tmp_path / "scheduled.toml"), str(tmp_path)), "job")

    repeated = "the last one was interrupted, which is repeated regardless of `max_attempts`"
    assert found["attempts"] == f"1 of 1; {repeated}"
    assert found["sentence"].startswith(
        "It is due: its slot of 2026-03-04 05:00 runs at the next tick (attempt 2)"
    )


def test_a_run_that_no_tick_has_started_has_a_reason(tmp_path, ledger):
    with ledger.transaction():
        claimed(ledger)
        ledger.unclaim("run-5")
    instance = Instance(str(tmp_path / "scheduled.toml"), str(tmp_path))

    reasons = [history(instance, "job")[0]["reason"], explain(instance, "job")["last_runs"][0]["reason"]]
    assert reasons == ["claimed by a tick that did not start it; the next tick does"] * 2


def test_a_job_without_runs_has_no_outcome_yet(tmp_path, ledger):  # noqa: ARG001
    (tmp_path / "scheduled.toml").write_text('timezone = "UTC"\n[jobs.new]\ncommand = "true"\n')

    found = explain(Instance(str(tmp_path / "scheduled.toml"), str(tmp_path)), "new")
    assert found["last_outcome"] == "It has not run yet."


@pytest.mark.parametrize(("catch_up", "slot", "covers"), [("latest", "08:00", 3), ("all", "06:00", 3)])
def test_the_facts_are_about_the_slot_that_has_its_turn_next(
    tmp_path, ledger, monkeypatch, catch_up, slot, covers
):
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 3 * HOUR)
    table = f'timezone = "UTC"\n{JOB}catch_up = "{catch_up}"\n'
    (tmp_path / "scheduled.toml").write_text(table)
    with ledger.transaction():
        claimed(ledger)
        ended("success")(ledger)
        decided(ledger)
    instance = Instance(str(tmp_path / "scheduled.toml"), str(tmp_path))

    found = explain(instance, "job")
    assert (found["slot"][11:16], found["open_slots"]) == (slot, covers)
    assert f"its slot of 2026-03-04 {slot} runs at the next tick" in found["sentence"]
    middle = explain(instance, "job", "2026-03-04T07:10")["sentence"]
    assert (
        middle
        == {
            "latest": "Its slot of 2026-03-04 07:00 is open: the run of the slot of 2026-03-04 08:00 will cover it.",
            "all": "Its slot of 2026-03-04 07:00 is open: the older slot of 2026-03-04 06:00 runs first.",
        }[catch_up]
    )


def test_a_claimed_run_that_waits_for_an_executor_is_not_running(sentence):
    other = '[jobs.other]\ncommand = "true"'

    found = sentence(other, claimed, other_runs, head="max_parallel = 1\n")

    assert found == (
        "It waits: run-5 is claimed, and starts when another run ends: at most 1 at once (`max_parallel`)."
    )


def test_a_run_that_has_started_is_named_although_another_one_is_only_claimed(sentence):
    assert sentence("", claimed, second_run).startswith("It is running: run-6, since 2026-03-04 05:06")


@pytest.mark.parametrize(("group", "reason"), [("", "queued"), ('group = "disk"', "group")])
def test_the_open_reason_of_a_claimed_run_is_what_it_waits_for(tmp_path, sentence, group, reason):
    known = lambda ledger: ledger.begin_epoch(JobKey("other"), (Schedule("manual", ""),), SLOT - HOUR)  # noqa: E731
    sentence(f'{group}\n[jobs.other]\ncommand = "true"\n{group}', claimed, other_runs, known)

    found = explain(Instance(str(tmp_path / "scheduled.toml"), str(tmp_path)), "job")

    assert found["open_reason"] == reason


def installed_long_ago(ledger):
    heartbeat.installed(ledger, 300, NOW - 2 * HOUR)


NO_TICK = " But no tick has come since 2026-03-04 03:07: nothing runs until ticks come again (see `scheduled status`)."


@pytest.mark.parametrize(
    ("table", "work", "expected"),
    [
        ("", [], "It is due: its slot of 2026-03-04 05:00 runs at the next tick." + NO_TICK),
        ("", [decided], "It will run at 2026-03-04 06:00." + NO_TICK),
        ("", [claimed, failed(NOW + 60)],
         "It waits: attempt 1 of 1 of run-5 failed (exit code 4); the next attempt is due at 2026-03-04 05:08." + NO_TICK),
        ("enabled = false", [], "It will not run: it is disabled in "),
        ("", [claimed, started], "It is running: run-5, since 2026-03-04 05:06, attempt 1 of 1."),
    ],
)  # fmt: skip
def test_the_sentence_names_that_no_tick_comes_where_one_is_needed(sentence, table, work, expected):
    found = sentence(table, *work, installed_long_ago)

    assert found.startswith(expected)
    assert (NO_TICK in found) == (NO_TICK in expected)


def test_the_sentence_about_an_open_slot_names_that_no_tick_comes(sentence):
    found = sentence("", installed_long_ago, at=SLOT)

    assert found == "Its slot of 2026-03-04 05:00 is open: it runs at the next tick." + NO_TICK


def explained_in(directory, table, begins, *work):
    """Return the explanation of a job with *table* in a new ledger, in which its epoch begins at *begins*."""
    (directory / "scheduled.toml").write_text(f'timezone = "UTC"\n[jobs.job]\ncommand = "true"\n{table}\n')
    schedules = load_config(directory / "scheduled.toml").jobs["job"].schedules
    with closing(LEDGERS["sqlite"](directory)) as ledger, ledger.transaction():
        ledger.begin_epoch(JobKey("job"), schedules, begins)
        for do in work:
            do(ledger)
    return explain(Instance(str(directory / "scheduled.toml"), str(directory)), "job")


@pytest.fixture
def clock_at_now(monkeypatch):
    monkeypatch.setattr("scheduled.clock.now", lambda: NOW + 0.5)


@pytest.mark.usefixtures("clock_at_now")
def test_a_slot_in_its_jitter_has_an_end(tmp_path):
    found = explained_in(tmp_path, 'cron = "0 * * * *"\njitter = "50m"', SLOT - HOUR + MINUTE)

    delay = load_config(tmp_path / "scheduled.toml").jobs["job"].delay
    assert delay > NOW - SLOT
    assert found["sentence"] == (
        "It waits: its `jitter` delays the slot of 2026-03-04 05:00"
        f" until {datetime.fromtimestamp(SLOT + delay, UTC):%Y-%m-%d %H:%M}."
    )


@pytest.mark.usefixtures("clock_at_now")
def test_an_instant_that_was_over_when_the_job_was_added_does_not_run_and_never_ran(tmp_path):
    found = explained_in(tmp_path, 'at = "2026-01-01T00:00"', SLOT)

    assert found["sentence"] == (
        "It will not run: its last slot, 2026-01-01 00:00, was before its schedule took effect."
    )


@pytest.mark.usefixtures("clock_at_now")
def test_after_a_lost_ledger_the_past_begins_with_the_new_one(tmp_path):
    known = [lambda ledger: ledger.succeeded(JobKey("job"), SLOT - HOUR)]

    found = explained_in(tmp_path, 'cron = "0 * * * *"', SLOT - HOUR, *known)

    assert found["last_outcome"] == (
        "The ledger begins at 2026-03-04 04:00 and has no run of it; its slot of 2026-03-04 04:00 succeeded before."
    )


def test_a_start_request_may_be_taken_by_the_tick_at_work(tmp_path, sentence):
    request = StartRequest(id=0, job="job", event="job_failed", payload={}, depth=0)
    done = [
        lambda ledger: ledger.advance(JobKey("job"), SLOT),
        lambda ledger: ledger.request_start(request, NOW),
    ]
    assert sentence("", *done) == "It is due: a start request waits for the next tick."

    directories.prepare(Paths(tmp_path))
    fd = create_locked(Paths(tmp_path).results_of(CLAIMANT.tick))
    other = '[jobs.other]\ncommand = "true"\n'
    try:
        waits = sentence(other, other_runs)
    finally:
        os.close(fd)
    assert (
        waits
        == "It is due: a start request waits until a run of the tick at work ends, or for the next tick."
    )


def test_the_facts_have_the_keys_that_are_set(tmp_path):
    table = (
        'once_per = "day"\nbetween = ["09:00", "17:00"]\nkill_after = "1m"\nstart_delay = "5m"\nwake = true'
    )
    keys = ("kill_after", "overlap", "start_delay", "between", "wake")

    found = explained_in(tmp_path, table + '\noverlap = "skip"', SLOT)

    assert [found[key] for key in keys] == ["1m", "skip", "5m", "09:00 to 17:00", True]


def test_the_facts_name_a_kill_at_once(tmp_path):
    assert explained_in(tmp_path, "kill_after = 0", SLOT)["kill_after"] == "0s (KILL at once)"


def test_the_facts_leave_out_the_keys_that_have_their_default(tmp_path):
    found = explained_in(tmp_path, 'cron = "0 * * * *"', SLOT)

    assert {
        found[key]
        for key in ("fails_if", "expect", "unmet", "kill_after", "overlap", "start_delay", "between", "wake")
    } == {None}


@pytest.mark.parametrize(
    ("minute", "text"),
    [
        (
            7,
            ("attempt 1 of 3 of run-5 failed (exit code 4); the next attempt is due at 2026-03-04 05:30 and will wait then: "
            "quiet hours: 05:20 to 06:00, until the newer slot of 2026-03-04 06:00 replaces it"),
        ),
        (
            35,
            ("its quiet hours last until 2026-03-04 06:00; then the newer slot of 2026-03-04 06:00 replaces run-5, which "
            "waits for its next attempt"),
        ),
    ],
)  # fmt: skip
def test_a_retry_that_waits_for_hours_in_which_a_newer_slot_replaces_it(sentence, monkeypatch, minute, text):
    monkeypatch.setattr("scheduled.clock.now", lambda: SLOT + minute * MINUTE + 0.5)
    table = 'not_between = ["05:20", "06:00"]\nretry = { max_attempts = 3, delay = "25m" }'

    assert sentence(table, claimed, started, failed(SLOT + 30 * MINUTE)) == f"It waits: {text}."


WINDOW = 'timezone = "UTC"\n[jobs.job]\nonce_per = "day"\nbetween = ["09:01", "09:03"]\ncommand = "true"\n'
QUIET = (
    'timezone = "UTC"\n[jobs.job]\ncron = "0 9 * * *"\nnot_between = ["09:03", "09:01"]\ncommand = "true"\n'
)
EVERY = "ticks come every 5m (assumed: no crontab entry starts them)"


@pytest.mark.parametrize(
    ("definition", "missed"),
    [
        (WINDOW, f"no tick comes in its window (`between`, 09:01 to 09:03): {EVERY}"),
        (QUIET, f"no tick comes outside of its quiet hours (09:03 to 09:01): {EVERY}"),
    ],
)
@pytest.mark.parametrize("minutes", [-60, 10])
def test_a_job_without_a_tick_in_its_hours_is_named_by_every_answer(
    tmp_path, ledger, monkeypatch, definition, missed, minutes
):
    """Before its slot, and when the slot waits for the next window."""
    slot = 1_772_614_860  # 2026-03-04 09:01 UTC
    monkeypatch.setattr("scheduled.clock.now", lambda: slot + minutes * MINUTE + 0.5)
    (tmp_path / "scheduled.toml").write_text(definition)
    kind = ("once_per", "day 09:01") if definition == WINDOW else ("cron", "0 9 * * *")
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), slot - 20 * HOUR)
        ledger.begin_epoch(JobKey("job"), (Schedule(*kind),), slot - 20 * HOUR)
    instance = Instance(str(tmp_path / "scheduled.toml"), str(tmp_path))

    again = " again" if minutes < 0 else ""  # the run of an earlier schedule is known
    assert explain(instance, "job")["sentence"] == f"It will not run{again}: {missed}."
    assert (upcoming(instance), instance.notes) == ([], [f"job does not run by itself: {missed}"])
    assert f"job does not run by itself: {missed}" in status(instance)["problems"]
    forecast(instance, "2026-03-04T12:00", "2026-03-06T12:00")
    assert f"job does not run by itself: {missed}" in instance.notes


@pytest.mark.usefixtures("ledger")
def test_a_job_with_a_tick_in_its_hours_is_no_problem(tmp_path):
    (tmp_path / "scheduled.toml").write_text(WINDOW.replace("09:03", "09:06"))
    instance = Instance(str(tmp_path / "scheduled.toml"), str(tmp_path))

    assert not [text for text in status(instance)["problems"] if "does not run by itself" in text]


@pytest.mark.parametrize(
    ("minute", "text"),
    [
        (-60, "It will run at 2026-03-05 09:00: the slot of 2026-03-04 09:00 waits until then (its `jitter` delays it until 2026-03-04 11:44; its window `between`: 09:00 to 09:30)"),
        (5, "It waits: its `jitter` delays the slot of 2026-03-04 09:00 until 2026-03-04 11:44 and will wait then: its window `between`: 09:00 to 09:30"),
    ],
)  # fmt: skip
def test_a_jitter_that_delays_a_slot_until_its_window_is_over_is_named(
    tmp_path, ledger, monkeypatch, minute, text
):
    slot = 1_772_614_800  # 2026-03-04 09:00 UTC
    monkeypatch.setattr("scheduled.clock.now", lambda: slot + minute * MINUTE + 0.5)
    window = WINDOW.replace("09:01", "09:00").replace("09:03", "09:30") + 'jitter = "5h"\n'
    (tmp_path / "scheduled.toml").write_text(window)
    file = str(tmp_path / "scheduled.toml")
    schedules = load_config(tmp_path / "scheduled.toml").jobs["job"].schedules
    with ledger.transaction():
        ledger.end_epoch(JobKey("job"), slot - 20 * HOUR)
        ledger.begin_epoch(JobKey("job"), schedules, slot - 20 * HOUR)

    assert explain(Instance(file, str(tmp_path)), "job")["sentence"] == f"{text}."
    warned = [warning for warning in check(tmp_path / "scheduled.toml")["warnings"] if "jitter: " in warning]
    assert len(warned) == 1
    assert "and no tick comes after that in its window (`between`, 09:00 to 09:30)" in warned[0]


def test_a_jitter_that_ends_in_the_window_needs_no_warning(tmp_path):
    window = WINDOW.replace("09:01", "09:00").replace("09:03", "14:00") + 'jitter = "5h"\n'
    (tmp_path / "scheduled.toml").write_text(window)

    found = check(tmp_path / "scheduled.toml")

    assert not [warning for warning in found["warnings"] if "jitter" in warning]
