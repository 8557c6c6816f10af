"""The idle check of a tick: when it ends the tick at once, and which changes make it continue."""

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
    (world.config.parent / "elsewhere.toml").write_text("")
    (world.config.parent / "jobs.d" / "link.toml").symlink_to(world.config.parent / "elsewhere.toml")
    (world.state / "spool").mkdir(mode=0o700, parents=True)
    world.state.chmod(0o700)
    done = world.run("run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert was_idle(world)
    return world


def bare_tick(world, **environment):
    """Run a tick as the crontab does; return the names of the imported modules and the exit code."""
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


def test_a_parsed_header_has_the_written_numbers():
    numbers = [1_770_000_000, -(2**62), 2**62, 1_770_000_000, 10**9, 2**63, 2**64 - 1]

    text = idle.header(*numbers)

    due, edited, *rest, digest = numbers
    assert (len(text), idle.parse(text)) == (256, [due, idle.sealed(edited, due, *rest), *rest, digest])


def test_with_a_damaged_digit_in_the_header_no_tick_is_idle(calm):
    good = snapshot(calm).read_bytes()
    stat = snapshot(calm).stat()
    assert idle.is_idle(calm.command("run")[2:])
    places = [place for place in range(idle.SIZE) if good[place : place + 1].isdigit()]

    for place in places[:: max(1, len(places) // 12)]:
        digit = b"%d" % ((int(good[place : place + 1]) + 1) % 10)
        snapshot(calm).write_bytes(good[:place] + digit + good[place + 1 :])
        os.utime(snapshot(calm), ns=(stat.st_mtime_ns, stat.st_mtime_ns))
        in_digest = place > good.rindex(b" ", 0, good.index(b"  "))  # an idle tick does not check the digest
        assert in_digest or not idle.is_idle(calm.command("run")[2:]), place


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
def test_an_invalid_header_is_rejected(head):
    assert idle.parse(head) is None


def test_a_published_snapshot_begins_with_a_header_and_is_valid_json(calm):
    data = snapshot(calm).read_bytes()
    document = json.loads(data)

    numbers = idle.parse(data[: idle.SIZE])
    assert numbers[3:6] == [numbers[3], len(data), snapshot(calm).stat().st_ino]
    assert (next(iter(document)), document["version"]) == ("_idle", 1)
    assert data[: idle.SIZE].endswith(b'",\n')


# An idle tick


def test_an_idle_tick_updates_the_heartbeat_and_nothing_else(calm):
    os.utime(snapshot(calm), (time.time() - 60, header_of(calm)[3]))
    before = {place: (place.read_bytes(), place.stat().st_mtime_ns) for place in calm.state.glob("*.*")}

    assert was_idle(calm)

    after = {place: (place.read_bytes(), place.stat().st_mtime_ns) for place in calm.state.glob("*.*")}
    changed = {place.name for place in after if after[place] != before.get(place)}
    assert (changed, after.keys()) == ({"scheduled_state.json"}, before.keys())
    assert after[snapshot(calm)][0] == before[snapshot(calm)][0]
    assert time.time() - 30 < snapshot(calm).stat().st_mtime <= time.time()


def test_an_idle_tick_imports_only_the_idle_module(calm):
    imported, _ = bare_tick(calm)

    assert (
        imported
        & {"os", "re", "json", "site", "sqlite3", "click", "msgspec", "pathlib", "scheduled.cli.main"}
        == set()
    )
    assert {name for name in imported if name.startswith("scheduled")} == {"scheduled", "scheduled.idle"}


def test_the_command_of_the_crontab_imports_no_unused_modules(world):
    world.configure("""
        [jobs.soon]
        every = "1s"
        command = "true"
    """)
    world.run("run")
    time.sleep(1.1)  # the first slot must be due; a fake clock would import other modules
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


def test_a_tick_with_nothing_to_start_leaves_no_result_file(calm):
    edit(calm.config)

    assert not was_idle(calm)
    assert list((calm.state / "results").iterdir()) == []


@pytest.mark.parametrize("option", ["--config", "--state"])
def test_an_option_without_its_path_is_refused_even_if_nothing_is_due(calm, option):
    named = {"--config": ("SCHEDULED_CONFIG", calm.config), "--state": ("SCHEDULED_STATE", calm.state)}
    env = {**os.environ, **{name: str(path) for name, path in named.values()}}
    done = subprocess.run([sys.executable, ENTRY, "run", option], env=env, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (2, b"")


# Changes that make a tick continue


def edit(path, text="# edited\n"):
    path.write_text(path.read_text() + text)


def replace(path):
    """Replace the file by an equal one, as an editor does that saves an unchanged text."""
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
    "a file in jobs.d with another mode": lambda world: (world.config.parent / "jobs.d" / "there.toml").chmod(
        0o400
    ),
    "a replaced file in jobs.d": lambda world: replace(world.config.parent / "jobs.d" / "there.toml"),
    "an edited file that a link in jobs.d leads to": lambda world: edit(
        world.config.parent / "elsewhere.toml"
    ),
    "a jobs.d with another mode": lambda world: (world.config.parent / "jobs.d").chmod(0o500),
    "a file in the spool": lambda world: (world.state / "spool" / "event").touch(),
    "an edited snapshot": lambda world: edit(snapshot(world), " "),
    "a replaced snapshot": lambda world: replace(snapshot(world)),
    "a missing snapshot": lambda world: snapshot(world).unlink(),
    "a missing ledger": lambda world: (world.state / "ledger.db").unlink(),
    "a changed ledger": write_ledger,
}


@pytest.mark.parametrize("place", ["config", "state"])
def test_every_tick_refuses_a_world_writable_directory_until_its_mode_is_corrected(calm, place):
    directory = calm.config.parent if place == "config" else calm.state
    directory.chmod(0o777)
    codes = [bare_tick(calm)[1] for _ in "12"]
    directory.chmod(0o700)

    assert codes == [2, 2]
    assert [bare_tick(calm)[1], was_idle(calm)] == [0, True]


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_a_tick_is_not_idle_after(calm, disturbance):
    DISTURBANCES[disturbance](calm)

    assert not was_idle(calm)
    assert was_idle(calm) or was_idle(
        calm
    )  # if the tick has printed something, another one makes sure of that


def test_a_world_writable_file_is_refused_until_its_mode_is_corrected(calm):
    there = calm.config.parent / "jobs.d" / "there.toml"

    there.chmod(0o666)
    refused = calm.run("run")
    there.chmod(0o600)
    corrected = calm.run("run")

    assert (refused.returncode, "there.toml: is writable by all users" in refused.stderr) == (2, True)
    assert (corrected.returncode, corrected.stderr) == (0, "")
    assert was_idle(calm)


def test_a_tick_in_another_zone_is_not_idle(calm):
    assert not was_idle(calm, TZ="Asia/Tokyo")


def test_a_tick_is_not_idle_after_jobs_d_is_created(world):
    world.configure(FAR)
    world.run("run")
    before = was_idle(world)
    (world.config.parent / "jobs.d").mkdir()

    assert (before, was_idle(world)) == (True, False)


def test_a_write_that_is_only_in_the_write_ahead_log_is_noticed(calm):
    with closing(SqliteLedger(calm.state / "ledger.db")) as ledger:
        with ledger.transaction():
            ledger.remember("k", "v")

        assert not was_idle(calm)


def test_after_queries_on_the_ledger_a_tick_is_still_idle(calm):
    for command in ("status", "history", "audit"):
        calm.run(command)

    assert was_idle(calm)


@pytest.mark.parametrize(("seconds_after_writing", "expected"), [(-1, False), (0, True), (3600, True)])
def test_a_clock_before_the_last_write_is_not_trusted(calm, seconds_after_writing, expected):
    written = header_of(calm)[3]
    os.utime(snapshot(calm), (0, 0))

    assert nothing_due(calm, written + seconds_after_writing) is expected


def test_a_clock_before_the_last_heartbeat_is_not_trusted(calm):
    written = header_of(calm)[3]
    os.utime(snapshot(calm), (0, written + 600))

    assert [nothing_due(calm, written + after) for after in (599, 600)] == [False, True]


def test_a_tick_at_the_due_instant_is_not_idle(calm):
    due = header_of(calm)[0]

    assert [nothing_due(calm, instant) for instant in (due - 1, due, due + 1)] == [True, False, False]


def nothing_due(world, instant):
    places = [os.fsencode(place) for place in (snapshot(world), world.config, world.state)]
    return idle._nothing_due(*places, instant * 10**9)


# Command lines for which the idle check runs


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


def test_relative_paths_disable_the_idle_check(calm):
    assert idle.paths(["run", "--config", "scheduled.toml", "--state", str(calm.state)]) is None


@pytest.mark.parametrize("order", [("options", "run"), ("run", "options")])
def test_options_may_be_before_or_after_run(order):
    options = ["--config", "/c/scheduled.toml", "--state", "/s"]
    words = [word for part in order for word in (options if part == "options" else ["run"])]

    assert idle.paths(words) == (b"/c/scheduled.toml", b"/s")
