"""`approve` with real ticks: runs wait, two answers at once give one run, and an answer outlives a crash."""

import json
import re

import pytest

from scheduled.commands import approvals
from scheduled.service import Instance

DAY = "2026-12-01"
SLOT = "deploy-20261201T090000Z"


@pytest.fixture
def configured(world):
    """Return a function that configures the job `deploy`, due at 09:00, with these lines, and makes a first tick before."""

    def configure(*lines, cron="0 9 * * *", more=""):
        text = "\n".join(lines)
        world.configure(
            f'timezone = "UTC"\n[jobs.deploy]\ncron = "{cron}"\ncommand = "echo $SCHEDULED_RUN_ID >> {world.root}/ran"\n'
            f"{text}\n{more}"
        )
        world.run("run", at=f"{DAY} 08:30:00")
        return world

    return configure


def ran(world):
    path = world.root / "ran"
    return path.read_text().split() if path.exists() else []


def history(world, at):
    return [(run["run_id"], run["status"], run["reason"]) for run in world.json("history", at=at)]


def test_a_due_slot_waits_until_it_is_approved(configured):
    world = configured("approve = true")
    tick = world.run("run", at=f"{DAY} 09:00:00")
    at = f"{DAY} 09:05:00"
    waits = (
        f"deploy: waits for approval since {DAY} 09:00: `scheduled approve {SLOT}` or `scheduled deny {SLOT}`"
    )

    assert (tick.returncode, ran(world)) == (0, [])
    assert waits in tick.stderr
    assert waits in world.run("status", at=at).stdout
    assert (
        f"It waits for approval since {DAY} 09:00: `scheduled approve {SLOT}` runs it"
        in world.run("explain", "deploy", at=at).stdout
    )
    assert world.json("jobs", at=at)[0]["open_reason"] == "ask"
    assert world.json("run", "--dry-run", at=at)[0]["open_reason"] == "ask"
    assert world.json("next", at=at)[0] | {"assumed": None} == {
        "job": "deploy", "target": None, "scheduled_for": f"{DAY}T09:00:00+00:00", "runs_at": None, "reason": "ask", "assumed": None,
    }  # fmt: skip
    assert world.run("run", at=at).stderr == ""
    assert world.json("approve", SLOT, "--dry-run", at=at)[0]["reason"] == f"approves {SLOT}"

    done = world.json("approve", SLOT, at=at)

    assert ([run["run_id"] for run in done["runs"]], ran(world)) == ([SLOT], [SLOT])
    assert world.run("audit", at=at).returncode == 0
    assert "waits for approval" not in world.run("status", at=at).stdout


def test_predictions_assume_that_runs_are_approved_and_name_it(configured):
    world = configured("approve = true")
    at = f"{DAY} 08:31:00"

    assert world.json("next", "-n", "1", at=at)[0]["assumed"] == ["cadence", "approval"]
    assert world.json("forecast", "--from", DAY, "--to", "2026-12-02", at=at)[0]["assumed"] == [
        "cadence",
        "approval",
    ]
    assert "runs are approved at once (assumed) of deploy" in world.run("next", at=at).stdout
    assert f"It will ask for approval at {DAY} 09:00." in world.run("explain", "deploy", at=at).stdout
    (line,) = world.json("run", "--dry-run", at=f"{DAY} 09:00:00")
    assert (line["open_reason"], line["reason"]) == ("ask", "asks for approval")


def test_a_denied_slot_is_skipped_and_is_no_trouble(configured):
    world = configured("approve = true")
    world.run("run", at=f"{DAY} 09:00:00")
    at = f"{DAY} 09:05:00"

    assert world.json("deny", "deploy", "--dry-run", at=at)["run_id"] == SLOT
    assert world.run("deny", "deploy", at=at).returncode == 0

    assert history(world, at) == [(SLOT, "skipped", "denied")]
    assert (world.run("run", at=at).stderr, world.run("status", at=at).returncode, ran(world)) == ("", 0, [])
    assert (
        "you denied it with `scheduled deny`"
        in world.run("explain", "deploy", "--at", f"{DAY} 09:00", at=at).stdout
    )
    for command in ("approve", "deny"):
        refused = world.run(command, SLOT, at=at)
        assert (refused.returncode, "it has ended as skipped (denied)" in refused.stderr) == (2, True)
    assert "no run of it waits for an answer" in world.run("approve", "deploy", at=at).stderr


@pytest.mark.parametrize(
    ("default", "ended", "trouble"),
    [
        ("", ("skipped", "not approved in time"), "deploy: skipped: it was not approved in time"),
        (', default = "approve"', ("success", None), None),
    ],
)
def test_at_the_deadline_the_default_answer_decides(configured, default, ended, trouble):
    world = configured(f'approve = {{ by = "2h"{default} }}')
    world.run("run", at=f"{DAY} 09:01:00")
    world.run("run", at=f"{DAY} 09:01:30")  # the one before has printed something, so this one is not idle
    assert world.snapshot()["next_due"] == f"{DAY}T11:01:00+00:00"

    (first,) = world.json("next", "-n", "1", at=f"{DAY} 09:02:00")
    runs_at = f"{DAY}T11:05:00+00:00" if default else None
    assert (first["reason"], first["runs_at"]) == ("ask", runs_at)

    before = history(world, f"{DAY} 11:00:00")
    world.run("run", at=f"{DAY} 11:00:00")
    assert before == history(world, f"{DAY} 11:00:00") and before[0][1] == "waiting_retry"
    tick = world.run("run", at=f"{DAY} 11:01:10")

    assert history(world, f"{DAY} 11:02:00") == [(SLOT, *ended)]
    assert (trouble or "") in tick.stderr
    assert world.run("audit", at=f"{DAY} 11:02:00").returncode == 0


def test_a_newer_slot_asks_instead_and_an_answer_to_the_older_one_names_it(configured):
    world = configured("approve = true", cron="0 * * * *")
    for hour in ("09", "10"):
        world.run("run", at=f"{DAY} {hour}:00:00")
    newer, at = "deploy-20261201T100000Z", f"{DAY} 10:05:00"

    refused = world.run("approve", SLOT, at=at)

    assert (refused.returncode, f"superseded by {newer}" in refused.stderr, ran(world)) == (2, True, [])
    assert world.run("approve", newer, at=at).returncode == 0
    assert (ran(world), world.run("audit", at=at).returncode) == ([newer], 0)


def test_with_all_each_slot_asks_in_turn(configured):
    world = configured("approve = true", 'catch_up = "all"', cron="0 * * * *")
    for hour in ("09", "10"):
        world.run("run", at=f"{DAY} {hour}:00:00")
    waiting = [run["run_id"] for run in world.json("history", at=f"{DAY} 10:01:00")]
    world.run("deny", SLOT, at=f"{DAY} 10:01:00")
    world.run("run", at=f"{DAY} 10:02:00")

    assert waiting == [SLOT]
    assert [run[:2] for run in history(world, f"{DAY} 10:03:00")] == [
        ("deploy-20261201T100000Z", "waiting_retry"),
        (SLOT, "skipped"),
    ]


def test_a_person_who_runs_the_job_approves_it(configured):
    world = configured("approve = true")

    assert world.run("run", "deploy", at=f"{DAY} 08:40:00").returncode == 0
    world.run("run", at=f"{DAY} 09:00:00")
    assert world.run("run", "deploy", "--for", f"{DAY}T09:00", at=f"{DAY} 09:01:00").returncode == 0

    assert len(ran(world)) == 2 and ran(world)[1] == SLOT
    assert world.run("status", at=f"{DAY} 09:02:00").returncode == 0


STEPS = """
[jobs.chained]
cron = "0 9 * * *"
chain = ["deploy", "report"]
[jobs.report]
command = "true"
"""


@pytest.mark.parametrize(("answer", "status"), [("approve", "success"), ("deny", "failed")])
def test_a_step_asks_and_its_chain_waits_for_the_answer(configured, answer, status):
    world = configured("approve = true", cron="0 9 1 1 *", more=STEPS)
    world.run("run", at=f"{DAY} 09:00:00")
    at = f"{DAY} 09:05:00"
    assert "step 1 of 2: deploy waits for approval" in world.run("explain", "chained", at=at).stdout

    world.run(answer, "deploy", at=at)
    world.run("run", at=at)

    (chain,) = world.json("history", "chained", at=at)
    assert chain["status"] == status
    assert (chain["reason"] or "") == (
        "" if answer == "approve" else "step 1 of 2: deploy was skipped: denied"
    )


def test_a_skip_that_is_undone_asks_again(configured):
    world = configured("approve = true")
    world.run("run", at=f"{DAY} 09:00:00")
    world.run("skip", "deploy", at=f"{DAY} 09:01:00")
    world.run("skip", "deploy", "--undo", at=f"{DAY} 09:02:00")
    world.run("run", at=f"{DAY} 09:03:00")

    assert (ran(world), world.json("jobs", at=f"{DAY} 09:04:00")[0]["open_reason"]) == ([], "ask")


def event_run(world, more=""):
    """Let a run for an event ask, at the real time; return its id."""
    world.configure(
        f'[jobs.deploy]\non = "release"\ncommand = "echo ran >> {world.root}/ran"\napprove = true\n{more}'
    )
    world.run("emit", "release")
    world.run("run")
    return world.json("history")[0]["run_id"]


def test_each_of_several_runs_that_wait_is_a_question_of_its_own(world):
    first = event_run(world)
    world.run("emit", "release")
    printed = world.run("run").stderr

    second = world.json("history")[0]["run_id"]
    status = world.run("status").stdout
    refused = world.run("approve", "deploy").stderr

    assert (f"`scheduled deny {second}`" in printed, f"`scheduled deny {first}`" in printed) == (True, False)
    assert all(f"`scheduled approve {run}` or `scheduled deny {run}`" in status for run in (first, second))
    assert [entry["run_id"] for entry in world.json("incidents")] == [first, second]
    assert "several runs of it wait for an answer; name one of them: " in refused


def test_a_run_for_an_event_names_it_and_is_announced_if_it_was_not_approved_in_time(world):
    world.configure(
        'timezone = "UTC"\n[jobs.q]\non = "boom"\ncommand = "true"\napprove = { by = "1h", default = "deny" }\n'
    )
    world.run("emit", "boom", "disk=/home", at=f"{DAY} 08:50:00")
    asked = world.run("run", at=f"{DAY} 08:51:00").stderr
    over = world.run("run", at=f"{DAY} 09:55:00").stderr

    assert f"q: waits for approval since {DAY} 08:51 for boom disk=/home, until {DAY} 09:51" in asked
    assert "q: skipped: it was not approved in time; `scheduled rerun q-" in over
    assert world.run("run", at=f"{DAY} 10:05:00").stderr == ""


@pytest.mark.parametrize("held_back", ['quiet = ["08:00", "12:00"]', 'digest = "20:00"'])
def test_a_question_with_a_deadline_is_asked_before_it(configured, held_back):
    route = f'[notify]\n{held_back}\nroutes = [{{ to = ["memory"] }}]\n'
    world = configured('approve = { by = "1h", default = "approve" }', 'priority = "low"', more=route)
    printed = world.run("run", at=f"{DAY} 09:00:00").stderr

    assert f"deploy: waits for approval since {DAY} 09:00, until {DAY} 10:00, when it starts" in printed
    assert (world.state / "memory" / "session_log.jsonl").read_text().count("\n") == 1


def test_only_people_get_the_address_that_answers(configured):
    route = '[web]\nexternal_url = "https://x.example"\n[[notify.routes]]\nto = ["memory", "wall"]\n'
    world = configured("approve = true", more="")
    channel = f'[notify.channels]\nwall = "command:cat >> {world.root}/wall"\n'
    world.configure(world.config.read_text() + channel + route)
    done = world.run("run", "--json", at=f"{DAY} 09:00:00")

    address = f"https://x.example/answer/{SLOT}"
    assert address in (world.root / "wall").read_text()
    assert address not in (world.state / "memory" / "session_log.jsonl").read_text()
    assert (address in done.stderr, address in done.stdout) == (True, True)
    assert address not in str(json.loads(done.stdout)["problems"])


def test_two_answers_at_once_start_one_run(world):
    run_id = event_run(world)
    both = [world.start("approve", run_id) for _ in range(2)]
    codes = sorted(process.wait(timeout=60) for process in both)

    assert ran(world) == ["ran"]
    assert codes[0] == 0 and codes[1] in (2, 75)
    assert [run["status"] for run in world.json("history")] == ["success"]


def test_of_an_approval_and_a_denial_at_once_one_wins(world):
    run_id = event_run(world)
    answers = [world.start(answer, run_id) for answer in ("approve", "deny")]
    for process in answers:
        process.wait(timeout=60)
    (run,) = world.json("history")

    assert (run["status"], ran(world)) in [("success", ["ran"]), ("skipped", [])]
    assert [process.returncode for process in answers].count(0) == 1


def test_a_crash_after_the_answer_does_not_lose_it(world):
    run_id = event_run(world)
    approvals.record(Instance(str(world.config), str(world.state)), run_id)  # then the process is killed
    assert "it is approved and starts at the next tick" in world.run("approve", run_id).stderr
    assert "it is approved" in world.run("deny", run_id).stderr

    world.run("run")

    assert (ran(world), [run["status"] for run in world.json("history")]) == (["ran"], ["success"])


def test_an_approved_run_of_a_busy_group_starts_later(world, until):
    slow = f'group = "g"\n[jobs.slow]\ncommand = "touch {world.root}/begun; until [ -e {world.root}/go ]; do sleep 0.02; done"\ngroup = "g"\n'
    run_id = event_run(world, slow)
    busy = world.start("run", "slow")
    until((world.root / "begun").exists)

    done = world.run("approve", run_id)

    assert (done.returncode, f"{run_id}: is approved; a later tick starts it" in done.stderr) == (75, True)
    (world.root / "go").touch()
    busy.wait(timeout=60)
    world.run("run")
    assert ran(world) == ["ran"]


def test_the_answers_decide_about_an_interrupted_run_too(world, until):
    world.configure(
        f'[jobs.deploy]\non = "release"\non_interrupted = "ask"\n'
        f'command = "echo ran >> {world.root}/ran; [ -e {world.root}/go ] || sleep 100"\n'
    )
    world.run("emit", "release")
    tick = world.start("run")
    until((world.root / "ran").exists)
    world.kill_all(tick)
    asks = world.run("run").stderr
    (run_id,) = re.findall(r"`scheduled approve (\S+)`", asks)
    (world.root / "go").touch()

    assert "was interrupted and waits for a decision" in asks
    assert world.run("approve", run_id).returncode == 0
    assert (ran(world), world.json("history")[0]["status"]) == (["ran", "ran"], "success")


def test_check_warns_of_an_approve_without_an_effect_and_of_a_deadline_that_never_decides(world):
    world.configure("""
        [jobs.manual]
        command = "true"
        approve = true
        [jobs.often]
        every = "1h"
        command = "true"
        approve = { by = "2h" }
        [jobs.stops]
        every = "1h"
        command = "true"
        overlap = "replace"
        approve = true
        [jobs.step]
        command = "true"
        approve = true
        [jobs.line]
        chain = ["step"]
    """)
    found = [text.partition("jobs.")[2].partition(": approve: ") for text in world.json("check")["warnings"]]

    assert [(job, text.partition(":")[0].partition(",")[0]) for job, _, text in found if text] == [
        ("manual", "has no effect"),
        ("often", "its deadline"),
    ]
    assert 'jobs.stops: overlap: "replace" has no effect with `approve`' in world.run("check").stdout
    world.configure('[jobs.job]\ncommand = "true"\napprove = { default = "approve" }\n')
    assert "approve: has default = " in world.run("check").stdout
