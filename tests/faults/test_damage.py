"""Damage to every file of ours: said, moved aside, restored from its twin; never empty in silence, never a traceback.

Whole files, whole directories, and single bits. A lost ledger and a lost snapshot have tests of their own
(test_lost_ledger.py). `HOSTILE_SEED=N` tells a run again; SCHEDULED_NIGHTLY=1 flips every byte in every way.
"""

import os
import random
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest

from scheduled.state.locks import exclusive
from tests.fixtures.in_process_cli import NIGHTLY, SEED, invoke

FAR = """
    timezone = "Europe/Berlin"
    [jobs.yearly]
    cron = "0 5 1 1 *"
    command = "true"
    [jobs.weekly]
    every = "7d"
    command = "true"
"""
EACH = 120  # flips a file and run of CI: a few seconds
HOW_MANY = None if NIGHTLY else EACH


@pytest.fixture
def house(world):
    """A world with a tick behind it and nothing to come for days."""
    world.configure(FAR)
    assert world.run("run").returncode == 0
    shutil.copytree(world.state, world.root / "good")
    return world


def renew(world):
    shutil.rmtree(world.state)
    shutil.copytree(world.root / "good", world.state)


def positions(world):
    return {name: (job["position"], job["schedules"]) for name, job in world.snapshot()["jobs"].items()}


def flips(data, salt):
    """Return (place, damaged data): one bit of every byte, all its bits at night, or a sample of them."""
    ways = [1 << bit for bit in range(8)] + [0xFF] if NIGHTLY else [None]
    chance = random.Random(f"{SEED} {salt}")
    places = [(place, way or 1 << chance.randrange(8)) for place in range(len(data)) for way in ways]
    print(f"HOSTILE_SEED={SEED}: {salt}: {len(places)} flips, {HOW_MANY or 'all'} are tried")
    for place, way in sorted(chance.sample(places, min(HOW_MANY or len(places), len(places)))):
        yield place, data[:place] + bytes([data[place] ^ way]) + data[place + 1 :]


# Bits


def test_a_snapshot_with_any_flipped_bit_is_repaired_without_moving_a_position(house):
    before, good = positions(house), (house.state / "scheduled_state.json").read_bytes()

    for place, bad in flips(good, "snapshot"):
        renew(house)
        (house.state / "scheduled_state.json").write_bytes(bad)
        done = invoke(house, "run")
        after = positions(house)
        assert (place, done.code, after, "Traceback" in done.err) == (place, 0, before, False)
        assert done.err, f"byte {place} was flipped in silence"


def test_without_a_ledger_a_flipped_bit_in_the_snapshot_affects_at_most_one_job(house):
    before, good = positions(house), (house.state / "scheduled_state.json").read_bytes()

    for place, bad in flips(good, "snapshot alone"):
        renew(house)
        (house.state / "ledger.db").unlink()
        (house.state / "scheduled_state.json").write_bytes(bad)
        done = invoke(house, "run")
        after = positions(house)
        kept = [name for name in before if after[name][0] == before[name][0]]
        damaged = ": damaged; moved aside to" in done.err or "written by a newer version" in done.err
        assert (place, done.code, after.keys() >= before.keys()) == (place, 0, True) or done.code == 1
        assert damaged or len(kept) >= len(before) - 1, (place, done.err)
        assert done.err, f"byte {place} was flipped in silence"
        assert invoke(house, "audit").code in (0, 1)


def test_a_ledger_with_any_flipped_bit_is_read_or_refused_and_restored_without_a_crash(house):
    good = (house.state / "ledger.db").read_bytes()
    used = [place for place in range(len(good)) if good[place]]
    chance = random.Random(f"{SEED} ledger")
    mended = 0

    for place in used if NIGHTLY else chance.sample(used, EACH):
        renew(house)
        (house.state / "scheduled_state.json").unlink()  # it would answer for the ledger
        bad = bytearray(good)
        bad[place] ^= 1 << chance.randrange(8)
        (house.state / "ledger.db").write_bytes(bad)
        ticks = [invoke(house, "run") for _ in range(2)]
        if ticks[1].code:
            ticks.append(invoke(house, "run"))
        assert {done.code for done in ticks} <= {0, 1}, (place, [done.err for done in ticks])
        # Whatever it was, the tick after the one that met it works; a newer version stays refused.
        newer = "newer version" in ticks[-1].err
        assert newer or sum(done.code for done in ticks) <= 1, (place, [done.err for done in ticks])
        assert newer or invoke(house, "status").code in (0, 1)
        mended += any("moved aside" in done.err for done in ticks)

    assert mended


OUTCOMES = """
    [jobs.a]
    command = "echo $SCHEDULED_ATTEMPT >> {root}/ran"
    [jobs.b]
    command = "echo $SCHEDULED_ATTEMPT >> {root}/ran; exit 3"
"""


@pytest.fixture
def orphaned(world, until):
    """A world whose runner died while two jobs ran; what became of them is in the outcome file alone."""
    world.configure(OUTCOMES.format(root=world.root).replace("echo", "sleep 1; echo"))
    runner = world.start("run", "a", "b")
    until(lambda: list(world.state.glob("output/*.log")) and len(list(world.state.glob("output/*.log"))) == 2)
    runner.kill()
    runner.wait()
    (results,) = (world.state / "results").glob("*.jsonl")
    until(lambda: results.read_bytes().count(b'"ended"') == 2)
    until(lambda: subprocess.run(["flock", "-n", str(results), "true"], check=False).returncode == 0)
    world.configure(OUTCOMES.format(root=world.root))
    shutil.copytree(world.state, world.root / "good")
    return world


def test_a_result_file_with_any_flipped_bit_ends_every_run_once_and_is_kept_if_damaged(orphaned):
    (results,) = (orphaned.state / "results").glob("*.jsonl")
    good = results.read_bytes()

    for place, bad in flips(good, "results"):
        renew(orphaned)
        results.write_bytes(bad)
        done = invoke(orphaned, "run")
        rows = orphaned.sql("SELECT job, status FROM runs ORDER BY job, claimed_at")
        # A run by hand that was interrupted is not begun again; whichever way, none stays open.
        assert done.code in (0, 1), (place, done.err)
        assert len(rows) == 2
        assert {status for _, status in rows} <= {"success", "failed", "interrupted", "timed_out"}, (
            place,
            rows,
        )
        kept = list((orphaned.state / "results").glob("*.damaged"))
        assert bool(kept) == ("damaged: " in done.err), (place, done.err)
        assert (kept[0].read_bytes() if kept else bad) == bad


# Whole files

CONTENTS = {
    "truncated": lambda data: data[: len(data) // 2],
    "zero-length": lambda data: b"",  # noqa: ARG005
    "zeros": lambda data: bytes(len(data)),
    "rubbish": lambda data: random.Random(SEED).randbytes(len(data)),
    "not UTF-8": lambda data: data.replace(b"e", b"\xe5"),
    "deep": lambda data: b"[" * 200_000,  # noqa: ARG005
}


@pytest.mark.parametrize("damage", CONTENTS)
@pytest.mark.parametrize("name", ["scheduled_state.json", "ledger.db"])
def test_a_damaged_ledger_or_snapshot_is_reported_and_restored_from_the_other(house, name, damage):
    before, path = positions(house), house.state / name
    path.write_bytes(CONTENTS[damage](path.read_bytes()))

    ticks = [invoke(house, "run") for _ in range(2)]

    assert (ticks[-1].code, positions(house)) == (0, before)
    assert f"{path}: " in ticks[0].err
    assert invoke(house, "audit").code == 0


@pytest.mark.parametrize("kind", ["directory", "fifo"])
@pytest.mark.parametrize("name", ["scheduled_state.json", "ledger.db"])
def test_a_directory_or_fifo_in_place_of_a_file_is_moved_aside_without_blocking(house, name, kind):
    before, path = positions(house), house.state / name
    path.unlink()
    (path.mkdir if kind == "directory" else lambda: os.mkfifo(path))()

    done = invoke(house, "run")

    assert (done.code, positions(house)) == (0, before)
    assert f"{path}: not a regular file; moved aside to {path}.damaged-" in done.err
    assert len(list(house.state.glob(f"{name}.damaged-*"))) == 1


@pytest.mark.parametrize("name", ["ledger.lock", "snapshot.lock", "ledger.db-wal", "ledger.db-shm"])
def test_a_directory_in_place_of_a_lock_file_is_named_and_nothing_else_changes(house, name):
    before = (house.state / "scheduled_state.json").read_bytes()
    for path in house.state.glob(name):
        path.unlink()
    (house.state / name).mkdir()

    done = invoke(house, "run")

    assert (done.code, "scheduled: " + str(house.state) in done.err) == (1, True)
    assert (house.state / "scheduled_state.json").read_bytes() == before
    (house.state / name).rmdir()
    assert invoke(house, "run").code == 0


@pytest.mark.parametrize("kind", ["directory", "fifo", "rubbish"])
def test_an_invalid_result_file_is_moved_aside_and_reported_once(house, kind):
    path = house.state / "results" / "20260101T000000Z-1-abcd.jsonl"
    {
        "directory": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "rubbish": lambda: path.write_bytes(b"\xff{\n" * 100),
    }[kind]()

    ticks = [invoke(house, "run", "-v") for _ in range(2)]

    assert [done.code for done in ticks] == [0, 0]
    assert (path.exists(), path.with_name(f"{path.name}.damaged").exists()) == (False, True)
    assert str(path) not in ticks[1].err


def test_a_result_file_that_cannot_be_opened_fails_the_tick_until_it_is_removed(house):
    path = house.state / "results" / "20260101T000000Z-1-abcd.jsonl"
    path.symlink_to(path.name)

    done = invoke(house, "run", "-v")

    assert (done.code, f"scheduled: {path}: can't be removed: " in done.err) == (1, True)
    path.unlink()
    assert invoke(house, "run", "-v").code == 0


@pytest.mark.parametrize("name", ["spool", "results", "output", "reports"])
def test_a_file_in_place_of_a_directory_is_named(house, name):
    shutil.rmtree(house.state / name)
    (house.state / name).write_text("x")

    done = invoke(house, "run")

    assert (done.code, done.err) == (1, f"scheduled: {house.state / name}: File exists\n")


def test_a_swapped_ledger_and_snapshot_are_both_reported_as_damaged(house):
    ledger, snapshot = house.state / "ledger.db", house.state / "scheduled_state.json"
    shutil.move(ledger, house.root / "kept")
    shutil.move(snapshot, ledger)
    shutil.move(house.root / "kept", snapshot)

    done = invoke(house, "run")

    assert done.code == 0
    assert f"{ledger}: damaged: " in done.err
    assert f"{snapshot}: damaged; moved aside to " in done.err
    assert (len(list(house.state.glob("*.damaged-*"))), invoke(house, "audit").code) == (2, 0)


# Versions


def test_a_snapshot_of_a_newer_version_is_refused_and_nothing_changes(house):
    path = house.state / "scheduled_state.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    before = {file: file.read_bytes() for file in house.state.glob("*") if file.is_file()}

    done = invoke(house, "run")

    assert done.code == 1
    assert (
        done.err
        == f"scheduled: {path}: written by a newer version of scheduled (snapshot 2, known 1); upgrade\n"
    )
    assert {file: file.read_bytes() for file in before} == before


def test_a_lost_ledger_is_not_guessed_from_a_newer_snapshot(house):
    path = house.state / "scheduled_state.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    (house.state / "ledger.db").unlink()

    done = invoke(house, "run")

    assert (done.code, (house.state / "ledger.db").exists()) == (1, False)


def test_a_ledger_of_a_newer_version_is_refused_and_nothing_changes(house):
    with closing(sqlite3.connect(house.state / "ledger.db")) as db:
        db.execute("PRAGMA user_version = 99")
    before = (house.state / "ledger.db").read_bytes()

    done = invoke(house, "run")

    assert (done.code, "written by a newer version of scheduled (schema 99" in done.err) == (1, True)
    assert (house.state / "ledger.db").read_bytes() == before


def test_a_snapshot_of_an_older_version_restores_the_positions(house):
    path, before = house.state / "scheduled_state.json", positions(house)
    path.write_text(path.read_text().replace('  "version": 1,\n', ""))
    (house.state / "ledger.db").unlink()

    done = invoke(house, "run")

    assert (done.code, positions(house), world_version(house)) == (0, before, 1)


def world_version(world):
    return world.snapshot()["version"]


# Locks and owners


def test_a_lock_that_is_held_for_too_long_is_named(house):
    lock = house.state / "ledger.lock"
    with subprocess.Popen(["flock", str(lock), "sleep", "60"], start_new_session=True) as claimant:
        try:
            while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
                pass
            with pytest.raises(Exception, match=r"ledger\.lock: another process has held this lock for 0 s"):
                exclusive(lock, 0.1).__enter__()
        finally:
            os.killpg(claimant.pid, 9)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["ledger.db", "scheduled_state.json", "spool", "results", "output"])
def test_state_of_another_user_is_refused_with_the_fix(house, name):
    os.chown(house.state / name, 4711, -1)

    done = invoke(house, "run")

    place = house.state / name
    assert (done.code, done.err) == (
        2,
        (
            f"scheduled: {place}: belongs to user 4711: run this as user 4711, without sudo, or make it root's; "
            f"chown{' -R' * place.is_dir()} 0 {place}\n"
        ),
    )


# Configuration


@pytest.mark.parametrize("damage", CONTENTS)
def test_with_a_damaged_configuration_no_job_runs_and_none_is_forgotten(house, damage):
    before = positions(house)
    good = house.config.read_bytes()
    house.config.write_bytes(CONTENTS[damage](good))

    done = invoke(house, "run")
    house.config.write_bytes(good)

    if damage == "zero-length":  # that is a configuration: one without jobs
        assert done.code == 0
    else:
        assert (done.code, str(house.config) in done.err) == (2, True)
        assert (invoke(house, "run").code, positions(house)) == (0, before)


@pytest.mark.parametrize("kind", ["directory", "fifo", "terabyte"])
@pytest.mark.parametrize("where", ["scheduled.toml", "jobs.d"])
def test_a_configuration_that_is_not_a_usable_file_is_named_without_blocking(house, where, kind):
    path = house.config
    if where == "jobs.d":
        path = house.config.parent / "jobs.d" / "bad.toml"
        path.parent.mkdir(mode=0o700)
    path.unlink(missing_ok=True)
    {"directory": path.mkdir, "fifo": lambda: os.mkfifo(path), "terabyte": lambda: sparse(path)}[kind]()

    done = invoke(house, "run")

    assert (done.code, f"scheduled: {path}: " in done.err) == (2, True), done.err


def sparse(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


def test_a_configuration_with_any_flipped_bit_is_accepted_or_refused(house):
    good = house.config.read_bytes()

    for place, bad in flips(good, "configuration"):
        house.config.write_bytes(bad)
        done = invoke(house, "check")
        assert done.code in (0, 2), (place, done.err)
