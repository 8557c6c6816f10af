"""When the targets of a list that changes by itself begin and end, and which lists a tick reads."""

from contextlib import closing
from datetime import datetime

import msgspec
import pytest

from scheduled.config.files import load_config
from scheduled.config.last_targets import LISTS, recall
from scheduled.core.keys import JobKey
from scheduled.core.manual import ManualRequest
from scheduled.core.targets import LastTargets
from scheduled.engine import claims, edits, gaps, planning, publish, registration, target_lists
from scheduled.engine.settle import SettleContext, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.notify import problems
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import CLAIMANT, an_attempt_result

TEXT = """timezone = "UTC"
[jobs.sync]
cron = "2 * * * *"
for_each = { command = "ls" }
command = "true"
[jobs.step]
for_each = { command = "ls" }
command = "true"
[jobs.last]
after = ["lead"]
for_each = "branches"
command = "true"
[jobs.lead]
cron = "30 * * * *"
chain = ["step"]
[jobs.written]
for_each = ["a"]
command = "true"
"""


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


@pytest.fixture
def ledger(tmp_path):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as found:
        yield found


@pytest.fixture
def tick(tmp_path, ledger):
    """Return a function that plans as a tick does in which the list has these targets; it returns the slots that start."""
    path = tmp_path / "scheduled.toml"
    path.write_text(TEXT)

    def tick(now, *targets, cron="2 * * * *"):
        path.write_text(TEXT.replace("2 * * * *", cron))
        config = msgspec.structs.replace(load_config(path), read_at=at(now))
        with ledger.transaction():
            ledger.remember(LISTS, lists(sync=targets))
            registration.register(ledger, config, at(now))
            plan = planning.plan_and_record(ledger, config, at(now))
            started = claims.take(ledger, plan.starts, CLAIMANT, at(now))
            gaps.remember_tick(ledger, config.jobs, at(now), at(now))
            context = SettleContext(jobs=config.jobs, now=float(at(now)), zone="UTC", compose=lambda *_: [])
            for run in ledger.open_runs():
                settle_attempt(ledger, context, run, an_attempt_result(run.run_id), Reported())
        claimed = [start.claim for start in started if start.claim.job == "sync"]
        return [(claim.target, f"{claim.slot % 3600 // 60:02}") for claim in claimed]

    return tick


def lists(**found):
    return msgspec.json.encode(
        {name: LastTargets("command:ls", 1.0, one) for name, one in found.items()}
    ).decode()


def test_a_new_target_takes_part_in_the_slot_for_which_the_list_was_read(tick):
    assert tick("13:58", "a") == []
    assert tick("14:05", "a", "b") == [("a", "02"), ("b", "02")]
    assert tick("14:10", "a", "b", "c") == []  # the slot was planned before
    assert tick("15:02", "a", "b", "c", "d") == [(target, "02") for target in "abcd"]


def test_a_new_target_is_not_caught_up(tick):
    assert tick("13:58", "a") == []
    assert tick("18:05", "a", "b") == [("a", "02"), ("b", "02")]


def test_a_target_that_is_gone_has_no_slot_since_the_last_tick_and_may_come_back(tick, ledger):
    tick("13:58", "a", "b")
    assert tick("14:05", "a") == [("a", "02")]
    gone = {(row.key, row.verdict) for row in ledger.slot_rows() if row.key.target == "b"}
    back = tick("15:05", "a", "b")

    assert (gone, back) == (set(), [("a", "02"), ("b", "02")])
    ends = [epoch.ends_at for epoch in ledger.epochs() if epoch.key == JobKey("sync", "b")]
    assert ends == [at("13:58") - 1, None]


def test_a_failed_target_that_comes_back_has_not_failed_before_it_runs(tick, ledger, tmp_path):
    tick("13:58", "a", "b")
    tick("14:05", "a", "b")
    ledger._db.execute("UPDATE jobs SET last_status = 'failed'")
    ledger._db.execute("UPDATE runs SET status = 'failed'")
    tick("14:10", "a")
    tick("14:15", "a", "b")

    config = load_config(tmp_path / "scheduled.toml")
    recall(config, ledger)
    failing = problems.failing(ledger, config.jobs)
    assert [key.target for key in failing if key.job == "sync"] == ["a"]


def test_a_new_target_after_an_edit_of_the_schedule_begins_as_a_new_job(tick):
    tick("13:58", "a")
    assert tick("14:05", "a", "b", cron="3 * * * *") == []
    assert tick("15:05", "a", "b", cron="3 * * * *") == [("a", "03"), ("b", "03")]


def test_a_command_that_registers_an_edit_uses_the_targets_of_the_newest_tick(tick, ledger, tmp_path):
    tick("13:58", "a", "b")
    config = msgspec.structs.replace(load_config(tmp_path / "scheduled.toml"), read_at=at("14:00"))
    config.give_targets({"sync": ("a",)})  # read before that tick
    with ledger.transaction():
        registration.register(ledger, config, at("14:00"), made_now=["sync"])

    assert {key.target for key in ledger.job_states() if key.job == "sync"} == {"a", "b"}
    assert edits.last_read(ledger, at("14:00")) == at("14:00")


@pytest.fixture
def due(tick, ledger, tmp_path):
    """Return a function that returns the jobs of which a tick reads the list."""
    tick("13:58", "a")

    def due(now, *requested, only=None, known=("sync", "step", "last"), **changes):
        config = load_config(tmp_path / "scheduled.toml")
        with ledger.transaction():
            ledger.remember(
                LISTS, lists(**dict.fromkeys(known, ("a",))).replace("ls", changes.pop("source", "ls"))
            )
        for name, values in changes.items():
            config.jobs[name] = msgspec.structs.replace(config.jobs[name], **values)
        recall(config, ledger)
        requests = [ManualRequest(name) for name in requested]
        return [job.name for job in target_lists._due(ledger, config, at(now), requests, only)]

    return due


def test_a_tick_reads_the_list_of_a_job_of_which_a_slot_came_due(due):
    unscheduled = ["step", "last"]  # at every tick: something may start them

    assert due("14:01") == unscheduled
    assert due("14:02") == ["sync", *unscheduled]
    assert due("14:02", sync={"enabled": False}) == unscheduled
    assert due("14:02", only=["sync"]) == ["sync"]
    assert due("14:02", only=["lead"]) == due("14:01", only=[]) == []
    assert due("14:01", known=["step"]) == ["sync", *unscheduled]  # no record
    assert due("14:01", source="ls -a") == ["sync", *unscheduled]  # edited


def test_a_request_reads_the_lists_of_what_it_may_start(due):
    assert due("14:02", "sync") == ["sync"]
    assert due("14:01", "sync", sync={"enabled": False}) == ["sync"]
    assert due("14:02", "lead") == ["step", "last"]
    assert due("14:02", "written") == []
    assert due("14:02", "last") == ["last"]


def test_a_tick_is_due_when_a_job_without_targets_is(tmp_path):
    path = tmp_path / "scheduled.toml"
    path.write_text(TEXT)

    class Runtime:
        config = load_config(path)

    assert publish._lists_due(Runtime, at("14:00")) == [at("14:02")]
