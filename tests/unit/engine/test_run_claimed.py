from scheduled.core.bus import Bus
from scheduled.core.jobs import Action, Job
from scheduled.core.runs import Claim
from scheduled.engine import chains
from scheduled.engine.run_claimed import RunClaimed
from scheduled.schedules.schedule import Schedule

CLAIM = Claim(run_id="a-1", job="a", slot=None, attempt=1, slots=1, trigger="manual")


def claimed(action):
    return RunClaimed(job=Job(name="a", schedules=(Schedule("manual"),), action=action), claim=CLAIM)


def test_a_run_is_taken_once_and_a_second_executor_is_reported():
    problems = []
    bus = Bus(problems.append)
    bus.subscribe(RunClaimed, lambda run: run.take(chains.begin))
    bus.subscribe(RunClaimed, lambda run: run.take(print))
    run = claimed(Action("command", line="true"))

    bus.publish(run)

    assert run.begin == chains.begin
    assert problems == [
        "a subscriber of run_claimed failed: RuntimeError: a-1: already taken by another executor"
    ]


def test_only_chains_are_taken_by_the_executor_of_chains():
    runs = [claimed(Action("chain", steps=(("b",),))), claimed(Action("command", line="true"))]

    for run in runs:
        chains.take_over({}, run)

    assert [getattr(run.begin, "func", None) for run in runs] == [chains.begin, None]
    assert runs[1].begin is None
