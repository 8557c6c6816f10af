"""All queries name the same next run, and it is the one that the next ticks start, under a fake clock."""

import json
import os
import shutil
from datetime import datetime

import pytest

from tests.fixtures.world import World

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]


def ticked(world: World, config: str, *ats: str) -> World:
    """Configure *world* and run a tick at each of *ats*, times of one day."""
    world.configure(f'timezone = "UTC"\n{config}')
    for at in ats:
        world.run("run", at=on(at))
    return world


def on(at: str) -> str:
    return f"2026-03-10 {at}:00"


def answers(world: World, job: str, at: str) -> dict[str, str]:
    """Return what each query names as the next run of *job*, as the time of day."""
    found = {
        "next": next(row["runs_at"] for row in world.json("next", job, at=on(at)) if row["runs_at"]),
        "jobs": next(row["next_run"] for row in world.json("jobs", at=on(at)) if row["name"] == job),
        "status": next(
            row["next_run"] for row in world.json("status", at=on(at))["jobs"] if row["name"] == job
        ),
        "explain": world.json("explain", job, at=on(at))["next_run"],
    }
    return {query: instant[11:16] for query, instant in found.items()}


def sentence(world: World, job: str, at: str) -> str:
    return str(world.json("explain", job, at=on(at))["sentence"])


TWO = (
    "[catch_up]\nmax_runs = 1\n"
    '[jobs.s]\ncron = "0 * * * *"\ncommand = "true"\n'
    '[jobs.s2]\ncron = "0 * * * *"\ncommand = "true"\n'
)


@pytest.mark.parametrize(("at", "runs"), [("08:59", "09:05"), ("09:02", "09:10")])
def test_every_query_regards_the_budget_of_a_tick(world: World, at: str, runs: str) -> None:
    ticked(world, TWO, "08:50", "08:55")

    assert set(answers(world, "s2", at).values()) == {runs}
    assert f"It will run at 2026-03-10 {runs}: " in sentence(world, "s2", at)
    assert "`max_runs`" in sentence(world, "s2", at)
    assert "2026-03-10 09:00" in sentence(world, "s2", at)


def test_a_job_that_the_budget_holds_back_for_several_ticks_names_the_one_that_starts_it(
    world: World,
) -> None:
    three = TWO + '[jobs.s3]\ncron = "0 * * * *"\ncommand = "true"\n'
    ticked(world, three, "08:50", "08:55", "09:00")

    limit = "It waits: the last tick reached `max_runs` of `[catch_up]`; "
    assert sentence(world, "s2", "09:02") == f"{limit}the next tick starts more runs."
    assert sentence(world, "s3", "09:02") == f"{limit}it will run at 2026-03-10 09:10."
    assert set(answers(world, "s3", "09:02").values()) == {"09:10"}


RETRY = '[jobs.b]\ncron = "*/30 * * * *"\ncommand = "exit 1"\nretry = { max_attempts = 4, delay = "27m" }\n'


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("09:10", "but no tick comes before the newer slot of 2026-03-10 09:30, which replaces it."),
        ("09:28", "It is due: its slot of 2026-03-10 09:30 runs at the next tick; it replaces b-2"),
    ],
)
def test_a_retry_that_the_next_tick_replaces_is_not_announced(world: World, at: str, expected: str) -> None:
    ticked(world, RETRY, "08:50", "08:55", "09:00", "09:05")

    assert expected in sentence(world, "b", at)
    ticked(world, RETRY, "09:30")
    newest = world.json("history", at=on("09:31"))[0]
    assert (newest["scheduled_for"][11:16], newest["attempt"]) == ("09:30", 1)


EVERY_TEN = '[jobs.b]\ncron = "*/10 * * * *"\ncommand = "true"\n'


@pytest.mark.parametrize(
    ("catch_up", "at", "slot"),
    [("none", "10:17", "10:20"), ("latest", "09:38", "09:40")],
)
def test_the_slot_of_the_sentence_is_the_one_that_the_next_tick_runs(
    world: World, catch_up: str, at: str, slot: str
) -> None:
    ticked(world, f'{EVERY_TEN}catch_up = "{catch_up}"\n', "09:10", "09:15", "09:20", "09:25")

    assert set(answers(world, "b", at).values()) == {slot}
    assert f"its slot of 2026-03-10 {slot} runs at the next tick" in sentence(world, "b", at)


def test_a_start_request_waits_for_the_end_of_quiet_hours_that_begin_before_the_next_tick(
    world: World,
) -> None:
    config = '[jobs.b]\non = "ready"\ncommand = "true"\nnot_between = ["09:00", "09:20"]\n'
    ticked(world, config, "08:50", "08:55")
    world.run("emit", "ready", at="2026-03-10 08:56:00")
    with_request = sentence(world, "b", "08:58")

    assert with_request == "It waits: its quiet hours last until 2026-03-10 09:20."


def reasons(world: World, job: str, at: str) -> dict[str, str | None]:
    """Return the open reason of *job* that each query names."""
    rows = {
        "jobs": world.json("jobs", at=on(at)),
        "status": world.json("status", at=on(at))["jobs"],
    }
    found = {
        query: next(row["open_reason"] for row in listed if row["name"] == job)
        for query, listed in rows.items()
    }
    waiting = [row for row in world.json("run", "--dry-run", at=on(at)) if row["job"] == job]
    return {
        **found,
        "explain": world.json("explain", job, at=on(at))["open_reason"],
        "dry-run": waiting[0].get("open_reason") if waiting else None,
    }


HOURLY = '[jobs.b]\ncron = "0 * * * *"\n'
FAILING = f'{HOURLY}command = "exit 1"\nretry = {{ max_attempts = 2, delay = "20m" }}\n'


@pytest.mark.parametrize(
    ("pause", "until"),
    [((), "you resume with `scheduled resume b`"), (("--until", "+1h"), "2026-03-10 10:02")],
)
def test_a_job_that_is_paused_while_it_waits_for_a_retry_waits_for_the_end_of_the_pause(
    world: World, pause: tuple[str, ...], until: str
) -> None:
    ticked(world, FAILING, "08:55", "09:00")
    assert world.run("pause", "b", *pause, at=on("09:02")).returncode == 0

    assert set(reasons(world, "b", "09:03").values()) == {"paused"}
    assert sentence(world, "b", "09:03") == f"It waits: it is paused until {until}."
    ticked(world, FAILING, "09:05", "09:20")
    assert set(reasons(world, "b", "09:21").values()) == {"paused"}


def test_a_pause_that_ends_before_the_retry_is_not_what_the_job_waits_for(world: World) -> None:
    ticked(world, FAILING, "08:55", "09:00")
    assert world.run("pause", "b", "--until", "+5m", at=on("09:02")).returncode == 0

    assert set(reasons(world, "b", "09:03").values()) == {"waiting_retry"}


@pytest.mark.parametrize("config", [FAILING, f'{HOURLY}command = "true"\n'])
def test_next_lists_the_open_slot_or_retry_of_a_paused_job_first(world: World, config: str) -> None:
    ticked(world, config, "08:50", "08:55", *(["09:00"] if config == FAILING else []))
    world.run("pause", "b", at=on("08:58" if config != FAILING else "09:02"))

    first = world.json("next", "b", at=on("09:03"))[0]

    assert (first["scheduled_for"][11:16], first["runs_at"], first["reason"]) == ("09:00", None, "paused")


def test_every_query_names_the_pause_before_a_tick_sees_the_slot(world: World) -> None:
    ticked(world, f'{HOURLY}command = "true"\n', "08:50", "08:55")
    world.run("pause", "b", at=on("08:58"))

    assert set(reasons(world, "b", "09:03").values()) == {"paused"}


def test_no_query_names_a_retry_that_an_edit_by_hand_cancelled(world: World) -> None:
    ticked(world, FAILING, "08:55", "09:00")
    edited = FAILING.replace("0 *", "30 *")
    ticked(world, edited)
    stamp = datetime(2026, 3, 10, 9, 1).timestamp()
    os.utime(world.config, (stamp, stamp))

    assert set(reasons(world, "b", "09:03").values()) == {None}


def test_a_retry_that_a_pause_or_quiet_hours_outlast_is_not_announced_for_its_instant(world: World) -> None:
    config = (
        '[jobs.b]\non = "ready"\ncommand = "exit 1"\nretry = { max_attempts = 2, delay = "20m" }\n'
        'not_between = ["09:15", "09:50"]\n'
    )
    ticked(world, config, "08:50", "08:55")
    world.run("emit", "ready", at=on("08:58"))
    ticked(world, config, "09:00")

    by_quiet = sentence(world, "b", "09:03")
    world.run("pause", "b", at=on("09:04"))

    due = "the next attempt is due at 2026-03-10 09:20 and will wait then"
    assert by_quiet.endswith(f"{due}: quiet hours: 09:15 to 09:50.")
    assert sentence(world, "b", "09:05").endswith(
        f"{due}: it is paused until you resume with `scheduled resume b`."
    )


def test_a_job_in_a_file_that_a_tick_could_not_read_is_not_shown_as_paused(world: World) -> None:
    job = world.config.parent / "jobs.d" / "b.toml"
    job.parent.mkdir(mode=0o700)
    job.write_text('[jobs.b]\ncron = "0 * * * *"\ncommand = "true"\n')
    ticked(world, "", "08:50", "08:55")
    job.write_text("[jobs.b\n")
    ticked(world, "", "09:00")
    world.config.write_text("timezone = \n")

    jobs = json.loads(world.run("jobs", "--json", at=on("09:03")).stdout)
    status = json.loads(world.run("status", "--json", at=on("09:03")).stdout)["jobs"]

    assert [(row["name"], row["open_reason"]) for row in (*jobs, *status)] == [("b", None)] * 2
    assert [row["paused"] for row in jobs] == [False]


def test_status_lists_disabled_jobs_that_never_ran(world: World) -> None:
    off = '[jobs.a]\ncron = "0 * * * *"\ncommand = "true"\nenabled = false\n'
    ticked(world, f'{off}{HOURLY}command = "true"\n', "08:50", "08:55")

    status = world.json("status", at=on("08:57"))

    assert [(row["name"], row["enabled"], row["next_run"] is None) for row in status["jobs"]] == [
        ("a", False, True),
        ("b", True, False),
    ]
    assert status["jobs"][0]["run_count"] == 0
    assert status["queue"]["by_status"] == {"cancelled": 1, "pending": 1}


def test_a_chain_waits_in_a_step_behind_a_closed_gate(world: World) -> None:
    gated = '[jobs.gt]\ncommand = "true"\nonly_if = { path = "/nowhere" }\n'
    chain = '[jobs.c]\nchain = ["gt", "b"]\ncron = "0 9 * * *"\n'
    ticked(world, f'{gated}[jobs.b]\ncommand = "true"\n{chain}', "08:55", "09:00", "09:05")

    assert sentence(world, "c", "09:07") == (
        "It waits in step 1 of 2: gt waits: at the last tick its gate was closed (it requires: /nowhere exists)."
    )


LATE = f'{HOURLY}command = "true"\ngrace = "4m"\n'
ONCE = '[jobs.b]\nat = "2026-03-10T09:00"\ncommand = "true"\ngrace = "4m"\n'
BEHIND = '[jobs.a]\ncommand = "exit 1"\n[jobs.b]\ncron = "0 * * * *"\ncommand = "true"\nafter = ["a"]\n'


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LATE, "It will run at 2026-03-10 10:00: the slot of 2026-03-10 09:00 is skipped at the next tick (late)."),
        (ONCE, "It will not run: the slot of 2026-03-10 09:00 is skipped at the next tick (late)."),
        (BEHIND, "It will not run: it runs after a, which failed."),
    ],
)  # fmt: skip
def test_a_due_slot_that_the_next_tick_skips_is_not_announced(
    world: World, config: str, expected: str
) -> None:
    ticked(world, config, "08:50", "08:55")
    if config == BEHIND:
        world.run("run", "a", at=on("08:56"))

    assert sentence(world, "b", "09:03") == expected
    ticked(world, config, "09:05")
    assert [run["status"] for run in world.json("history", "b", at=on("09:06"))] == ["skipped"]
