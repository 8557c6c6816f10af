"""The steps of a chain's run: which run belongs to which step of the current attempt."""

from scheduled.core.chain_steps import step_number, steps_of
from scheduled.core.records import CHAIN, RunRow


def row(run_id, job="chain", status="success", step=0, **fields):
    defaults = {
        "target": "", "slot": None, "slots": 0, "trigger": "chain", "attempt": 1, "reason": "", "retry_at": None, "tick": "t",
        "host": "h", "claimed_at": 0.0, "started_at": 0.0, "finished_at": 1.0, "duration_ms": 1000, "exit_code": 0,
    }  # fmt: skip
    return RunRow(run_id=run_id, job=job, status=status, step=step, **defaults | fields)


def a_chain(status, at, round_=0):
    progress = {"steps": [["fetch"], ["parse", "index"], ["fetch"]], "at": at, "round": round_}
    return row("chain-1", status=status, tick=CHAIN, payload=progress)


def ids(chain, *children):
    found = steps_of(chain, children)
    return [{str(key): run and run.run_id for key, run in step} for step in found]


def test_each_step_has_the_runs_that_it_started_and_the_other_jobs_have_none():
    children = [row("f1", "fetch", step=0), row("p1", "parse", step=1), row("i1", "index", "failed", step=1)]

    assert ids(a_chain("failed", 1, round_=1), *children) == [
        {"fetch": "f1"},
        {"parse": "p1", "index": "i1"},
        {"fetch": None},  # the same job in a later step
    ]


def test_a_retry_keeps_the_steps_before_the_failed_one_and_replaces_its_runs():
    first = [row("f1", "fetch", step=0), row("p1", "parse", step=1), row("i1", "index", "failed", step=1)]

    assert ids(a_chain("running", 1, round_=1), *first, row("i2", "index", step=1001)) == [
        {"fetch": "f1"},
        {"parse": "p1", "index": "i2"},
        {"fetch": None},
    ]


def test_an_attempt_that_begins_again_has_not_started_the_later_steps():
    first = [row("f1", "fetch", step=0), row("p1", "parse", "failed", step=1), row("f2", "fetch", step=2)]

    assert ids(a_chain("running", 0, round_=1), *first)[1:] == [
        {"parse": None, "index": None},
        {"fetch": None},
    ]
    assert ids(a_chain("failed", 0, round_=1), *first)[1:] == [
        {"parse": "p1", "index": None},
        {"fetch": "f2"},
    ]


def test_only_the_run_of_a_chain_has_steps():
    assert steps_of(row("r1", payload={"steps": [["a"]], "at": 0}), []) is None
    assert steps_of(row("r1", tick=CHAIN), []) is None  # claimed, not begun


def test_the_steps_of_each_attempt_have_their_own_numbers():
    assert [step_number({"at": 2}), step_number({"at": 2, "round": 3})] == [2, 3002]
