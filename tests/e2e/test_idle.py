"""Step 0 of a tick: what makes it answer at once, and what makes it look again."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing

import pytest

from scheduled import idle
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.world import ENTRY

FAR = """
    [jobs.yearly]
    cron = "0 0 29 2 *"
    command = "true"
"""


@pytest.fixture
def calm(world):
    """A world in which nothing is due before the next leap day."""
    world.configure(FAR)
    (world.config.parent / "jobs.d").mkdir()
    (world.config.parent / "jobs.d" / "there.toml").write_text("")
    (world.state / "spool").mkdir(mode=0o700, parents=True)
    world.state.chmod(0o700)
    done = world.run("run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert was_idle(world)
    return world


def bare_tick(world, **environment):
    """Make a tick as the crontab does; return the names of the modules it imported, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-I", "-S", ENTRY, *world.command("run")[2:]],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}, done.returncode


def was_idle(world, **environment):
    imported, code = bare_tick(world, **environment)
    assert code == 0
    return not imported & {"scheduled.cli.crontab_line", "scheduled.cli.main"}


def snapshot(world):
    return world.state / "scheduled_state.json"


def header_of(world):
    return idle.parse(snapshot(world).read_bytes()[: idle.SIZE])


# The format


def test_the_header_gives_back_what_was_put_in():
    numbers = [1_770_000_000, -(2**62), 2**62, 1_770_000_000, 10**9, 2**63, 2**64 - 1]

    text = idle.header(*numbers)

    due, edited, *rest, digest = numbers
    assert (len(text), idle.parse(text)) == (256, [due, idle.sealed(edited, due, *rest), *rest, digest])


def test_a_digit_damaged_anywhere_in_the_header_puts_nothing_to_sleep(calm):
    good = snapshot(calm).read_bytes()
    stat = snapshot(calm).stat()
    assert idle.is_idle(calm.command("run")[2:])
    places = [place for place in range(idle.SIZE) if good[place : place + 1].isdigit()]

    for place in places[:: max(1, len(places) // 12)]:
        digit = b"%d" % ((int(good[place : place + 1]) + 1) % 10)
        snapshot(calm).write_bytes(good[:place] + digit + good[place + 1 :])
        os.utime(snapshot(calm), ns=(stat.st_mtime_ns, stat.st_mtime_ns))
        body = place > good.rindex(b" ", 0, good.index(b"  "))  # the digest is of no concern to an idle tick
        assert body or not idle.is_idle(calm.command("run")[2:]), place


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{}",
        idle.header(1, 2, 3, 4, 5, 6, 7)[:-1],
        idle.header(1, 2, 3, 4, 5, 6, 7) + b" ",
        idle.header(1, 2, 3, 4, 5, 6, 7).replace(b" 7 ", b"   "),
        idle.header(1, 2, 3, 4, 5, 6, 7).replace(b" 7 ", b" x "),
        b"[" + idle.header(1, 2, 3, 4, 5, 6, 7)[1:],
    ],
)
def test_what_is_no_header_is_not_taken_for_one(head):
    assert idle.parse(head) is None


def test_a_published_snapshot_begins_with_it_and_is_json_as_a_whole(calm):
    data = snapshot(calm).read_bytes()
    document = json.loads(data)

    numbers = idle.parse(data[: idle.SIZE])
    assert numbers[3:6] == [numbers[3], len(data), snapshot(calm).stat().st_ino]
    assert (next(iter(document)), document["version"]) == ("_idle", 1)
    assert data[: idle.SIZE].endswith(b'",\n')


# An idle tick


def test_an_idle_tick_moves_the_heartbeat_and_touches_nothing_else(calm):
    os.utime(snapshot(calm), (time.time() - 60, header_of(calm)[3]))
    before = {place: (place.read_bytes(), place.stat().st_mtime_ns) for place in calm.state.glob("*.*")}

    assert was_idle(calm)

    after = {place: (place.read_bytes(), place.stat().st_mtime_ns) for place in calm.state.glob("*.*")}
    changed = {place.name for place in after if after[place] != before.get(place)}
    assert (changed, after.keys()) == ({"scheduled_state.json"}, before.keys())
    assert after[snapshot(calm)][0] == before[snapshot(calm)][0]
    assert time.time() - 30 < snapshot(calm).stat().st_mtime <= time.time()


def test_an_idle_tick_imports_next_to_nothing(calm):
    imported, _ = bare_tick(calm)

    assert (
        imported
        & {"os", "re", "json", "site", "sqlite3", "click", "msgspec", "pathlib", "scheduled.cli.main"}
        == set()
    )
    assert {name for name in imported if name.startswith("scheduled")} == {"scheduled", "scheduled.idle"}


def test_the_crontabs_own_line_imports_nothing_that_it_has_no_use_for(world):
    world.configure("""
        [jobs.soon]
        every = "1s"
        command = "true"
    """)
    world.run("run")
    time.sleep(1.1)  # its first interval has to be over, and a faked clock would import more
    imported, code = bare_tick(world)

    runs = json.loads(world.run("history", "--json").stdout)
    assert (code, {run["status"] for run in runs}) == (0, {"success"})
    unused = {
        "click",
        "filelock",
        "logging",
        "difflib",
        "json",
        "subprocess",
        "rich",
        "scheduled.cli.main",
    }
    assert imported & unused == set()


def test_a_path_is_read_in_the_locale_s_encoding(monkeypatch):
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "latin-1")

    assert idle.paths(["run", "--config", "/\xe9.toml", "--state", "/\udcff"]) == (b"/\xe9.toml", b"/\xff")


def test_a_tick_with_nothing_to_start_leaves_no_outcome_file(calm):
    edit(calm.config)

    assert not was_idle(calm)
    assert list((calm.state / "results").iterdir()) == []


@pytest.mark.parametrize("option", ["--config", "--state"])
def test_an_option_without_its_path_is_refused_even_where_nothing_is_due(calm, option):
    named = {"--config": ("SCHEDULED_CONFIG", calm.config), "--state": ("SCHEDULED_STATE", calm.state)}
    env = {**os.environ, **{name: str(path) for name, path in named.values()}}
    done = subprocess.run([sys.executable, ENTRY, "run", option], env=env, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (2, b"")


# What makes a tick look again


def edit(path, text="# edited\n"):
    path.write_text(path.read_text() + text)


def replace(path):
    """Put an equal file in its place, as an editor does that saves what it has read."""
    stamp = path.stat().st_mtime_ns
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(stamp, stamp))
    other.replace(path)


def write_ledger(world):
    with closing(SqliteLedger(world.state / "ledger.db")) as ledger, ledger.transaction():
        ledger.remember("k", "v")


DISTURBANCES = {
    "an edited configuration": lambda world: edit(world.config),
    "a new file in jobs.d": lambda world: (world.config.parent / "jobs.d" / "new.toml").write_text(""),
    "an edited file in jobs.d": lambda world: edit(world.config.parent / "jobs.d" / "there.toml"),
    "a removed file in jobs.d": lambda world: (world.config.parent / "jobs.d" / "there.toml").unlink(),
    "a file in jobs.d whose rights changed": lambda world: (
        world.config.parent / "jobs.d" / "there.toml"
    ).chmod(0o400),
    "a jobs.d whose rights changed": lambda world: (world.config.parent / "jobs.d").chmod(0o500),
    "something in the spool": lambda world: (world.state / "spool" / "event").touch(),
    "a snapshot that was edited": lambda world: edit(snapshot(world), " "),
    "a snapshot that was replaced": lambda world: replace(snapshot(world)),
    "a snapshot that is gone": lambda world: snapshot(world).unlink(),
    "a ledger that is gone": lambda world: (world.state / "ledger.db").unlink(),
    "a ledger that was written": write_ledger,
}


@pytest.mark.parametrize("place", ["config", "state"])
def test_directories_that_everybody_may_write_are_refused_by_every_tick_and_the_way_back_is_free(calm, place):
    directory = calm.config.parent if place == "config" else calm.state
    directory.chmod(0o777)
    codes = [bare_tick(calm)[1] for _ in "12"]
    directory.chmod(0o700)

    assert codes == [2, 2]
    assert [bare_tick(calm)[1], was_idle(calm)] == [0, True]


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_a_tick_looks_again_after(calm, disturbance):
    DISTURBANCES[disturbance](calm)

    assert not was_idle(calm)
    assert was_idle(calm)


def test_a_file_that_everybody_may_write_is_refused_at_once_and_believed_again_at_once(calm):
    there = calm.config.parent / "jobs.d" / "there.toml"

    there.chmod(0o666)
    refused = calm.run("run")
    there.chmod(0o600)
    mended = calm.run("run")

    assert (refused.returncode, "there.toml: everybody may write it" in refused.stderr) == (2, True)
    assert (mended.returncode, mended.stderr) == (0, "")
    assert was_idle(calm)


def test_a_tick_looks_again_in_another_zone(calm):
    assert not was_idle(calm, TZ="Asia/Tokyo")


def test_a_tick_looks_again_when_jobs_d_comes_into_being(world):
    world.configure(FAR)
    world.run("run")
    before = was_idle(world)
    (world.config.parent / "jobs.d").mkdir()

    assert (before, was_idle(world)) == (True, False)


def test_a_write_that_is_not_folded_in_yet_is_seen(calm):
    with closing(SqliteLedger(calm.state / "ledger.db")) as ledger:
        with ledger.transaction():
            ledger.remember("k", "v")

        assert not was_idle(calm)


def test_looking_at_the_ledger_disturbs_nobody(calm):
    for verb in ("status", "history", "audit"):
        calm.run(verb)

    assert was_idle(calm)


@pytest.mark.parametrize(("seconds_after_writing", "expected"), [(-1, False), (0, True), (3600, True)])
def test_a_clock_before_the_last_write_is_not_believed(calm, seconds_after_writing, expected):
    written = header_of(calm)[3]
    os.utime(snapshot(calm), (0, 0))

    assert nothing_due(calm, written + seconds_after_writing) is expected


def test_a_clock_before_the_last_heartbeat_is_not_believed(calm):
    written = header_of(calm)[3]
    os.utime(snapshot(calm), (0, written + 600))

    assert [nothing_due(calm, written + after) for after in (599, 600)] == [False, True]


def test_the_due_instant_itself_is_due(calm):
    due = header_of(calm)[0]

    assert [nothing_due(calm, instant) for instant in (due - 1, due, due + 1)] == [True, False, False]


def nothing_due(world, instant):
    places = [os.fsencode(place) for place in (snapshot(world), world.config, world.state)]
    return idle._nothing_due(*places, instant * 10**9)


# Which command lines ask the question at all


@pytest.mark.parametrize(
    "words",
    [
        ["run", "job"],
        ["run", "--json"],
        ["run", "-n"],
        ["status"],
        [],
        ["run", "run"],
        ["run", "--state"],
        ["--help", "run"],
    ],
)
def test_only_a_plain_run_can_be_idle(calm, words):
    assert not idle.is_idle(["--config", str(calm.config), "--state", str(calm.state), *words])


def test_relative_paths_take_the_long_way(calm):
    assert idle.paths(["run", "--config", "scheduled.toml", "--state", str(calm.state)]) is None


@pytest.mark.parametrize("order", [("options", "run"), ("run", "options")])
def test_both_orders_of_the_command_line_name_the_same_places(order):
    options = ["--config", "/c/scheduled.toml", "--state", "/s"]
    words = [word for part in order for word in (options if part == "options" else ["run"])]

    assert idle.paths(words) == (b"/c/scheduled.toml", b"/s")
