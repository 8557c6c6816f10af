"""A chain with a step that waits is under way: what is predicted for it and for what comes after it, and what happens."""

import pytest

DAY = "2026-03-02"
CHAIN = """
timezone = "UTC"
[jobs.b]
cron = "*/20 * * * *"
chain = ["c"]
[jobs.w]
cron = "*/20 * * * *"
after = ["b"]
command = "true"
[jobs.c]
command = "test ! -e {root}/broken"
"""


def configured(world, extra="", chain='["c"]'):
    text = CHAIN.replace('["c"]', chain) + extra
    world.configure(text.replace("{root}", str(world.root)))
    tick(world, "08:50")


def tick(world, time):
    world.run("run", at=f"{DAY} {time}:00")


def forecast(world, now, until="10:15"):
    """Return the runs of `b` and `w` that are predicted at *now*."""
    rows = world.json("forecast", "--from", f"{DAY}T{now}", "--to", f"{DAY}T{until}", at=f"{DAY} {now}:00")
    listed = world.json("next", "-n", "40", at=f"{DAY} {now}:00")
    runs = {key(row) for row in rows if row["job"] in "bw"}
    upcoming = {key(row) for row in listed if row["job"] in "bw" and row["reason"] != "coalesced"}
    assert runs == {row for row in upcoming if row[2] < until}
    return runs


def key(row):
    return row["job"], row["scheduled_for"][11:16], row["runs_at"][11:16]


def lived(world, first, last):
    """Run every tick from *first* to *last*; return the runs of `b` and `w` as a forecast would have them."""
    begin = {run["run_id"] for run in world.json("history", "-n", "1000")}
    for minute in range(minutes(first), minutes(last) + 1, 5):
        time = f"{minute // 60:02}:{minute % 60:02}"
        tick(world, time)
    rows = [run for run in world.json("history", "-n", "1000") if run["run_id"] not in begin]
    started = [run for run in rows if run["job"] in "bw" and run["started_at"]]
    return {(run["job"], run["scheduled_for"][11:16], run["started_at"][11:16]) for run in started}


def minutes(time):
    return int(time[:2]) * 60 + int(time[3:])


@pytest.mark.system
def test_a_chain_with_a_paused_step_does_not_end_and_nothing_after_it_is_promised(world):
    configured(world)
    world.run("pause", "c", at=f"{DAY} 08:51:00")
    before = forecast(world, "08:52")
    tick(world, "09:00")
    tick(world, "09:20")

    predicted = forecast(world, "09:21")
    shown = world.run("next", at=f"{DAY} 09:21:00")
    far = world.json("forecast", "--from", "2026-03-10", "--to", "2026-03-11", at=f"{DAY} 09:21:00")
    assert far == []
    assert "nothing starts by itself before a chain ends: b;" in shown.stdout + shown.stderr
    status = world.json("status", at=f"{DAY} 09:21:00")["jobs"]
    explained = world.json("explain", "w", at=f"{DAY} 09:21:00")["sentence"]
    tick(world, "09:25")
    later = world.json("explain", "w", at=f"{DAY} 09:26:00")["sentence"]
    happened = lived(world, "09:30", "10:10")

    assert before == {("b", "09:00", "09:00")}
    assert predicted == happened == set()
    assert {row["name"]: row["next_run"] for row in status} == {"b": None, "c": None, "w": None}
    assert explained == later == "It waits: it runs after b."


def broken(world):
    (world.root / "broken").touch()


def pause(world, until):
    world.run("pause", "c", "--until", f"{DAY}T{until}", at=f"{DAY} 08:51:00")


RETRY = 'retry = { max_attempts = 5, delay = "24m" }\n'
QUIET = 'not_between = ["08:55", "09:43"]\n'
LAST = '[jobs.last]\ncommand = "true"\nnot_between = ["08:55", "09:43"]\n'
NESTED = '[jobs.inner]\nchain = ["c"]\n'


@pytest.mark.system
@pytest.mark.parametrize("now", ["08:56", "09:22"])
@pytest.mark.parametrize(
    ("extra", "chain", "until"),
    [
        ("", '["c"]', "09:43"),
        (QUIET, '["c"]', None),
        (LAST, '["c", "last"]', None),
        (QUIET + NESTED, '["inner"]', None),
        (QUIET + NESTED + LAST.replace("09:43", "10:03"), '[["inner", "last"]]', None),
        (QUIET + "[catch_up]\nmax_runs = 1\n", '["c"]', None),
        ("[catch_up]\nmax_runs = 2\n", '["c"]', None),
        (QUIET + NESTED.replace("inner", "other") + "cron = '*/10 * * * *'\n", '["c"]', None),
    ],
    ids=["pause", "quiet hours", "a later step", "a chain in a chain", "side by side", "max_runs", "max_runs 2", "two chains"],
)  # fmt: skip
def test_a_chain_ends_when_the_hold_of_its_step_has_ended(world, extra, chain, until, now):
    configured(world, extra, chain)
    if until:
        pause(world, until)
    lived(world, "08:55", str(now)[:4] + ("0" if now[4] < "5" else "5"))

    predicted = forecast(world, now)
    first = minutes(now) // 5 * 5 + 5
    happened = lived(world, f"{first // 60:02}:{first % 60:02}", "10:20")

    assert predicted == {run for run in happened if run[2] < "10:15"}, (
        sorted(predicted),
        sorted(happened),
        world.json("history", "-n", "100"),
    )


@pytest.mark.system
def test_a_chain_ends_when_the_retry_of_its_step_has_run(world):
    configured(world, RETRY)
    broken(world)
    tick(world, "09:00")
    (world.root / "broken").unlink()
    tick(world, "09:05")

    predicted = forecast(world, "09:06")
    happened = lived(world, "09:10", "10:30")

    assert ("b", "09:20", "09:30") in predicted and ("w", "09:00", "09:05") not in predicted
    assert predicted == {run for run in happened if run[2] < "10:15"}


@pytest.mark.system
def test_the_runs_that_a_gate_in_a_chain_decides_name_the_assumption(world):
    configured(world, 'only_if = { path = "{root}/flag" }\n')
    lived(world, "08:55", "09:20")

    rows = world.json("next", "-n", "4", at=f"{DAY} 09:21:00")
    shown = world.run("next", at=f"{DAY} 09:21:00")
    predicted = forecast(world, "09:21")
    (world.root / "flag").touch()
    happened = lived(world, "09:25", "10:10")

    assert predicted == happened
    assert ("b", "09:20", "09:25") not in predicted
    assert [row["assumed"] for row in rows if row["job"] in "bw"] == [["chain"]] * 3
    assert "chains end (assumed: the gates of their steps are open): w, b" in shown.stdout + shown.stderr


@pytest.mark.system
def test_a_run_without_a_slot_uses_up_no_budget_of_a_tick(world):
    """A started event job is followed by a job without a schedule, and by one with its own schedule."""
    world.configure(
        'timezone = "UTC"\n[catch_up]\nmax_runs = 1\n'
        f'[jobs.j2]\non = "go"\ncommand = "true"\nonly_if = {{ path = "{world.root}/flag" }}\n'
        '[jobs.j3]\ncron = "*/20 * * * *"\nafter = ["j2"]\ncommand = "true"\n'
        '[jobs.j4]\nafter = ["j2"]\ncommand = "true"\n'
    )
    tick(world, "08:35")
    world.run("emit", "go", at=f"{DAY} 08:35:30")
    tick(world, "08:36")
    rows = world.json("forecast", "--from", f"{DAY}T08:37", "--to", f"{DAY}T09:00", at=f"{DAY} 08:37:00")
    (world.root / "flag").touch()
    tick(world, "08:40")
    waiting = world.json("next", "j3", "-n", "1", at=f"{DAY} 08:41:00")
    tick(world, "08:45")

    runs = {run["job"]: run["started_at"][11:16] for run in world.json("history")}
    assert runs == {"j2": "08:40", "j4": "08:40", "j3": "08:45"}
    # The start of j4 follows from that of j2: predictions have no entry for it.
    assert {row["job"]: row["runs_at"][11:16] for row in rows} == {"j2": "08:40", "j3": "08:45"}
    assert waiting[0]["runs_at"][11:16] == "08:45"


@pytest.mark.system
def test_of_two_start_requests_and_a_slot_the_slot_waits_for_the_next_tick(world):
    world.configure(
        'timezone = "UTC"\n[catch_up]\nmax_runs = 1\n'
        '[jobs.j2]\non = "go"\ncommand = "true"\n'
        '[jobs.j3]\ncron = "*/20 * * * *"\nafter = ["j2"]\ncommand = "true"\n'
        '[jobs.j4]\non = "go"\nafter = ["j2"]\ncommand = "true"\n'
    )
    tick(world, "08:35")
    world.run("pause", at=f"{DAY} 08:35:10")
    world.run("emit", "go", at=f"{DAY} 08:35:30")
    tick(world, "08:36")
    world.run("resume", at=f"{DAY} 08:36:10")

    rows = world.json("forecast", "--from", f"{DAY}T08:39:58", "--to", f"{DAY}T09:00", at=f"{DAY} 08:39:58")
    dry = world.json("run", "--dry-run", at=f"{DAY} 08:40:00")
    tick(world, "08:40")
    tick(world, "08:45")

    runs = {run["job"]: run["started_at"][11:16] for run in world.json("history")}
    assert runs == {"j2": "08:40", "j4": "08:40", "j3": "08:45"}
    assert {row["job"]: row["runs_at"][11:16] for row in rows} == runs
    assert [row["job"] for row in dry if not row.get("open_reason")] == ["j2", "j4"]
