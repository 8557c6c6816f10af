"""Rules that defer, limit and repeat runs, on the command line under a fake clock."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]
FIRST = "2026-03-10 11:59:00"


def configured(world: World, *lines: str, top: str = "") -> None:
    world.configure("\n".join([f'timezone = "UTC"\n{top}\n[jobs.job]', *lines]))


def runs(world: World) -> list[tuple[str, str, int, int]]:
    """Return slot, status, number of slots and attempt of every run and every skipped span (attempt 0), oldest first."""
    found = reversed(world.json("history", at="2026-03-20 00:00:00"))
    return [(run["scheduled_for"][5:16], run["status"], run["slots"], run["attempt"]) for run in found]


def waits(world: World, at: str) -> str | None:
    reason: str | None = world.json("status", at=at)["jobs"][0]["open_reason"]
    return reason


def audited(world: World) -> bool:
    # It is not `ok`: the ticks have stopped since.
    return world.json("audit", at="2026-03-20 00:00:00")["problems"] == []


def test_quiet_hours_defer_slots_without_dropping_any(world: World) -> None:
    configured(world, 'cron = "0 * * * *"', 'command = "true"', 'not_between = ["22:00", "08:00"]')
    world.run("run", at="2026-03-10 21:59:00")

    world.run("run", at="2026-03-10 23:05:00")
    deferred = waits(world, "2026-03-10 23:06:00")
    world.run("run", at="2026-03-11 08:00:00")

    assert deferred == "quiet"
    assert runs(world) == [("03-11T08:00", "success", 11, 1)]
    assert audited(world)


def test_a_closed_gate_defers_a_slot_until_it_opens(world: World) -> None:
    gate = world.root / "mounted"
    configured(world, 'cron = "0 * * * *"', 'command = "true"', f'only_if = {{ path = "{gate}" }}')
    world.run("run", at=FIRST)

    world.run("run", at="2026-03-10 12:00:00")
    deferred = waits(world, "2026-03-10 12:01:00")
    gate.touch()
    world.run("run", at="2026-03-10 12:10:00")

    assert (deferred, runs(world)) == ("gate", [("03-10T12:00", "success", 1, 1)])


def test_a_gate_that_stays_closed_past_its_deadline_skips_the_slot(world: World) -> None:
    gate = 'only_if = { command = "false" }'
    configured(world, 'cron = "0 12 * * *"', 'command = "true"', gate, 'gate_deadline = "2h"')
    world.run("run", at=FIRST)
    world.run("run", at="2026-03-10 12:00:00")

    world.run("run", at="2026-03-10 14:30:00")

    assert world.sql("SELECT verdict, reason FROM slots") == [("skipped", "gate")]
    assert audited(world)


def test_exit_code_75_defers_a_run_and_is_not_a_failure(world: World) -> None:
    ready = world.root / "ready"
    configured(world, 'cron = "0 * * * *"', f"command = '[ -e {ready} ] || exit 75'")
    world.run("run", at=FIRST)

    first = world.run("run", at="2026-03-10 12:00:00")
    reason = waits(world, "2026-03-10 12:01:00")
    ready.touch()
    world.run("run", at="2026-03-10 12:06:00")

    assert (first.returncode, reason) == (0, "deferred")
    assert runs(world) == [("03-10T12:00", "success", 1, 2)]


def test_exit_code_75_ends_at_its_deadline_also_in_quiet_hours(world: World) -> None:
    bounds = ['gate_deadline = "1h"', 'not_between = ["08:30", "12:00"]']
    configured(world, 'cron = "0 8 * * *"', f"command = 'echo >> {world.root}/ran; exit 75'", *bounds)
    world.run("run", at="2026-03-10 07:59:00")
    world.run("run", at="2026-03-10 08:00:05")
    world.run("run", at="2026-03-10 08:25:05")

    quiet = "2026-03-10 08:40:00"
    explained = world.json("explain", "job", at=quiet)["sentence"]
    foreseen = world.json("next", "job", "-n", "2", at=quiet)
    status = world.json("status", at=quiet)["jobs"][0]["next_run"]
    (dry,) = world.json("run", "--dry-run", at=quiet)
    world.run("run", at="2026-03-10 09:00:00")
    kept = runs(world)
    world.run("run", at="2026-03-10 09:05:05")

    reason = "not now; its `gate_deadline` has passed"
    assert f"is given up after 2026-03-10 09:00 ({reason})" in explained
    assert [(entry["scheduled_for"][:13], entry["reason"]) for entry in foreseen] == [
        ("2026-03-10T08", reason),
        ("2026-03-11T08", None),
    ]
    assert status.startswith("2026-03-11T08:00")
    assert (dry["open_reason"], dry["until"]) == ("quiet", "2026-03-10T12:00:00+00:00")
    assert kept == [("03-10T08:00", "waiting_retry", 1, 2)]
    assert runs(world) == [("03-10T08:00", "skipped", 1, 2)]
    assert world.sql("SELECT verdict, reason FROM slots") == [("skipped", reason)]
    assert (world.root / "ran").read_text() == "\n\n"
    assert audited(world)


def test_retries_continue_in_later_ticks_and_the_last_failure_is_final(world: World) -> None:
    retry = 'retry = { max_attempts = 3, delay = "10m", backoff_multiplier = 2 }'
    configured(world, 'cron = "0 12 * * *"', 'command = "exit 1"', retry)
    world.run("run", at=FIRST)

    codes = [
        world.run("run", at=f"2026-03-10 12:{minute}:00").returncode for minute in ("00", "05", "10", "29")
    ]
    waiting = waits(world, "2026-03-10 12:29:30")
    last = world.run("run", at="2026-03-10 12:30:00")

    assert (codes, waiting) == ([0, 0, 0, 0], "waiting_retry")
    assert (last.returncode, runs(world)) == (1, [("03-10T12:00", "failed", 1, 3)])


def test_a_tick_waits_for_a_retry_with_a_short_delay(world: World) -> None:
    tried = world.root / "tried"
    retry = "retry = { max_attempts = 2, delay = 1 }"
    configured(world, 'cron = "* * * * *"', f"command = '[ -e {tried} ] || ! touch {tried}'", retry)

    done = world.run("run")

    assert (done.returncode, done.stderr) == (0, "")
    assert [run["attempt"] for run in world.json("history") if run["status"] == "success"] == [2]


def test_catch_up_all_runs_each_slot_oldest_first(world: World) -> None:
    configured(world, 'cron = "0 * * * *"', 'command = "true"', 'catch_up = "all"', "catch_up_limit = 3")
    world.run("run", at=FIRST)

    world.run("run", at="2026-03-10 16:30:00")

    done = [(f"03-10T{hour}:00", "success", 1, 1) for hour in (14, 15, 16)]
    assert runs(world) == [("03-10T13:00", "skipped", 2, 0), *done]
    assert world.sql("SELECT count, verdict, reason FROM slots WHERE verdict = 'skipped'") == [
        (2, "skipped", "catch_up_limit")
    ]
    assert audited(world)


def test_catch_up_none_skips_missed_slots_and_runs_punctual_ones(world: World) -> None:
    configured(world, 'cron = "0 * * * *"', 'command = "true"', 'catch_up = "none"')
    world.run("run", at=FIRST)

    world.run("run", at="2026-03-10 15:30:00")
    world.run("run", at="2026-03-10 16:04:00")

    assert runs(world) == [("03-10T15:00", "skipped", 4, 0), ("03-10T16:00", "success", 1, 1)]
    assert world.sql("SELECT count, reason FROM slots WHERE verdict = 'skipped'") == [(4, "missed")]
    assert audited(world)


def test_a_slot_later_than_its_grace_is_skipped(world: World) -> None:
    configured(world, 'cron = "0 12 * * *"', 'command = "true"', 'grace = "1h"')
    world.run("run", at=FIRST)

    world.run("run", at="2026-03-10 13:30:00")

    assert runs(world) == [("03-10T12:00", "skipped", 1, 0)]
    assert world.sql("SELECT verdict, reason FROM slots") == [("skipped", "late")]


def test_a_tick_leaves_runs_beyond_its_budget_to_the_next_tick(world: World) -> None:
    jobs = "\n".join(f'[jobs.j{n}]\ncron = "0 * * * *"\ncommand = "true"' for n in range(5))
    world.configure(f'timezone = "UTC"\n[catch_up]\nmax_runs = 2\n{jobs}')
    world.run("run", at=FIRST)

    world.run("run", at="2026-03-10 12:00:00")
    reasons = [job["open_reason"] for job in world.json("status", at="2026-03-10 12:01:00")["jobs"]]
    after = [len(world.json("history", at="2026-03-10 12:01:00"))]
    for minute in ("05", "10"):
        world.run("run", at=f"2026-03-10 12:{minute}:00")
        after.append(len(world.json("history", at="2026-03-10 12:11:00")))

    assert (after, reasons.count("budget")) == ([2, 4, 5], 3)
    assert audited(world)


def test_an_interrupted_run_waits_for_the_user_or_is_verified(world: World, until) -> None:
    world.configure(f"""
        [jobs.ask]
        cron = "* * * * *"
        command = "echo $$ > {world.root}/ask; sleep 60"
        on_interrupted = "ask"
        [jobs.verify]
        cron = "* * * * *"
        command = "echo $$ > {world.root}/verify; sleep 60"
        on_interrupted = "test -e {world.root}/verify"
    """)
    runner = world.start("run", at="2026-03-10 12:00:05")
    until(lambda: (world.root / "ask").exists() and (world.root / "verify").exists())
    world.kill_all(runner)

    same_minute = "2026-03-10 12:00:25"  # the slot of the next minute would supersede this one
    world.run("run", at=same_minute)

    found = {run["job"]: run["status"] for run in world.json("history", at=same_minute)}
    open_reasons = {job["name"]: job["open_reason"] for job in world.json("status", at=same_minute)["jobs"]}
    assert (found, open_reasons["ask"]) == ({"ask": "waiting_retry", "verify": "success"}, "ask")


@pytest.mark.parametrize("forward", ["2037-01-01 00:00:00", "2026-03-11 12:00:00"])
def test_after_a_clock_jumped_ahead_and_back_jobs_run_and_no_slot_is_repeated(
    world: World, forward: str
) -> None:
    configured(world, 'cron = "0 * * * *"', 'command = "true"')
    world.run("run", at=FIRST)
    world.run("run", at=forward)

    back = world.run("run", at="2026-03-10 12:10:00")
    upcoming = world.json("status", at="2026-03-10 12:11:00")["next_job"]["scheduled"]
    world.run("run", at="2026-03-10 13:00:00")

    assert "the clock went back" in back.stderr
    assert upcoming == "2026-03-10T13:00:00+00:00"
    assert [run for run in runs(world) if run[0] == "03-10T13:00"] == [("03-10T13:00", "success", 1, 1)]
    assert audited(world)


@pytest.mark.parametrize("wrong", ["1970-01-01 00:00:00", "2016-03-10 12:00:00", "2026-03-10 04:12:00"])
def test_after_a_boot_with_a_wrong_clock_no_slot_is_repeated(world: World, wrong: str) -> None:
    configured(world, 'cron = "0 8 * * *"', 'command = "true"')
    for day in range(8, 11):
        world.run("run", at=f"2026-03-{day:02} 08:00:00")
    before = world.json("history")

    world.run("run", at=wrong)
    right = world.run("run", at="2026-03-10 12:00:00")

    assert "the clock is right again" in right.stderr
    assert world.json("history") == before
    audit = world.json("audit")
    assert (audit["problems"], audit["slots"]) == ([], 3)
    world.run("run", at="2026-03-11 08:00:00")
    assert len(runs(world)) == len(before) + 1


def test_a_clock_that_returns_to_a_wrong_time_after_days_is_not_called_right_again(world: World) -> None:
    configured(world, 'cron = "0 8 * * *"', 'command = "true"')
    world.run("run", at="2026-03-10 07:59:00")
    world.run("run", at="2037-01-01 12:00:00")
    for day in range(10, 19):
        world.run("run", at=f"2026-03-{day} 08:00:00")

    again = world.run("run", at="2037-01-01 13:00:00")

    assert "the clock is right again" not in again.stderr
    assert ("03-18T08:00", "success", 1, 1) in runs(world)
    assert audited(world)


@pytest.mark.parametrize("code", [1, 75])
def test_a_retry_planned_under_a_fast_clock_does_not_wait_until_that_instant(world: World, code: int) -> None:
    configured(world, f'command = "[ -e {world.root}/ready ] || exit {code}"', 'on = "go"')
    world.config.write_text(f'{world.config.read_text()}\nretry = {{ max_attempts = 2, delay = "10m" }}\n')
    world.run("run", at="2026-03-10 12:00:00")
    world.run("emit", "go", at="2026-03-18 12:00:00")
    world.run("run", at="2026-03-18 12:00:00")

    (world.root / "ready").touch()
    world.run("run", at="2026-03-10 12:05:00")

    assert [(run["status"], run["attempt"]) for run in world.json("history")] == [("success", 2)]


GATED = 'only_if = {{ path = "{root}/flag" }}\n'


def statuses(world, name):
    return [(run["job"], run["status"]) for run in world.json("history") if run["job"] == name]


@pytest.mark.parametrize("started_by", ["emit", "chain", "failure"])
def test_a_run_of_an_event_or_a_chain_waits_at_its_gate_too(world, started_by):
    gated = f"[jobs.gated]\non = 'go'\ncommand = 'true'\n{GATED.format(root=world.root)}"
    world.configure(
        gated.replace("'go'", "'job_failed'" if started_by == "failure" else "'go'")
        + '[jobs.all]\nchain = ["gated"]\n'
        + "[jobs.failing]\ncommand = 'false'\n"
    )
    commands = {"emit": ("emit", "go"), "chain": ("run", "all"), "failure": ("run", "failing")}
    world.run(*commands[started_by])
    world.run("run", "--verbose")
    before = statuses(world, "gated")

    (world.root / "flag").touch()
    done = world.run("run", "--verbose")

    assert (before, done.returncode) == ([], 0 if started_by != "failure" else done.returncode)
    assert statuses(world, "gated") == [("gated", "success")]


@pytest.mark.parametrize("started_by", ["emit", "chain"])
def test_a_step_is_skipped_at_the_deadline_of_its_gate_and_the_chain_continues(world, started_by):
    world.configure(
        f"[jobs.gated]\non = 'go'\ngate_deadline = '1h'\ncommand = 'true'\n{GATED.format(root=world.root)}"
        '[jobs.all]\nchain = ["gated", "last"]\n'
        "[jobs.last]\ncommand = 'true'\n"
    )
    world.run(*{"emit": ("emit", "go"), "chain": ("run", "all")}[started_by])
    world.run("run", "--verbose")

    world.sql("UPDATE start_requests SET at = at - 3601")
    world.run("run", "--verbose")

    runs = {run["job"]: (run["status"], run["reason"]) for run in world.json("history")}
    chained = {"last": ("success", None), "all": ("success", None)} if started_by == "chain" else {}
    assert runs == {"gated": ("skipped", "its gate stayed closed until its deadline"), **chained}


GUARDED = 'only_if = {{ path = "{root}/flag", else = "skip" }}\n'


@pytest.mark.parametrize("started_by", ["emit", "chain"])
def test_a_guard_skips_a_start_that_was_requested_and_the_chain_continues(world, started_by):
    world.configure(
        f"[jobs.gated]\non = 'go'\ncommand = 'true'\n{GUARDED.format(root=world.root)}"
        '[jobs.all]\nchain = ["gated", "last"]\n'
        "[jobs.last]\ncommand = 'true'\n"
    )
    world.run(*{"emit": ("emit", "go"), "chain": ("run", "all")}[started_by])
    world.run("run", "--verbose")

    runs = {run["job"]: (run["status"], run["reason"]) for run in world.json("history")}
    chained = {"last": ("success", None), "all": ("success", None)} if started_by == "chain" else {}
    reason = f"its gate was closed (it requires: {world.root}/flag exists)"
    assert runs == {"gated": ("skipped", reason), **chained}


@pytest.mark.parametrize(
    "chain", ['["gated", "last"]', '["last", "gated", "gated", "again"]', '[["gated", "last"]]']
)
@pytest.mark.parametrize("asked", [("run", "all"), ("run", "--verbose")])
def test_the_tick_that_runs_a_chain_skips_a_step_with_a_guard_and_continues_at_once(world, chain, asked):
    world.configure(
        f"[jobs.all]\ncron = '* * * * *'\nchain = {chain}\n[jobs.last]\ncommand = 'true'\n"
        f"[jobs.again]\ncommand = 'true'\n[jobs.gated]\ncommand = 'true'\n{GUARDED.format(root=world.root)}"
    )
    done = world.run(*asked)

    runs = {run["job"]: run["status"] for run in world.json("history")}
    again = {"again": "success"} if "again" in chain else {}
    assert done.returncode == 0, done.stderr
    assert runs == {"gated": "skipped", "last": "success", "all": "success", **again}


def test_a_dry_run_has_a_line_for_what_a_guard_skips(world):
    guard = GUARDED.format(root=world.root)
    world.configure(
        f"[jobs.event]\non = 'go'\ncommand = 'true'\n{guard}[jobs.slot]\ncron = '* * * * *'\ncommand = 'true'\n{guard}"
    )
    world.run("emit", "go")

    rows = world.json("run", "--dry-run")

    reason = f"is skipped: its gate was closed (it requires: {world.root}/flag exists)"
    assert [(row["job"], row["reason"], row["status"]) for row in rows] == [
        ("slot", reason, "skipped"),
        ("event", reason, "skipped"),
    ]
    world.run("run")
    assert {run["job"]: run["status"] for run in world.json("history")} == {
        "event": "skipped",
        "slot": "skipped",
    }


def test_a_guard_skips_a_slot_quietly_with_its_condition_as_the_reason(world):
    world.configure(f"[jobs.job]\ncron = '* * * * *'\ncommand = 'true'\n{GUARDED.format(root=world.root)}")
    done = world.run("run", "--verbose")

    reason = f"its gate was closed (it requires: {world.root}/flag exists)"
    newest = world.json("history")[0]
    assert (done.returncode, newest["status"], newest["reason"]) == (0, "skipped", reason)
    status = world.run("status", "--json")
    assert [world.json("audit")["problems"], world.json("incidents")] == [[], []]
    assert json.loads(status.stdout)["problems"] == []
    explained = world.json("explain", "job")
    assert reason in explained["last_outcome"]
    assert explained["gate"] == f"{world.root}/flag exists, else the slot is skipped"


def test_a_guard_skips_what_comes_due_while_a_retry_waits_for_it(world):
    guard, flag = GUARDED.format(root=world.root), world.root / "flag"
    world.configure(
        f"timezone = 'UTC'\n[jobs.job]\ncron = '0 * * * *'\ncommand = 'false'\n{guard}"
        "retry = { max_attempts = 3, delay = '90m' }\n"
    )
    flag.touch()
    world.run("run", at="2026-03-10 10:00:10")
    flag.unlink()
    reason = f"its gate was closed (it requires: {flag} exists)"

    dry = world.json("run", "--dry-run", at="2026-03-10 11:00:10")
    world.run("run", at="2026-03-10 11:00:10")
    before = world.json("explain", "job", at="2026-03-10 11:01:00")["sentence"]
    world.run("run", at="2026-03-10 11:40:00")
    waits = world.json("explain", "job", at="2026-03-10 11:41:00")["sentence"]
    skipped = world.json("history", at="2026-03-10 11:41:00")[0]
    flag.touch()
    retried = world.run("run", "--verbose", at="2026-03-10 11:45:00")

    rows = [(row.get("open_reason"), row.get("status"), row.get("reason")) for row in dry]
    assert rows == [("waiting_retry", None, None), (None, "skipped", f"is skipped: {reason}")]
    assert "the next attempt is due at 2026-03-10 11:30" in before
    assert waits == f"It waits: at the last tick its gate was closed (it requires: {flag} exists)."
    assert (skipped["scheduled_for"][:16], skipped["reason"]) == ("2026-03-10T11:00", reason)
    assert "2026-03-10 10:00  failed" in retried.stdout
    assert "covers" not in retried.stdout
    assert world.json("audit", at="2026-03-10 11:46:00")["problems"] == []


def test_a_slot_that_an_earlier_tick_saw_waits_for_the_next_one_after_a_manual_run(world):
    world.configure("[jobs.m]\ncron = '* * * * *'\ncommand = 'true'\n[jobs.manual]\ncommand = 'true'\n")
    world.run("run")
    world.run("pause")
    world.sql("UPDATE jobs SET position = position - 120")
    world.run("run", "--verbose")
    world.run("resume")

    world.run("run", "manual")

    open_reasons = {job["name"]: job["open_reason"] for job in world.json("jobs")}
    assert open_reasons == {"m": "due", "manual": None}


def test_a_manual_run_does_not_evaluate_the_gate_of_its_job(world):
    world.configure(
        f"[jobs.gated]\ncommand = 'true'\nonly_if = {{ command = 'echo run >> {world.root}/gate' }}\n"
    )

    done = world.run("run", "gated")

    assert (done.returncode, (world.root / "gate").exists()) == (0, False)


# The same tick, with a shorter limit than ten minutes.
LEAVING = "import sys; from scheduled.cli import main as cli; from scheduled.engine import follow_ups; follow_ups.RETRY_LIMIT = {}; sys.exit(cli.main())"


@pytest.mark.parametrize(("stay", "delay"), [(-1, 0), (0.5, 2)])
def test_retries_do_not_extend_a_tick_beyond_its_limit(world, stay, delay):
    world.configure(
        "[jobs.failing]\nevery = '1h'\nanchor = '2000-01-01'\ncommand = 'false'\n"
        f"retry = {{ max_attempts = 3, delay = {delay} }}\n"
    )
    world.run("run")
    world.sql("UPDATE jobs SET position = position - 7200")
    world.sql("UPDATE epochs SET starts_at = starts_at - 7200")
    tick = world.command("run", "--verbose")
    attempts = []
    for command in ([sys.executable, "-c", LEAVING.format(stay), *tick[2:]], tick):
        subprocess.run(command, capture_output=True, check=False, timeout=30)
        attempts.append(world.json("history")[0]["attempt"])

    assert attempts == [1, 3]
