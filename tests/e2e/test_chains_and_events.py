"""Chains, the order of jobs and events, on the command line with real processes."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.fixtures.world import World


def ran(world: World) -> list[str]:
    """Return the names of the jobs that ran, in order."""
    path = world.root / "ran"
    return path.read_text().split() if path.exists() else []


def job(name: str, world: World, extra: str = "", code: int = 0) -> str:
    return f"[jobs.{name}]\n{extra}\ncommand = 'echo {name} >> {world.root}/ran; exit {code}'\n"


def test_a_chain_runs_its_steps_in_order_and_the_jobs_of_a_step_in_parallel(world: World) -> None:
    chain = '[jobs.all]\nchain = ["a", ["b", "c"], "d"]\n'
    world.configure(chain + "".join(job(name, world) for name in "abcd"))

    done = world.run("run", "all")

    assert (done.returncode, done.stderr) == (0, "")
    order = ran(world)
    assert (order[0], sorted(order[1:3]), order[3]) == ("a", ["b", "c"], "d")
    runs = {run["job"]: (run["trigger"], run["status"]) for run in world.json("history")}
    chained = dict.fromkeys("abcd", ("chain", "success"))
    assert runs == {"all": ("manual", "success"), **chained}


@pytest.mark.parametrize(("on_failure", "after_it"), [("stop", []), ("continue", ["c"])])
def test_a_failed_step_stops_the_chain_unless_on_failure_is_continue(
    world: World, on_failure: str, after_it: list[str]
) -> None:
    chain = f'[jobs.all]\nchain = ["a", "b", "c"]\non_failure = "{on_failure}"\n'
    world.configure(chain + job("a", world) + job("b", world, code=1) + job("c", world))

    done = world.run("run", "all")

    assert done.returncode == 1
    assert ran(world) == ["a", "b", *after_it]
    run = next(run for run in world.json("history") if run["job"] == "all")
    assert (run["status"], run["reason"]) == ("failed", "step 2 of 3: b failed")


@pytest.mark.parametrize(("on_failure", "after_it"), [("stop", []), ("continue", ["c"])])
@pytest.mark.parametrize("beside", [[], ["x"]], ids=["alone", "beside another"])
def test_a_disabled_step_counts_as_failed(
    world: World, on_failure: str, after_it: list[str], beside: list[str]
) -> None:
    chain = f'[jobs.all]\nchain = ["a", {json.dumps(["b", *beside])}, "c"]\non_failure = "{on_failure}"\n'
    world.configure(
        chain + job("a", world) + job("b", world, "enabled = false") + job("c", world) + job("x", world)
    )

    done = world.run("run", "all")

    assert ran(world) == ["a", *beside, *after_it]
    run = next(run for run in world.json("history") if run["job"] == "all")
    assert (run["status"], run["reason"]) == ("failed", "step 2 of 3: b is disabled")
    assert done.returncode == 1


@pytest.mark.parametrize(("on_failure", "after_it"), [("stop", []), ("continue", ["b"])])
def test_a_chain_with_a_disabled_first_step_fails_in_the_tick_that_begins_it(
    world: World, on_failure: str, after_it: list[str]
) -> None:
    chain = f'[jobs.all]\nchain = ["a", "b"]\non_failure = "{on_failure}"\n'
    world.configure(chain + job("a", world, "enabled = false") + job("b", world))

    done = world.run("run", "all")

    assert (done.returncode, ran(world)) == (1, after_it)
    assert "all: failed: step 1 of 2: a is disabled" in done.stderr


@pytest.mark.parametrize("how", ["disabled", "removed"])
def test_a_step_that_is_disabled_or_removed_before_its_retry_counts_as_failed(world: World, how: str) -> None:
    chain = '[jobs.all]\nchain = ["a", "b"]\n'
    retried = job("b", world, 'retry = { max_attempts = 3, delay = "1h" }', code=1)
    world.configure(chain + job("a", world) + retried)
    world.run("run", "all")
    waiting = [(run["job"], run["status"]) for run in world.json("history")]
    if how == "disabled":
        world.run("disable", "b")
    else:
        world.configure(job("a", world))

    world.run("run")

    assert ("b", "waiting_retry") in waiting
    assert {run["job"]: run["status"] for run in world.json("history")} == {
        "all": "failed",
        "a": "success",
        "b": "failed",
    }


def test_an_invalid_job_elsewhere_does_not_stop_a_chain(world: World) -> None:
    chain = '[jobs.all]\nchain = ["a", "b", "c"]\non_failure = "continue"\n'
    world.configure(
        chain
        + job("a", world)
        + job("b", world, "enabled = false")
        + job("c", world)
        + "[jobs.bad]\ncomand = 'x'\n"
    )

    world.run("run", "all")

    assert ran(world) == ["a", "c"]


@pytest.mark.parametrize("payload", ["steps=3", "round=x", "failed=3", "at=9", "lost=1", "failures=x"])
def test_the_payload_of_an_event_does_not_change_the_state_of_its_chain(world: World, payload: str) -> None:
    world.configure('[jobs.all]\non = "go"\nchain = ["a", "b"]\n' + job("a", world) + job("b", world))
    world.run("run")

    world.run("emit", "go", payload)
    done = world.run("run")

    assert (done.returncode, done.stderr, ran(world)) == (0, "", ["a", "b"])


def test_a_chain_started_by_the_first_version_keeps_its_failures_after_an_upgrade(
    world: World, until
) -> None:
    slow = f"[jobs.slow]\ncommand = 'until [ -e {world.root}/end ]; do sleep 0.05; done'\n"
    world.configure(
        '[jobs.all]\nchain = [["b", "slow"], "c"]\n' + job("b", world, code=1) + slow + job("c", world)
    )
    runner = world.start("run", "all")
    until(
        lambda: (
            world.state.exists() and [run for run in world.json("history", "b") if run["status"] == "failed"]
        )
    )
    runner.kill()
    runner.wait()
    world.sql(
        "UPDATE runs SET payload = json_set(json_remove(payload, '$.failures', '$.lost'), '$.failed', json('[\"b\"]'))"
        " WHERE job = 'all'"
    )
    (world.root / "end").touch()

    until(lambda: world.run("run") and world.json("history", "all")[0]["status"] != "running")

    [chain] = world.json("history", "all")
    assert (chain["status"], chain["reason"], ran(world)) == ("failed", "b failed", ["b"])


def test_a_chain_ends_although_a_step_waited_for_longer_than_the_history_is_kept(world: World) -> None:
    world.configure(f"""
        timezone = "UTC"
        [history]
        keep_days = 1
        [jobs.line]
        cron = "0 8 1 * *"
        chain = [["waits", "done"]]
        [jobs.waits]
        command = "[ -e {world.root}/go ]"
        retry = {{ max_attempts = 9, delay = "1d", jitter = 0 }}
        [jobs.done]
        command = "true"
        """)
    world.run("run", at="2026-10-01 07:55:00")
    world.run("run", at="2026-10-01 08:00:10")
    world.run("run", "done", at="2026-10-02 08:00:10")  # the newest run of a job is kept anyway
    for day in (3, 4):
        world.run("run", at=f"2026-10-0{day} 07:30:00")
    (world.root / "go").touch()
    world.run("run", at="2026-10-06 08:05:10")

    found = world.json("history", "line", at="2026-10-06 08:06:00")
    assert [(run["status"], run["reason"]) for run in found] == [("success", None)]


def test_a_chain_of_which_the_runs_are_no_longer_recorded_fails(world: World) -> None:
    world.configure("""
        [jobs.line]
        chain = [["waits", "done"]]
        [jobs.waits]
        command = "false"
        retry = { max_attempts = 2, delay = "1d" }
        [jobs.done]
        command = "true"
        """)
    world.run("run", "line")
    with closing(sqlite3.connect(world.state / "ledger.db")) as db, db:
        db.execute("DELETE FROM runs WHERE parent != ''")
    done = world.run("run")

    line = world.json("history", "line")[0]
    assert (line["status"], line["reason"]) == ("failed", "step 1 of 1: a run of it is no longer recorded")
    assert "line: failed" in done.stderr


def test_a_chain_waits_for_a_paused_step(world: World) -> None:
    world.configure('[jobs.all]\nchain = ["a", "b"]\n' + job("a", world) + job("b", world))
    world.run("pause", "b")
    world.run("run", "all")
    before, sentence = ran(world), world.json("explain", "all")["sentence"]
    world.run("resume", "b")

    world.run("run")

    assert (before, ran(world)) == (["a"], ["a", "b"])
    assert sentence == (
        "It waits in step 2 of 2: b waits: it is paused until you resume with `scheduled resume b`."
    )


def test_a_chain_by_hand_runs_while_a_slot_of_its_step_is_due(world: World) -> None:
    chain = '[jobs.all]\nchain = ["a", "b"]\n'
    world.configure(chain + job("a", world, 'cron = "* * * * *"') + job("b", world, code=3))
    world.run("run", at="2026-02-03 14:00:05")

    done = world.run("run", "all", at="2026-02-03 14:01:05")

    assert (done.returncode, ran(world)) == (1, ["a", "a", "b"])
    runs = {run["job"]: (run["trigger"], run["status"]) for run in world.json("history", "--limit", "3")}
    assert runs == {"all": ("manual", "failed"), "a": ("chain", "success"), "b": ("chain", "failed")}


def test_a_chain_by_hand_names_the_step_for_which_it_waits(world: World) -> None:
    retried = job("c", world, 'retry = { max_attempts = 2, delay = "1h" }', code=1)
    chains = '[jobs.all]\nchain = ["a", "b"]\n[jobs.again]\nchain = ["c"]\n[jobs.later]\nchain = ["d"]\n'
    world.configure(chains + job("a", world) + job("b", world) + retried + job("d", world, code=75))
    world.run("pause", "b")

    held_back, waiting, later = (world.run("run", name) for name in ("all", "again", "later"))

    assert (held_back.returncode, waiting.returncode, later.returncode) == (75, 75, 75)
    assert "later: has not ended: its step d has deferred itself (not now); " in later.stderr
    assert "all: has not ended: its step b has not started (paused); " in held_back.stderr
    assert "again: has not ended: its step c waits for a retry; " in waiting.stderr


@pytest.mark.parametrize(("on_failure", "after_it"), [("stop", []), ("continue", ["prune"])])
def test_a_step_that_gave_up_after_not_now_fails_its_chain(
    world: World, on_failure: str, after_it: list[str]
) -> None:
    chain = f'[jobs.nightly]\nchain = ["dump", "prune"]\non_failure = "{on_failure}"\n'
    world.configure(chain + job("dump", world, 'gate_deadline = "1m"', code=75) + job("prune", world))
    world.run("run", "nightly", at="2026-02-03 14:00:05")

    given_up = world.run("run", at="2026-02-03 14:06:05")

    assert (given_up.returncode, [name for name in ran(world) if name != "dump"]) == (1, after_it)
    runs = {run["job"]: (run["status"], run["reason"]) for run in world.json("history")}
    reason = "not now; its `gate_deadline` has passed"
    assert runs["dump"] == ("skipped", reason)
    assert runs["nightly"] == ("failed", f"step 1 of 2: dump was skipped: {reason}")
    assert ("prune" in runs) == bool(after_it)


def test_a_step_that_a_closed_gate_skipped_does_not_fail_its_chain(world: World) -> None:
    chain = '[jobs.nightly]\nchain = ["dump", "prune"]\n'
    gated = 'only_if = { path = "/nowhere" }\ngate_deadline = "1m"'
    world.configure(chain + job("dump", world, gated) + job("prune", world))
    world.run("run", "nightly", at="2026-02-03 14:00:05")

    world.run("run", at="2026-02-03 14:06:05")

    assert ran(world) == ["prune"]
    runs = {run["job"]: run["status"] for run in world.json("history")}
    assert runs == {"dump": "skipped", "prune": "success", "nightly": "success"}


def test_after_a_crash_a_chain_continues_with_its_current_step(world: World, until) -> None:
    chain = '[jobs.all]\nchain = ["a", "slow", "z"]\n'
    slow = f"[jobs.slow]\ncommand = 'echo slow >> {world.root}/ran; while [ -e {world.root}/hold ]; do sleep 0.05; done'\n"
    world.configure(chain + job("a", world) + slow + job("z", world))
    (world.root / "hold").touch()
    runner = world.start("run", "all")
    until(lambda: "slow" in ran(world))

    runner.kill()
    runner.wait()
    (world.root / "hold").unlink()
    until(lambda: world.run("run").returncode == 0 and "z" in ran(world))

    assert ran(world) == ["a", "slow", "z"]
    assert next(run for run in world.json("history") if run["job"] == "all")["status"] == "success"
    assert world.json("audit")["ok"] is True


def test_a_job_with_after_waits_for_the_others_and_is_skipped_if_one_failed(world: World) -> None:
    cron = 'cron = "* * * * *"'
    world.configure(
        job("late", world, f'{cron}\nafter = ["first"]')
        + job("first", world, cron)
        + job("never", world, f'{cron}\nafter = ["bad"]')
        + job("bad", world, cron, code=1)
    )

    world.run("run")

    assert [name for name in ran(world) if name != "bad"] == ["first", "late"]
    assert world.json("audit")["ok"] is True
    assert world.json("status")["jobs"] != []


def test_a_job_with_after_and_no_schedule_runs_when_all_the_others_have_run(world: World) -> None:
    cron = 'cron = "* * * * *"'
    world.configure(job("both", world, 'after = ["x", "y"]') + job("x", world, cron) + job("y", world, cron))

    world.run("run")

    assert sorted(ran(world)[:2]) == ["x", "y"]
    assert ran(world)[2:] == ["both"]


def test_cycles_and_unknown_jobs_are_reported_and_the_other_jobs_run(world: World) -> None:
    world.configure(
        '[jobs.a]\nchain = ["b"]\n[jobs.b]\nchain = ["a"]\n[jobs.c]\nafter = ["missing"]\ncommand = "true"\n'
        + job("d", world)
    )

    done = world.run("check", "--json")

    problems = json.loads(done.stdout)["problems"]
    assert done.returncode == 2
    assert any("circular reference: a -> b -> a" in text or "b -> a -> b" in text for text in problems)
    assert any("jobs.c: after: no such job: missing" in text for text in problems)
    assert world.run("run", "d").returncode == 2
    assert ran(world) == ["d"]


def test_a_failure_starts_the_jobs_with_on_job_failed(world: World) -> None:
    on_failure = 'on = "job_failed"\nwhere = { job = "bad" }'
    world.configure(
        job("reacts", world, on_failure) + job("bad", world, code=1) + job("other", world, code=1)
    )

    world.run("run", "bad", "other")

    assert ran(world).count("reacts") == 1


def test_the_next_tick_starts_the_jobs_of_an_emitted_event_with_its_payload(world: World) -> None:
    world.configure(
        f"[jobs.disk]\non = \"disk_full\"\ncommand = 'echo $SCHEDULED_EVENT_DATA >> {world.root}/ran'\n"
    )
    world.run("run")

    assert world.json("emit", "disk_full", "mount=/home", "--dry-run")["jobs"] == ["disk"]
    assert world.json("emit", "disk_full", "mount=/home")["jobs"] == ["disk"]
    assert ran(world) == []
    world.run("run")
    world.run("run")

    assert ran(world) == ['{"mount":', '"/home"}']


def test_a_job_receives_a_payload_with_any_characters(world: World) -> None:
    world.configure(
        f"[jobs.disk]\non = \"disk_full\"\ncommand = 'printenv SCHEDULED_EVENT_DATA > {world.root}/data'\n"
    )
    world.run("run")
    value = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 30_000

    world.run("emit", "disk_full", f"a={value}")
    done = world.run("run")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((world.root / "data").read_text(encoding="utf-8")) == {"a": value}


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_a_payload_that_is_too_large_for_a_job_is_refused(world: World, words: list[str]) -> None:
    world.configure(job("disk", world, 'on = "disk_full"'))
    world.run("run")

    done = world.run("emit", "disk_full", f"a={'x' * 40_000}", f"b={'x' * 40_000}", *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert "disk_full: its payload of 80015 bytes is larger than the 65536 bytes" in done.stderr
    world.run("run")
    assert ran(world) == []


def test_a_file_in_the_spool_is_an_event_and_an_invalid_file_is_moved_aside(world: World) -> None:
    world.configure(job("disk", world, 'on = "disk_full"'))
    world.run("run")
    spool = world.state / "spool"
    (spool / "disk_full.json").write_text('{"mount": "/"}')
    (spool / "not an event").write_text("")
    (spool / "disk_full.2.json").write_text("{invalid")

    done = world.run("run")

    assert ran(world) == ["disk"]
    assert sorted(path.name for path in spool.iterdir()) == ["bad"]
    assert sorted(path.name for path in (spool / "bad").iterdir()) == ["disk_full.2.json", "not an event"]
    assert done.stderr.count("moved to ") == 2


def test_a_job_that_subscribes_to_the_events_of_all_jobs_does_not_mean_its_own(world: World) -> None:
    alarm = job("alarm", world, 'on = "job_failed"', code=1)
    world.configure(alarm + job("heard", world, 'on = "job_completed"') + job("a", world, code=1))

    done = world.run("run", "a")

    assert (ran(world), done.returncode) == (["a", "alarm"], 1)
    assert "triggered one another" not in done.stderr


def test_a_loop_of_events_is_stopped_and_reported(world: World) -> None:
    pair = job("x", world, 'on = "job_completed"') + job("y", world, 'on = "job_completed"')
    world.configure(pair + job("a", world))

    done = world.run("run", "a")

    assert ran(world)[0] == "a" and sorted(ran(world)[1:]) == ["x", "x", "y", "y"]
    assert "a run of x led to this event, probably in a loop" in done.stderr


def test_skipped_slots_are_events_that_start_jobs_in_the_same_tick(world: World) -> None:
    world.configure(
        'timezone = "UTC"\n'
        + job("late", world, 'cron = "0 * * * *"\ngrace = "10m"')
        + job("failing", world, 'cron = "30 12 * * *"', code=1)
        + job("behind", world, 'cron = "30 12 * * *"\nafter = ["failing"]')
        + f"""[jobs.heard]\non = "job_skipped"\ncommand = 'echo "$SCHEDULED_EVENT_DATA" >> {world.root}/heard'\n"""
    )
    world.run("run", at="2026-03-10 09:55:05")
    done = world.run("run", at="2026-03-10 12:30:05")

    heard = [json.loads(line) for line in (world.root / "heard").read_text().splitlines()]
    assert [(event["job"], event["reason"], event["scheduled_for"], event["slots"]) for event in heard] == [
        ("late", "late", "2026-03-10T12:00:00+00:00", 3),
        ("behind", "after failing, which failed", "2026-03-10T12:30:00+00:00", 1),
    ]
    assert ran(world) == ["failing"]
    assert "late" not in done.stderr
    found = world.json("history", "--status", "skipped", at="2026-03-10 12:31:05")
    rows = [(run["job"], run["run_id"], run["reason"], run["slots"]) for run in found]
    assert sorted(rows) == [("behind", None, "after failing, which failed", 1), ("late", None, "late", 3)]
    logged = (world.state / "scheduled.log").read_text()
    assert "job_skipped job=late status=skipped reason=late" in logged


def test_stop_ends_a_chain_with_its_steps(world: World, until) -> None:
    world.configure(
        '[jobs.all]\nchain = ["a", "b"]\nretry = { max_attempts = 3, delay = "1s" }\n'
        f'[jobs.a]\ncommand = "echo a >> {world.root}/ran; sleep 100"\n' + job("b", world)
    )
    runner = world.start("run", "all")
    until(lambda: ran(world) == ["a"])
    whole = next(run["run_id"] for run in world.json("history") if run["job"] == "all")
    step = next(run["run_id"] for run in world.json("history") if run["job"] == "a")

    done = world.json("stop", whole)

    assert runner.wait(timeout=30) == 1
    assert (done["pid"], done["steps"]) == (None, [step])
    found = {run["job"]: (run["status"], run["reason"]) for run in world.json("history")}
    assert found == {"all": ("skipped", "stopped"), "a": ("skipped", "stopped")}
    assert "has already ended (skipped)" in world.run("stop", whole).stderr


def test_a_chain_ends_when_its_step_is_stopped(world: World, until) -> None:
    world.configure(
        '[jobs.all]\nchain = ["a", "b"]\nretry = { max_attempts = 3, delay = "1s" }\n'
        f'[jobs.a]\ncommand = "echo a >> {world.root}/ran; sleep 100"\n' + job("b", world)
    )
    runner = world.start("run", "all")
    until(lambda: ran(world) == ["a"])

    world.run("stop", next(run["run_id"] for run in world.json("history") if run["job"] == "a"))

    assert runner.wait(timeout=30) == 1  # what comes after the chain in a script must not run
    found = {run["job"]: (run["status"], run["reason"]) for run in world.json("history")}
    assert found == {"all": ("skipped", "stopped"), "a": ("skipped", "stopped")}


def test_stop_ends_a_run_that_waits_for_its_next_attempt(world: World) -> None:
    world.configure(
        job("a", world, 'cron = "0 12 * * *"\nretry = { max_attempts = 3, delay = "1h" }', code=1)
    )
    world.run("run", at="2026-03-10 11:59:05")
    world.run("run", at="2026-03-10 12:00:05")
    (run,) = world.json("history", at="2026-03-10 12:01:05")

    done = world.json("stop", run["run_id"], at="2026-03-10 12:01:05")

    assert done["status"] == "waiting_retry"
    (run,) = world.json("history", at="2026-03-10 12:02:05")
    assert (run["status"], run["reason"]) == ("skipped", "stopped")
    assert world.json("audit", at="2026-03-10 12:03:05")["ok"]


def test_a_boot_starts_reboot_jobs_once_except_at_the_first_tick(world: World) -> None:
    world.configure(job("boot", world, 'cron = "@reboot"'))
    world.run("run")
    world.sql("UPDATE meta SET value = 'another' WHERE key = 'boot'")

    world.run("run")
    world.run("run")

    assert ran(world) == ["boot"]


def test_the_steps_of_a_chain_get_the_instant_and_the_window_of_its_run(world: World) -> None:
    command = "echo {scheduled_for} {missed} since {window_start}. $SCHEDULED_FOR $SCHEDULED_MISSED >> "
    command += str(world.root / "printed")
    world.configure(f"""
        timezone = "UTC"
        [jobs.inner]
        chain = ["work"]
        [jobs.work]
        command = '{command}'
        [jobs.outer]
        cron = "0 3 * * *"
        chain = ["inner"]
    """)
    for at in ("2026-03-01 03:00:00", "2026-03-04 12:00:00"):
        world.run("run", at=at)
    world.run("run", "outer", "--for", "2026-02-01T03:00", at="2026-03-04 13:00:00")

    assert (world.root / "printed").read_text().splitlines() == [
        "2026-03-01T03:00:00+00:00 0 since . 2026-03-01T03:00:00+00:00 0",
        "2026-03-04T03:00:00+00:00 2 since 2026-03-01T03:00:00+00:00. 2026-03-04T03:00:00+00:00 2",
        "2026-02-01T03:00:00+00:00 0 since 2026-03-04T03:00:00+00:00. 2026-02-01T03:00:00+00:00 0",
    ]
    assert {run["scheduled_for"] for run in world.json("history", "work")} == {
        "2026-02-01T03:00:00+00:00", "2026-03-01T03:00:00+00:00", "2026-03-04T03:00:00+00:00",
    }  # fmt: skip


def test_skip_ends_the_retries_of_event_runs_and_of_the_steps_of_a_chain(world: World) -> None:
    again = "retry = { max_attempts = 3, delay = '1h' }"
    chain = '[jobs.all]\nchain = ["b", "c"]\n'
    world.configure(
        chain
        + job("a", world, f"on = 'go'\n{again}", code=1)
        + job("b", world, again, code=1)
        + job("c", world)
    )
    world.run("emit", "go")
    world.run("run", "--verbose")
    world.run("run", "all")

    done = {name: world.json("skip", name) for name in ("a", "b")}

    assert [len(done[name]["retries"]) for name in ("a", "b")] == [1, 1]
    assert world.run("run", "--verbose").returncode == 0
    assert sorted(ran(world)) == ["a", "b", "c"]
    ended = {run["job"]: run["status"] for run in world.json("history")}
    assert ended == {"a": "skipped", "b": "skipped", "c": "success", "all": "success"}
