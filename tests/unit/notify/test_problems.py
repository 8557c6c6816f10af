"""A notice about a problem is made when it appears and then once a day. `current` is tested end to end and in test_cli.py."""

import pytest
from msgspec.structs import replace

from scheduled.core.conditions import Condition
from scheduled.core.configured_jobs import Jobs
from scheduled.core.incidents import Policy
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.troubles import Trouble
from scheduled.notify import incidents, problems
from scheduled.notify.incident_texts import text
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import DAY
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import CLAIMANT, a_claim, an_attempt_result, end

NOON = 1_770_000_000.5
SINCE = "; since 2026-02-02 02:40"


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


def printed(ledger, found, at):
    """Record problems as a tick does that comes *at* seconds after noon; return the texts of the notices."""
    troubles, now = problems.of_kind("failed", found), NOON + at
    with ledger.transaction():
        known = problems.record(ledger, troubles, now)
        messages = incidents.advance(ledger, Jobs(), troubles, Policy(), now, known)
    return [text(message, now, "UTC") for message in messages]


def test_a_problem_is_printed_when_it_appears_and_then_once_a_day(ledger):
    problem = {"job:a": "a: failed"}

    assert [printed(ledger, problem, at) for at in (0, 300, DAY - 1, DAY, DAY + 300, 2 * DAY)] == [
        ["a: failed"], [], [], [f"a: failed{SINCE}"], [], [f"a: failed{SINCE}"],
    ]  # fmt: skip


def test_a_problem_that_returns_is_printed_again(ledger):
    problem = {"job:a": "a: failed"}

    assert [printed(ledger, found, at) for at, found in enumerate((problem, {}, problem))] == [
        ["a: failed"], [], ["a: failed"],
    ]  # fmt: skip


def test_a_new_problem_is_printed_without_the_known_ones(ledger):
    printed(ledger, {"a": "one"}, 0)

    assert printed(ledger, {"a": "one", "b": "two"}, 1) == ["two"]


def test_a_new_text_for_a_known_problem_is_recorded_but_not_printed(ledger):
    printed(ledger, {"job:a": "a: failed: exit code 1"}, 0)

    assert printed(ledger, {"job:a": "a: failed: exit code 2"}, 1) == []
    assert [known.condition.payload for known in ledger.conditions(problems.OWNER)] == [
        {"text": "a: failed: exit code 2"}
    ]


def test_a_clock_that_was_set_back_suppresses_no_reminder(ledger):
    found = [printed(ledger, {"a": "one"}, at) for at in (10 * DAY, 0, DAY)]

    assert found == [["one"], [], [f"one{SINCE}"]]


def test_problems_of_scheduled_are_separate_from_the_conditions_of_jobs(ledger):
    with ledger.transaction():
        ledger.put_condition(JobKey("health"), Condition(key="a", group="g"), NOON)
    printed(ledger, {"a": "one"}, 0)
    printed(ledger, {}, 1)

    assert [(known.job, known.condition.key) for known in ledger.conditions()] == [("health", "a")]


def test_errors_that_a_handler_found_are_problems_of_its_enabled_job(ledger):
    def condition(number, severity):
        return Condition(key=str(number), group="g", payload={"text": f"no {number}"}, severity=severity)

    with ledger.transaction():
        for number, severity in enumerate(["error"] * 5 + ["warning", "fact"], 1):
            ledger.put_condition(JobKey("health"), condition(number, severity), NOON)

    jobs = {
        enabled: Jobs({"health": Job(name="health", schedules=(), action=Action("handler"), enabled=enabled)})
        for enabled in (True, False)
    }
    expected = "health: no 1; no 2; no 3; and 2 more (scheduled incidents)"
    assert [problems.errors_found(ledger, found) for found in (jobs[True], jobs[False], Jobs())] == [
        [expected],
        [],
        [],
    ]


def test_without_problems_nothing_is_printed(ledger):
    assert (printed(ledger, {}, 0), ledger.conditions()) == ([], [])


JOBS = Jobs(
    {
        name: Job(
            name=name,
            schedules=(Schedule("cron", "0 * * * *"),),
            action=Action("command", words=("true",)),
            enabled=name != "disabled",
        )
        for name in ("job", "disabled")
    }
)


def ran(ledger, *statuses, job="job"):
    """Let a job have runs that end with *statuses*; return the text of its failure."""
    for place, status in enumerate(statuses, start=1):
        claim = a_claim(place * 3600, run_id=f"run-{place}", job=job)
        with ledger.transaction():
            ledger.claim(claim, CLAIMANT, float(place))
        end(ledger, an_attempt_result(claim.run_id, reason="why"), status)
    return problems.failing(ledger, JOBS)


def test_a_job_is_failing_from_a_failure_until_a_success(ledger):
    assert ran(ledger, "success") == {}
    assert ran(ledger, "success", "timed_out") == {
        JobKey("job"): Trouble(
            text="job: timed_out: why (scheduled logs job)",
            kind="timed_out",
            subject=JobKey("job"),
            run_id="run-2",
            sign="timed_out: why",
            failed=1,
        )
    }


@pytest.mark.parametrize(
    ("statuses", "failing"),
    [
        (("failed", "skipped"), True),
        (("failed", "skipped", "skipped"), True),
        (("failed", "skipped", "success", "skipped"), False),
        (("failed", "success"), False),
        (("skipped",), False),
    ],
)
def test_a_skipped_run_does_not_make_a_failing_job_healthy(ledger, statuses, failing):
    assert bool(ran(ledger, *statuses)) is failing


def test_a_failing_target_is_named_so_that_no_job_of_the_same_name_is_meant():
    (listed,) = Jobs(
        {"lst": Job(name="lst", schedules=(), action=Action("command", words=("true",)))}
    ).values()
    key = JobKey("lst", "a%/b")

    assert problems.named(Jobs({"lst": listed}), key) == str(key)
    assert problems.named(Jobs({"lst": listed, str(key): listed}), key) == "lst@%61%25%2Fb"


@pytest.mark.parametrize("job", ["disabled", "removed"])
def test_only_enabled_jobs_are_failing(ledger, job):
    assert ran(ledger, "failed", job=job) == {}


def test_errors_of_disabled_jobs_keep_out_none_of_an_enabled_one(ledger):
    def error(number):
        return Condition(key=f"k{number}", group="g", payload={"text": "x"}, severity="error")

    job = Job(name="on", schedules=(), action=Action("handler", line="health"))
    jobs = Jobs({"on": job, "off": replace(job, name="off", enabled=False)})
    with ledger.transaction():
        for number in range(problems.MOST):
            ledger.put_condition(JobKey("off"), error(number), NOON + number)
        ledger.put_condition(JobKey("on"), error(1), NOON + problems.MOST)

    assert problems.found_by_handlers(ledger, jobs).keys() == {"found:on:k1"}
