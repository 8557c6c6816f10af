"""Which starts wait for gates that have not answered, and what is recorded about gates without an answer."""

from types import SimpleNamespace

import msgspec
import pytest

from scheduled.core.configured_jobs import Jobs
from scheduled.core.jobs import Action, Gate, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import Claim
from scheduled.core.starts import Start, places, rank
from scheduled.engine.tick_gates import NO_ANSWER, NOT_ASKED, REASONS, TickGates, problems, without_answer
from scheduled.notify.problems import about
from scheduled.schedules.schedule import Schedule
from tests.fixtures.ledgers import LEDGERS

ORDER = ("high", "gated", "same", "low", "critical")
PRIORITY = {"high": "high", "low": "low", "critical": "critical"}


def a_job(name):
    gate = Gate(path="/nowhere") if name == "gated" else None
    after = ("gated",) if name == "low" else ()
    return Job(
        name=name,
        schedules=(Schedule("manual", ""),),
        action=Action("command", line="true"),
        priority=PRIORITY.get(name, "medium"),
        only_if=gate,
        after=after,
    )


def a_start(name, slot=60):
    claim = Claim(run_id=name, job=name, slot=slot, attempt=1, slots=1, trigger="schedule", window_start=None)
    return Start(claim=claim)


@pytest.fixture
def asking():
    return SimpleNamespace(answers={}, pending={"gated"}, unanswered=[], unasked=[])


@pytest.fixture
def gates(asking):
    jobs = Jobs({name: a_job(name) for name in ORDER})
    return TickGates(jobs, asking, {"gated": rank(jobs["gated"], a_start("gated"), places(jobs))})


GATED = {"gated": a_job("gated")}
CLOSED = " and counts as closed"


def admitted(gates, *starts):
    return [start.claim.job for start in gates.admitted(starts)]


def test_only_starts_before_a_gate_that_is_asked_and_critical_ones_are_admitted(gates):
    starts = [a_start(name) for name in ("critical", "high", "same", "low")]

    assert admitted(gates, *starts) == ["critical", "high"]
    assert gates.gates.unchecked == {"gated"}
    assert admitted(gates, a_start("same", slot=0)) == ["same"]


@pytest.mark.parametrize("is_open", [True, False])
def test_after_the_answer_all_that_waited_is_planned_again_and_nothing_waits(gates, asking, is_open):
    admitted(gates, a_start("same"), a_start("high"))
    asking.answers, asking.pending = {"gated": is_open}, set()

    assert gates.gates.closed == (set() if is_open else {"gated"})
    assert gates.gates.unchecked == set()
    assert gates.to_plan() == {JobKey("gated"), JobKey("same"), JobKey("low")}
    assert admitted(gates, a_start("same")) == ["same"]


@pytest.mark.parametrize("unheard", ["", "unanswered", "unasked"])
@pytest.mark.parametrize("skips", [True, False])
def test_only_a_gate_that_answered_skips_its_slots(asking, unheard, skips):
    job = msgspec.structs.replace(a_job("gated"), only_if=Gate(path="/nowhere", skips=skips))
    asking.answers, asking.pending = {"gated": False}, set()
    if unheard:
        setattr(asking, unheard, ["gated"])
    found = TickGates(Jobs({"gated": job}), asking, {}).gates

    assert found.closed == {"gated"}
    assert found.refused == ({"gated"} if skips and not unheard else set())


def test_a_gate_without_an_answer_is_recorded_until_it_answers(gates, asking, tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    asking.unanswered = ["gated"]

    with ledger.transaction():
        (warning,) = gates.remember(ledger)
    noted = without_answer(ledger, GATED)
    asking.unanswered = []
    with ledger.transaction():
        nothing = gates.remember(ledger)

    assert warning == "gated: its gate gave no answer within 30 s and counts as closed"
    assert (noted, nothing, without_answer(ledger, GATED)) == ({"gated": NO_ANSWER + CLOSED}, [], {})
    ledger.close()


@pytest.mark.parametrize(
    ("unanswered", "unasked", "why"),
    [
        (["gated"], [], "gave no answer within 30 s"),
        ([], ["gated"], "was not asked within 30 s, because others took all of that time"),
    ],
)
def test_a_guard_without_an_answer_makes_the_run_wait_and_skips_nothing(
    asking, tmp_path, unanswered, unasked, why
):
    guarded = msgspec.structs.replace(GATED["gated"], only_if=Gate(path="/nowhere", skips=True))
    jobs, ledger = Jobs({"gated": guarded}), LEDGERS["sqlite"](tmp_path)
    asking.unanswered, asking.unasked = unanswered, unasked

    with ledger.transaction():
        (warning,) = TickGates(jobs, asking, {}).remember(ledger)

    then = f"{why}, so the run waits and is not skipped"
    assert (warning, without_answer(ledger, jobs)) == (f"gated: its gate {then}", {"gated": then})
    assert then in problems(ledger, jobs)["gate:gated"]
    ledger.close()


def test_a_gate_that_was_not_asked_is_recorded_as_such_until_it_is_asked(gates, asking, tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    found = []
    for asking.unanswered, asking.unasked in (["gated"], []), ([], ["gated"]), ([], []):
        with ledger.transaction():
            found.append((gates.remember(ledger), without_answer(ledger, GATED)))

    assert found[1:] == [
        (
            [
                "gated: its gate was not asked within 30 s, because others took all of that time, and counts as closed"
            ],
            {"gated": NOT_ASKED + CLOSED},
        ),
        ([], {}),
    ]
    ledger.close()


@pytest.mark.parametrize("key", ["unanswered_gates", "unasked_gates"])
def test_a_gate_without_an_answer_is_a_problem_that_names_job_and_gate(tmp_path, key):
    ledger = LEDGERS["sqlite"](tmp_path)
    jobs = Jobs({name: a_job(name) for name in ORDER})
    disabled = Jobs({"gated": msgspec.structs.replace(jobs["gated"], enabled=False)})
    with ledger.transaction():
        ledger.remember(key, '["gated", "high", "removed"]')

    found = problems(ledger, jobs)

    expected = f"gated: its gate (/nowhere exists) {REASONS[key]}{CLOSED} (scheduled explain gated)"
    assert found == {"gate:gated": expected}
    assert about("gate:gated") == JobKey("gated")
    assert problems(ledger, disabled) == {}
    ledger.close()


def test_a_damaged_record_counts_as_empty(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        ledger.remember("unanswered_gates", "[1")

    assert without_answer(ledger, GATED) == {}
    ledger.close()
