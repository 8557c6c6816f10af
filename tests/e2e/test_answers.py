"""What the commands say is what the ticks do: through the real command line, under a clock that stands."""

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
    """Configure a world whose people live in UTC."""

    def configure(*lines):
        world.configure("\n".join(['timezone = "UTC"', *lines]))
        return world

    return configure


def quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_crontabs_daily_report_is_silent_where_no_job_makes_one(configured):
    world = configured("[jobs.d]", 'cron = "0 8 * * *"', 'command = "true"')
    world.run("run", at="2026-11-20 07:58:00")

    assert quiet(world.run("daily-report", "--due", at="2026-11-20 08:00:00"))
    assert world.json("daily-report", "--due", "--dry-run", at="2026-11-20 08:00:00") == []
    assert world.json("history", at="2026-11-20 08:01:00") == []
    assert world.run("daily-report", at="2026-11-20 08:00:00").returncode == 2


DAILY = ("[jobs.d]", 'cron = "0 9 * * *"', 'command = "true"')


@pytest.fixture
def skipped(configured):
    """A world in which the slot of 11-21 was skipped on the eve of the one before, which has run."""
    world = configured(*DAILY)
    world.run("run", at="2026-11-20 08:58:00")
    world.run("skip", "d", "--for", "2026-11-21T09:00", at="2026-11-20 08:58:30")
    world.run("run", at="2026-11-20 09:01:00")
    return world


def days(entries):
    return [(entry["scheduled_for"] if isinstance(entry, dict) else entry)[8:10] for entry in entries]


def test_a_slot_skipped_beforehand_is_not_announced(skipped):
    at = "2026-11-20 09:02:00"
    span = ("--from", "2026-11-20T09:00", "--to", "2026-11-23T10:00", "--job", "d")

    assert days(skipped.json("next", "d", "-n", "2", at=at)) == ["22", "23"]
    assert days(skipped.json("show", "d", at=at)["next"])[:2] == ["22", "23"]
    assert days([skipped.json("explain", "d", at=at)["next_slot"]]) == ["22"]
    assert days(skipped.json("forecast", *span, at=at)) == ["20", "22", "23"]


def test_a_slot_skipped_beforehand_is_not_open_when_its_hour_comes(skipped):
    said = skipped.json("explain", "d", at="2026-11-21 09:03:00")

    assert (said["open_slots"], said["slot"]) == (0, None)
    assert said["sentence"] == "It will run at 2026-11-22 09:00."


def test_what_is_next_is_the_same_for_everybody_who_is_asked_before_the_next_tick(skipped):
    skipped.run("skip", "d", "--for", "2026-11-22T09:00", at="2026-11-21 12:00:00")
    at = "2026-11-21 12:01:00"

    status = skipped.json("status", at=at)
    said = [
        skipped.json("jobs", at=at)[0]["next_run"],
        status["jobs"][0]["next_run"],
        status["next_job"]["scheduled"],
    ]

    assert days(said) == ["23"] * 3


def test_no_word_is_taken_for_an_instant_by_its_looks(configured):
    world = configured("[jobs.h]", 'cron = "0 11 * * *"', 'command = "echo abcdeTELL-ALL; exit 3"')
    for at in ("2026-11-20 10:58:00", "2026-11-20 11:00:00"):
        world.run("run", at=at)

    explained = world.run("explain", "h", at="2026-11-20 11:01:00").stdout
    shown = world.run("show", "h", at="2026-11-20 11:01:00").stdout

    assert "  run               h-20261120T110000Z  failed (exit code 3)  2026-11-20 11:00\n" in explained
    assert "  next due          2026-11-21 11:00\n" in explained
    assert "  what              echo abcdeTELL-ALL; exit 3\n" in shown
    assert "  position          2026-11-20 11:00\n" in shown


BESIDE_CRON = (
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
        ("event", "on disk_full", "It runs when disk_full happens."),
        ("second", "after first and event", "It runs when first and event have succeeded."),
        ("step", "in line", "It runs as a step of line."),
        ("line", "by hand", "It runs only by hand: `scheduled run line`."),
    ],
)
def test_everybody_says_alike_what_starts_a_job_without_a_cron_line(configured, job, when, sentence):
    world, at = configured(*BESIDE_CRON), "2026-11-20 10:00:00"
    world.run("run", at=at)

    listed = {entry["name"]: entry["schedule"] for entry in world.json("jobs", at=at)}
    stands = {entry["name"]: entry["schedule"] for entry in world.json("status", at=at)["jobs"]}

    assert (listed[job], stands[job]) == (when, when)
    assert world.json("explain", job, at=at)["sentence"] == sentence


def test_a_run_says_which_instant_it_stands_for_beside_the_schedule_too(configured):
    world = configured(*DAILY, "[jobs.line]", 'cron = "0 9 * * *"', 'chain = ["d"]')
    world.run("run", at="2026-11-20 08:58:00")
    ran = world.json("run", at="2026-11-20 09:00:00")["runs"]
    again, at = ("rerun", "d-20261120T090000Z"), "2026-11-20 09:05:00"

    foreseen = world.json(*again, "--dry-run", at=at)
    table = world.run(*again, "--verbose", at=at).stdout
    rerun = world.json(*again, at=at)["runs"]

    instant = "2026-11-20T09:00:00+00:00"
    assert [(run["job"], run["scheduled_for"]) for run in ran] == [
        ("d", instant),
        ("d", instant),
        ("line", instant),
    ]
    assert [run["scheduled_for"] for run in (*foreseen, *rerun)] == [instant, instant]
    assert "2026-11-20 09:00" in table


def warned(world, *words, at):
    """What `add` said of the job, and what `check` says of it afterwards."""
    added = world.json("add", "j", *words, "--command", "true", at=at)["warnings"]
    checked = world.json("check", at=at)["warnings"]
    assert [text.partition(": ")[2] for text in added] == [text.partition(": ")[2] for text in checked]
    return [text.partition("jobs.j: ")[2] for text in checked]


def test_an_instant_that_is_over_is_doubted_unless_the_job_has_run_then(configured):
    world, at = configured(), "2026-11-20 10:00:00"

    assert warned(world, "--at", "2020-01-01T00:00", at=at) == [
        "at: 2020-01-01T00:00:00+00:00 is in the past, so the job will not run; write a future date and time"
    ]

    world.run("remove", "j", at=at)
    assert warned(world, "--at", "2026-11-20T11:00", at=at) == []
    world.run("run", at=at)
    assert world.json("check", at="2026-11-20 11:30:00")["warnings"] == []  # open: the next tick runs it
    world.run("run", at="2026-11-20 11:30:00")
    assert world.json("check", at="2026-11-20 12:00:00")["warnings"] == []
    assert len(world.json("history", at="2026-11-20 12:00:00")) == 1


def test_a_local_time_that_does_not_exist_is_doubted(configured):
    world, at = configured(), "2026-01-20 10:00:00"
    zone = ("--timezone", "Europe/Berlin")

    assert warned(world, "--at", "2026-03-29T02:30", *zone, at=at) == [
        "at: 2026-03-29T02:30 does not exist in Europe/Berlin, where clocks go forward over it; it is taken for 03:30"
    ]
    world.run("remove", "j", at=at)
    assert warned(world, "--at", "2026-03-29T03:30", *zone, at=at) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("audit", "--from", "2026-11-22", "--to", "2026-11-21"), "from 2026-11-22 to 2026-11-21: must end after"),
        (("audit", "--from", "2026-11-21", "--to", "2026-11-21"), "must end after it begins"),
        (("audit", "--from", "2027-01-01"), "from 2027-01-01: lies ahead"),
        (("forecast", "--from", "2026-11-22", "--to", "2026-11-21"), "from 2026-11-22 to 2026-11-21: must end after"),
        (("forecast", "--from", "2026-11-22", "--to", "2026-11-21", "--ics"), "must end after it begins"),
    ],
)  # fmt: skip
def test_a_span_that_holds_no_time_is_refused(configured, words, expected):
    world = configured(*DAILY)
    world.run("run", at="2026-11-20 08:58:00")

    done = world.run(*words, at="2026-11-23 09:00:00")

    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr


# `run --dry-run`


def foreseen(world, at):
    """What `run --dry-run` says, which must be what the tick then starts, in its order."""
    said = world.json("run", "--dry-run", at=at)
    ran = [run["job"] for run in world.json("run", at=at)["runs"]]
    assert sorted(entry["job"] for entry in said if "waits" not in entry) == sorted(ran)
    return [(entry["job"], entry.get("why") or entry["waits"]) for entry in said]


def test_jobs_that_come_after_others_start_in_the_same_tick(configured):
    at_nine = ('cron = "0 9 * * *"', 'command = "true"')
    world = configured(
        *("[jobs.c]", 'after = ["b"]', *at_nine),
        *("[jobs.b]", 'after = ["a"]', *at_nine),
        *("[jobs.a]", *at_nine),
    )
    world.run("run", at="2026-11-20 08:58:00")

    assert foreseen(world, "2026-11-20 09:01:00") == [
        ("a", "due"),
        ("b", "due, after a"),
        ("c", "due, after b"),
    ]
    assert world.json("run", "--dry-run", at="2026-11-20 09:01:00") == []


def test_a_job_that_comes_after_one_that_waits_waits_for_it(configured):
    at_nine = ('cron = "0 9 * * *"', 'command = "true"')
    world = configured("[jobs.a]", *at_nine, "[jobs.b]", 'after = ["a"]', *at_nine)
    for words in (("run",), ("pause", "a")):
        world.run(*words, at="2026-11-20 08:58:00")

    assert foreseen(world, "2026-11-20 09:01:00") == [("a", "paused"), ("b", "waits for a")]
    assert "waits for a" in world.run("run", "--dry-run", at="2026-11-20 09:01:00").stdout


def test_every_event_that_waits_is_foreseen_by_its_name_that_in_the_spool_too(configured):
    world = configured("[jobs.free]", 'on = "disk_full"', 'command = "true"', 'where = { disk = "/" }')
    world.run("run", at="2026-11-20 09:00:00")
    for disk in ("/", "/srv", "/"):
        world.run("emit", "disk_full", f"disk={disk}", at="2026-11-20 09:00:30")
    (world.state / "spool" / "disk_full.json").write_text('{"disk": "/"}')
    (world.state / "spool" / "bad").write_text("no payload")

    assert foreseen(world, "2026-11-20 09:01:00") == [("free", "on disk_full")] * 3


def test_all_slots_that_are_caught_up_on_are_foreseen_up_to_the_budget(configured):
    hourly = ('cron = "0 * * * *"', 'command = "true"', 'catch_up = "all"')
    world = configured("[catch_up]", "max_runs = 2", "[jobs.each]", *hourly)
    world.run("run", at="2026-11-20 08:58:00")

    assert foreseen(world, "2026-11-20 11:01:00") == [("each", "due"), ("each", "due"), ("each", "budget")]


def test_what_can_be_read_is_foreseen_beside_what_cannot(configured):
    world = configured(*DAILY)
    other = world.config.parent / "jobs.d" / "other.toml"
    other.parent.mkdir(mode=0o700)
    other.write_text("[jobs.other]\ncron = '0 9 * * *'\ncommand = 'true'\n")
    world.run("run", at="2026-11-20 08:58:00")
    other.write_text("no TOML")

    assert foreseen(world, "2026-11-20 09:01:00") == [("d", "due")]
