"""The results of queries agree with what ticks do, on the real command line under a fake clock."""

import shutil

import pytest

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="SKIPPED LOUDLY: Debian's faketime is not installed"
    ),
]


@pytest.fixture
def configured(world):
    """Return a function that configures a world in UTC."""

    def configure(*lines):
        world.configure("\n".join(['timezone = "UTC"', *lines]))
        return world

    return configure


def quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_report_job_the_daily_report_of_the_crontab_prints_nothing(configured):
    world = configured("[jobs.d]", 'cron = "0 8 * * *"', 'command = "true"')
    world.run("run", at="2026-11-20 07:58:00")

    assert quiet(world.run("daily-report", "--due", at="2026-11-20 08:00:00"))
    assert world.json("daily-report", "--due", "--dry-run", at="2026-11-20 08:00:00") == []
    assert world.json("history", at="2026-11-20 08:01:00") == []
    assert world.run("daily-report", at="2026-11-20 08:00:00").returncode == 2


DAILY = ("[jobs.d]", 'cron = "0 9 * * *"', 'command = "true"')


@pytest.fixture
def skipped(configured):
    """A world in which the slot of 11-21 was skipped in advance, and that of 11-20 has run."""
    world = configured(*DAILY)
    world.run("run", at="2026-11-20 08:58:00")
    world.run("skip", "d", "--for", "2026-11-21T09:00", at="2026-11-20 08:58:30")
    world.run("run", at="2026-11-20 09:01:00")
    return world


def days(entries):
    return [(entry["scheduled_for"] if isinstance(entry, dict) else entry)[8:10] for entry in entries]


def test_a_slot_skipped_in_advance_is_not_listed_as_a_future_slot(skipped):
    at = "2026-11-20 09:02:00"
    span = ("--from", "2026-11-20T09:00", "--to", "2026-11-23T10:00", "--job", "d")

    assert days(skipped.json("next", "d", "-n", "2", at=at)) == ["22", "23"]
    assert days(skipped.json("show", "d", at=at)["next"])[:2] == ["22", "23"]
    assert days([skipped.json("explain", "d", at=at)["next_slot"]]) == ["22"]
    assert days(skipped.json("forecast", *span, at=at)) == ["22", "23"]  # that of 20 has run


def test_a_slot_skipped_in_advance_is_not_open_at_its_instant(skipped):
    explained = skipped.json("explain", "d", at="2026-11-21 09:03:00")

    assert (explained["open_slots"], explained["slot"]) == (0, None)
    assert explained["sentence"] == "It will run at 2026-11-22 09:00."


def test_after_a_skip_all_queries_agree_on_the_next_run_before_the_next_tick(skipped):
    skipped.run("skip", "d", "--for", "2026-11-22T09:00", at="2026-11-21 12:00:00")
    at = "2026-11-21 12:01:00"

    status = skipped.json("status", at=at)
    upcoming = [
        skipped.json("jobs", at=at)[0]["next_run"],
        status["jobs"][0]["next_run"],
        status["next_job"]["scheduled"],
    ]

    assert days(upcoming) == ["23"] * 3


def test_only_instants_are_shortened_and_no_other_text(configured):
    world = configured("[jobs.h]", 'cron = "0 11 * * *"', 'command = "echo abcdeT-LIKE-ONE; exit 3"')
    for at in ("2026-11-20 10:58:00", "2026-11-20 11:00:00"):
        world.run("run", at=at)

    explained = world.run("explain", "h", at="2026-11-20 11:01:00").stdout
    shown = world.run("show", "h", at="2026-11-20 11:01:00").stdout

    assert "  run               h-20261120T110000Z  failed (exit code 3)  2026-11-20 11:00\n" in explained
    assert "  next due          2026-11-21 11:00\n" in explained
    assert "  action            echo abcdeT-LIKE-ONE; exit 3\n" in shown
    assert "  position          2026-11-20 11:00\n" in shown


WITHOUT_CRON = (
    *("[jobs.once]", 'at = "2026-12-01T09:00"', 'command = "true"'),
    *("[jobs.event]", 'on = "disk_full"', 'command = "true"'),
    *("[jobs.first]", 'cron = "0 9 * * *"', 'command = "true"'),
    *("[jobs.second]", 'after = ["first", "event"]', 'command = "true"'),
    *("[jobs.step]", 'command = "true"'),
    *("[jobs.line]", 'chain = ["step"]'),
)


@pytest.mark.parametrize(
    ("job", "when", "sentence"),
    [
        ("once", "once, at 2026-12-01T09:00:00+00:00", "It will run at 2026-12-01 09:00."),
        ("event", "on disk_full", "It runs when the event disk_full is published."),
        ("second", "after first and event", "It runs when first and event have succeeded."),
        ("step", "in line", "It runs as a step of line."),
        ("line", "manual", "It runs only when you start it: `scheduled run line`."),
    ],
)
def test_all_queries_agree_on_what_starts_a_job_without_a_cron_expression(configured, job, when, sentence):
    world, at = configured(*WITHOUT_CRON), "2026-11-20 10:00:00"
    world.run("run", at=at)

    listed = {entry["name"]: entry["schedule"] for entry in world.json("jobs", at=at)}
    in_status = {entry["name"]: entry["schedule"] for entry in world.json("status", at=at)["jobs"]}

    assert (listed[job], in_status[job]) == (when, when)
    assert world.json("explain", job, at=at)["sentence"] == sentence


def test_the_instant_of_a_run_without_a_slot_is_shown(configured):
    world = configured(*DAILY, "[jobs.line]", 'cron = "0 9 * * *"', 'chain = ["d"]')
    world.run("run", at="2026-11-20 08:58:00")
    ran = world.json("run", at="2026-11-20 09:00:00")["runs"]
    again, at = ("rerun", "d-20261120T090000Z"), "2026-11-20 09:05:00"

    preview = world.json(*again, "--dry-run", at=at)
    table = world.run(*again, "--verbose", at=at).stdout
    rerun = world.json(*again, at=at)["runs"]

    instant = "2026-11-20T09:00:00+00:00"
    assert [(run["job"], run["scheduled_for"]) for run in ran] == [
        ("d", instant),
        ("d", instant),
        ("line", instant),
    ]
    assert [run["scheduled_for"] for run in (*preview, *rerun)] == [instant, instant]
    assert "2026-11-20 09:00" in table


def warned(world, *words, at):
    """Add a job; return the warnings about it, which must be the same from `add` and from `check`."""
    added = world.json("add", "j", *words, "--command", "true", at=at)["warnings"]
    checked = world.json("check", at=at)["warnings"]
    assert [text.partition(": ")[2] for text in added] == [text.partition(": ")[2] for text in checked]
    return [text.partition("jobs.j: ")[2] for text in checked]


def test_an_instant_in_the_past_causes_a_warning_unless_the_job_has_run(configured):
    world, at = configured(), "2026-11-20 10:00:00"

    assert warned(world, "--at", "2020-01-01T00:00", at=at) == [
        "at: 2020-01-01T00:00:00+00:00 is in the past, so the job will not run; write a future date and time"
    ]

    world.run("remove", "j", at=at)
    (one,) = warned(world, "--at", "2020-01-01T00:00", "--at", "2026-11-20T12:00", at=at)
    assert one.startswith("at: 2020-01-01T00:00:00+00:00 is in the past, so it will not run then; write a")

    world.run("remove", "j", at=at)
    assert warned(world, "--at", "2026-11-20T11:00", at=at) == []
    world.run("run", at=at)
    assert world.json("check", at="2026-11-20 11:30:00")["warnings"] == []  # open: the next tick runs it
    world.run("run", at="2026-11-20 11:30:00")
    assert world.json("check", at="2026-11-20 12:00:00")["warnings"] == []
    assert len(world.json("history", at="2026-11-20 12:00:00")) == 1


def test_a_local_time_that_does_not_exist_causes_a_warning(configured):
    world, at = configured(), "2026-01-20 10:00:00"
    zone = ("--timezone", "Europe/Berlin")

    assert warned(world, "--at", "2026-03-29T02:30", *zone, at=at) == [
        "at: 2026-03-29T02:30 does not exist in Europe/Berlin, because clocks go forward then; 03:30 is used"
    ]
    world.run("remove", "j", at=at)
    assert warned(world, "--at", "2026-03-29T03:30", *zone, at=at) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("audit", "--from", "2026-11-22", "--to", "2026-11-21"), "from 2026-11-22 to 2026-11-21: the end must be after"),
        (("audit", "--from", "2026-11-21", "--to", "2026-11-21"), "the end must be after the beginning"),
        (("audit", "--from", "2027-01-01"), "from 2027-01-01: is in the future"),
        (("forecast", "--from", "2026-11-22", "--to", "2026-11-21"), "from 2026-11-22 to 2026-11-21: the end must be after"),
        (("forecast", "--from", "2026-11-22", "--to", "2026-11-21", "--ics"), "the end must be after the beginning"),
    ],
)  # fmt: skip
def test_an_empty_span_is_refused(configured, words, expected):
    world = configured(*DAILY)
    world.run("run", at="2026-11-20 08:58:00")

    done = world.run(*words, at="2026-11-23 09:00:00")

    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr


# `run --dry-run`


def planned(world, at):
    """Return the plan of `run --dry-run`, which must contain exactly the runs that the tick then starts."""
    plan = world.json("run", "--dry-run", at=at)
    ran = [run["job"] for run in world.json("run", at=at)["runs"]]
    assert sorted(entry["job"] for entry in plan if "open_reason" not in entry) == sorted(ran)
    return [(entry["job"], entry.get("reason") or entry["open_reason"]) for entry in plan]


def test_jobs_that_run_after_others_start_in_the_same_tick(configured):
    at_nine = ('cron = "0 9 * * *"', 'command = "true"')
    world = configured(
        *("[jobs.c]", 'after = ["b"]', *at_nine),
        *("[jobs.b]", 'after = ["a"]', *at_nine),
        *("[jobs.a]", *at_nine),
    )
    world.run("run", at="2026-11-20 08:58:00")

    assert planned(world, "2026-11-20 09:01:00") == [
        ("a", "due"),
        ("b", "due, after a"),
        ("c", "due, after b"),
    ]
    assert world.json("run", "--dry-run", at="2026-11-20 09:01:00") == []


def test_a_job_that_runs_after_a_waiting_job_waits_too(configured):
    at_nine = ('cron = "0 9 * * *"', 'command = "true"')
    world = configured("[jobs.a]", *at_nine, "[jobs.b]", 'after = ["a"]', *at_nine)
    for words in (("run",), ("pause", "a")):
        world.run(*words, at="2026-11-20 08:58:00")

    assert planned(world, "2026-11-20 09:01:00") == [("a", "paused"), ("b", "waits for a")]
    assert "waits for a" in world.run("run", "--dry-run", at="2026-11-20 09:01:00").stdout


def test_the_plan_names_every_waiting_event_including_those_in_the_spool(configured):
    world = configured("[jobs.free]", 'on = "disk_full"', 'command = "true"', 'where = { disk = "/" }')
    world.run("run", at="2026-11-20 09:00:00")
    for disk in ("/", "/srv", "/"):
        world.run("emit", "disk_full", f"disk={disk}", at="2026-11-20 09:00:30")
    (world.state / "spool" / "disk_full.json").write_text('{"disk": "/"}')
    (world.state / "spool" / "bad").write_text("no payload")

    assert planned(world, "2026-11-20 09:01:00") == [("free", "on disk_full")] * 3


def test_the_plan_contains_all_slots_of_a_catch_up_within_the_budget(configured):
    hourly = ('cron = "0 * * * *"', 'command = "true"', 'catch_up = "all"')
    world = configured("[catch_up]", "max_runs = 2", "[jobs.each]", *hourly)
    world.run("run", at="2026-11-20 08:58:00")

    assert planned(world, "2026-11-20 11:01:00") == [("each", "due"), ("each", "due"), ("each", "budget")]


def test_the_plan_contains_valid_jobs_if_another_file_is_invalid(configured):
    world = configured(*DAILY)
    other = world.config.parent / "jobs.d" / "other.toml"
    other.parent.mkdir(mode=0o700)
    other.write_text("[jobs.other]\ncron = '0 9 * * *'\ncommand = 'true'\n")
    world.run("run", at="2026-11-20 08:58:00")
    other.write_text("no TOML")

    assert planned(world, "2026-11-20 09:01:00") == [("d", "due")]


def test_lists_of_runs_name_the_jobs_that_they_leave_out(world):
    world.configure(
        '[jobs.bad]\ncomand = "x"\ncron = "0 * * * *"\n[jobs.good]\ncommand = "true"\ncron = "0 * * * *"\n'
    )

    for words in (["next"], ["forecast", "--from", "2026-02-03T09:00", "--to", "2026-02-03T12:00"], ["jobs"]):
        done = world.run(*words)
        assert (done.returncode, f"{world.config}:2: jobs.bad: comand: unknown key" in done.stderr) == (
            2,
            True,
        )
    assert world.run("next", "good").returncode == 0


def test_a_failure_of_a_run_by_hand_is_printed_each_time(world):
    world.configure('[jobs.f]\ncommand = "exit 3"\n')

    done = [world.run("run", "f") for _ in range(2)]

    assert [run.returncode for run in done] == [1, 1]
    assert all(run.stderr.startswith("scheduled: f: failed: exit code 3") for run in done)


def test_a_trial_that_defers_itself_ends_as_the_run_would(world):
    world.configure('[jobs.f]\ncommand = "exit 75"\n')

    assert [world.run(verb, "f").returncode for verb in ("try", "run")] == [75, 75]


def test_ticks_that_refuse_the_configuration_are_ticks(world):
    job = '[jobs.a]\ncommand = "true"\ncron = "0 3 * * *"\n'
    world.configure(f'timezone = "UTC"\n{job}')
    for minute in (0, 5, 10, 15):
        world.run("run", at=f"2026-02-03 09:{minute:02}:00")
    world.configure("[broken")
    for minute in (20, 25, 30, 35, 40):
        assert world.run("run", at=f"2026-02-03 09:{minute:02}:00").returncode == 2

    broken = world.run("status", at="2026-02-03 09:41:00").stdout
    world.configure(f'timezone = "UTC"\n{job}')
    mended = world.run("explain", "a", at="2026-02-03 09:42:00").stdout

    assert "ticks have stopped" not in broken
    assert "No tick has come" not in mended and "no tick has come" not in mended


def test_a_rare_job_beside_many_with_a_budget_is_answered_without_it(world):
    """The jobs share the budget of each tick, so that all of them would have to be simulated until then."""
    often = "".join(f'[jobs.j{n}]\ncommand = "true"\ncron = "*/10 * * * *"\n' for n in range(100))
    rare = '[jobs.rare]\ncommand = "true"\ncron = "0 3 1 1 *"\n'
    world.configure(f'timezone = "UTC"\n[catch_up]\nmax_runs = 200\n{often}{rare}')

    (found,) = world.json("next", "rare", "-n", "1", at="2026-02-03 09:00:00")

    assert (found["scheduled_for"], "budget" in found["assumed"]) == ("2027-01-01T03:00:00+00:00", True)


def test_a_repair_of_the_ledger_by_a_command_is_a_problem_until_the_next_tick(world):
    world.configure('timezone = "UTC"\n[jobs.a]\ncommand = "true"\ncron = "0 9 * * *"\n')
    world.run("run", at="2026-02-03 09:00:05")
    ledger = world.state / "ledger.db"
    ledger.write_bytes(b"damaged" * 999)

    command = world.run("pause", "a", at="2026-02-03 09:01:00")
    status = world.json("status", at="2026-02-03 09:02:00")

    assert (command.returncode, "moved aside" in command.stderr) == (0, True)
    assert not status["healthy"]
    assert any("moved aside" in problem for problem in status["problems"])
