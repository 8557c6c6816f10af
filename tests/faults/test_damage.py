"""Damage to every file of the state: it is reported, moved aside and restored; no silent loss, no traceback.

Whole files, whole directories and single bits are damaged. test_lost_ledger.py tests a lost ledger and a lost
snapshot. `HOSTILE_SEED=N` repeats a run; SCHEDULED_NIGHTLY=1 flips every bit of every byte.
"""

import os
import random
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest

from scheduled.state.locks import exclusive
from scheduled.state.sqlite.ledger import NUMBERS
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
EACH = 120  # flips per file in CI: a few seconds
HOW_MANY = None if NIGHTLY else EACH


@pytest.fixture
def ticked(world):
    """A world after one tick, in which nothing is due for days."""
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
    """Yield (offset, damaged data) with one flipped bit: for a sample of the bytes, or, nightly, every bit."""
    ways = [1 << bit for bit in range(8)] + [0xFF] if NIGHTLY else [None]
    chance = random.Random(f"{SEED} {salt}")
    places = [(place, way or 1 << chance.randrange(8)) for place in range(len(data)) for way in ways]
    print(f"HOSTILE_SEED={SEED}: {salt}: {len(places)} flips, {HOW_MANY or 'all'} are tested")
    for place, way in sorted(chance.sample(places, min(HOW_MANY or len(places), len(places)))):
        yield place, data[:place] + bytes([data[place] ^ way]) + data[place + 1 :]


# Bits


def test_a_snapshot_with_any_flipped_bit_is_repaired_without_moving_a_position(ticked):
    before, good = positions(ticked), (ticked.state / "scheduled_state.json").read_bytes()

    for place, bad in flips(good, "snapshot"):
        renew(ticked)
        (ticked.state / "scheduled_state.json").write_bytes(bad)
        done = invoke(ticked, "run")
        after = positions(ticked)
        assert (place, done.code, after, "Traceback" in done.err) == (place, 0, before, False)
        assert done.err, f"byte {place} was flipped in silence"


def test_without_a_ledger_a_flipped_bit_in_the_snapshot_affects_at_most_one_job(ticked):
    before, good = positions(ticked), (ticked.state / "scheduled_state.json").read_bytes()

    for place, bad in flips(good, "snapshot alone"):
        renew(ticked)
        (ticked.state / "ledger.db").unlink()
        (ticked.state / "scheduled_state.json").write_bytes(bad)
        done = invoke(ticked, "run")
        after = positions(ticked)
        kept = [name for name in before if after[name][0] == before[name][0]]
        damaged = ": damaged; moved aside to" in done.err or "written by a newer version" in done.err
        assert (place, done.code, after.keys() >= before.keys()) == (place, 0, True) or done.code == 1
        assert damaged or len(kept) >= len(before) - 1, (place, done.err)
        assert done.err, f"byte {place} was flipped in silence"
        assert invoke(ticked, "audit").code in (0, 1)


def test_a_ledger_with_any_flipped_bit_is_read_or_refused_and_restored_without_a_crash(ticked):
    good = (ticked.state / "ledger.db").read_bytes()
    used = [place for place in range(len(good)) if good[place]]
    chance = random.Random(f"{SEED} ledger")
    mended = 0

    for place in used if NIGHTLY else chance.sample(used, EACH):
        renew(ticked)
        (ticked.state / "scheduled_state.json").unlink()  # so that nothing can be restored from it
        bad = bytearray(good)
        bad[place] ^= 1 << chance.randrange(8)
        (ticked.state / "ledger.db").write_bytes(bad)
        ticks = [invoke(ticked, "run") for _ in range(2)]
        if ticks[1].code:
            ticks.append(invoke(ticked, "run"))
        assert {done.code for done in ticks} <= {0, 1}, (place, [done.err for done in ticks])
        # The tick after the one that found the damage succeeds. A flip in the version number stays refused.
        newer = "newer version" in ticks[-1].err
        assert newer or sum(done.code for done in ticks) <= 1, (place, [done.err for done in ticks])
        assert newer or invoke(ticked, "status").code in (0, 1)
        mended += any("moved aside" in done.err for done in ticks)

    assert mended


@pytest.mark.parametrize("tick", ["../../../x", "b"])
def test_a_run_with_an_id_out_of_the_state_is_damage_and_nothing_is_written_there(ticked, tick):
    with closing(sqlite3.connect(ticked.state / "ledger.db")) as db:
        db.execute(
            "INSERT INTO runs (run_id, job, trigger, attempt, status, tick, origin, claimed_at, retry_at)"
            " VALUES ('../../PWNED', 'weekly', 'event', 1, ?, ?, 1, 1700000000, 1700000000)",
            ("waiting_retry" if tick == "b" else "running", tick),
        )
        db.commit()

    first, second = ticked.run("run"), ticked.run("run")

    assert (first.returncode, "Traceback" in first.stderr + second.stderr) == (1, False)
    assert "damaged: runs." in first.stderr
    assert "moved aside to" in second.stderr
    assert not [path for path in ticked.root.rglob("*PWNED*") if path.is_file()]
    with closing(sqlite3.connect(ticked.state / "ledger.db")) as db:
        assert db.execute("SELECT run_id FROM runs WHERE run_id LIKE '%PWNED'").fetchall() == []


def test_a_number_that_is_none_is_damage(ticked):
    """Each number in `meta` is checked; a flipped bit in one of them must not end a tick with a traceback."""
    numbers = [key for key, value in ticked.sql("SELECT key, value FROM meta") if is_number(value)]
    assert {"configuration_read_at", "planned"} <= {*numbers} <= {*NUMBERS}

    for key in numbers:
        renew(ticked)
        ticked.sql(f"UPDATE meta SET value = '1x' WHERE key = '{key}'")
        ticks = [invoke(ticked, "run") for _ in range(3)]
        assert {done.code for done in ticks} <= {0, 1}, (key, [done.err for done in ticks])
        assert (ticks[-1].code, invoke(ticked, "status").code in (0, 1)) == (0, True), key


def is_number(value):
    try:
        return float(value) is not None
    except ValueError:
        return False


TWO_RESULTS = """
    [jobs.a]
    command = "echo $SCHEDULED_ATTEMPT >> {root}/ran"
    [jobs.b]
    command = "echo $SCHEDULED_ATTEMPT >> {root}/ran; exit 3"
"""


@pytest.fixture
def orphaned(world, until):
    """A world in which a tick was killed while two jobs ran. Only the result file holds their results."""
    world.configure(TWO_RESULTS.format(root=world.root).replace("echo", "sleep 1; echo"))
    tick = world.start("run", "a", "b")
    until(
        lambda: (
            list(world.state.glob("output/*/*.log")) and len(list(world.state.glob("output/*/*.log"))) == 2
        )
    )
    tick.kill()
    tick.wait()
    (results,) = (world.state / "results").glob("*.jsonl")
    until(lambda: results.read_bytes().count(b'"ended"') == 2)
    until(lambda: subprocess.run(["flock", "-n", str(results), "true"], check=False).returncode == 0)
    world.configure(TWO_RESULTS.format(root=world.root))
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
        # An interrupted manual run is not started again. In no case does a run stay open.
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
def test_a_damaged_ledger_or_snapshot_is_reported_and_restored_from_the_other(ticked, name, damage):
    before, path = positions(ticked), ticked.state / name
    path.write_bytes(CONTENTS[damage](path.read_bytes()))

    ticks = [invoke(ticked, "run") for _ in range(2)]

    assert (ticks[-1].code, positions(ticked)) == (0, before)
    assert f"{path}: " in ticks[0].err
    assert invoke(ticked, "audit").code == 0


@pytest.mark.parametrize("kind", ["directory", "fifo"])
@pytest.mark.parametrize("name", ["scheduled_state.json", "ledger.db"])
def test_a_directory_or_fifo_in_place_of_a_file_is_moved_aside_without_blocking(ticked, name, kind):
    before, path = positions(ticked), ticked.state / name
    path.unlink()
    (path.mkdir if kind == "directory" else lambda: os.mkfifo(path))()

    done = invoke(ticked, "run")

    assert (done.code, positions(ticked)) == (0, before)
    assert f"{path}: not a regular file; moved aside to {path}.damaged-" in done.err
    assert len(list(ticked.state.glob(f"{name}.damaged-*"))) == 1


@pytest.mark.parametrize("name", ["ledger.lock", "snapshot.lock", "ledger.db-wal", "ledger.db-shm"])
def test_a_directory_in_place_of_a_lock_file_is_named_and_nothing_else_changes(ticked, name):
    before = (ticked.state / "scheduled_state.json").read_bytes()
    for path in ticked.state.glob(name):
        path.unlink()
    (ticked.state / name).mkdir()

    done = invoke(ticked, "run")

    assert (done.code, "scheduled: " + str(ticked.state) in done.err) == (1, True)
    assert (ticked.state / "scheduled_state.json").read_bytes() == before
    (ticked.state / name).rmdir()
    assert invoke(ticked, "run").code == 0


@pytest.mark.parametrize("kind", ["directory", "fifo", "rubbish"])
def test_an_invalid_result_file_is_moved_aside_and_reported_once(ticked, kind):
    path = ticked.state / "results" / "20260101T000000Z-1-abcd.jsonl"
    {
        "directory": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "rubbish": lambda: path.write_bytes(b"\xff{\n" * 100),
    }[kind]()

    ticks = [invoke(ticked, "run", "-v") for _ in range(2)]

    assert [done.code for done in ticks] == [0, 0]
    assert (path.exists(), path.with_name(f"{path.name}.damaged").exists()) == (False, True)
    assert str(path) not in ticks[1].err


def test_a_result_file_that_cannot_be_opened_fails_the_tick_until_it_is_removed(ticked):
    path = ticked.state / "results" / "20260101T000000Z-1-abcd.jsonl"
    path.symlink_to(path.name)

    done = invoke(ticked, "run", "-v")

    assert (done.code, f"scheduled: {path}: can't be removed: " in done.err) == (1, True)
    path.unlink()
    assert invoke(ticked, "run", "-v").code == 0


@pytest.mark.parametrize("name", ["spool", "results", "output", "reports"])
def test_a_file_in_place_of_a_directory_is_named(ticked, name):
    shutil.rmtree(ticked.state / name)
    (ticked.state / name).write_text("x")

    done = invoke(ticked, "run")

    assert (done.code, done.err) == (1, f"scheduled: {ticked.state / name}: File exists\n")


def test_a_swapped_ledger_and_snapshot_are_both_reported_as_damaged(ticked):
    ledger, snapshot = ticked.state / "ledger.db", ticked.state / "scheduled_state.json"
    shutil.move(ledger, ticked.root / "kept")
    shutil.move(snapshot, ledger)
    shutil.move(ticked.root / "kept", snapshot)

    done = invoke(ticked, "run")

    assert done.code == 0
    assert f"{ledger}: damaged: " in done.err
    assert f"{snapshot}: damaged; moved aside to " in done.err
    assert (len(list(ticked.state.glob("*.damaged-*"))), invoke(ticked, "audit").code) == (2, 0)


# Versions


def newer(ticked):
    """Make the snapshot one of a newer version, which has other keys; return its path."""
    path = ticked.state / "scheduled_state.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2').replace('"paused"', '"pauses"'))
    return path


def test_a_snapshot_of_a_newer_version_is_refused_and_nothing_changes(ticked):
    path = newer(ticked)
    before = {file: file.read_bytes() for file in ticked.state.glob("*") if file.is_file()}

    done = invoke(ticked, "run")

    assert done.code == 1
    assert (
        done.err
        == f"scheduled: {path}: written by a newer version of scheduled (snapshot 2, known 1); upgrade\n"
    )
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("version", [2, 3, 9, 99])
def test_a_version_that_is_the_only_change_is_damage_and_repaired(ticked, version):
    path = ticked.state / "scheduled_state.json"
    good = path.read_text()
    path.write_text(good.replace('"version": 1', f'"version": {version}'))

    done = invoke(ticked, "run")

    assert (done.code, "edited manually; its keys are rewritten" in done.err) == (0, True)
    assert ticked.snapshot()["version"] == 1


def test_a_lost_ledger_is_not_guessed_from_a_newer_snapshot(ticked):
    newer(ticked)
    (ticked.state / "ledger.db").unlink()

    done = invoke(ticked, "run")

    assert (done.code, (ticked.state / "ledger.db").exists()) == (1, False)


def test_a_ledger_of_a_newer_version_is_refused_and_nothing_changes(ticked):
    with closing(sqlite3.connect(ticked.state / "ledger.db")) as db:
        db.execute("PRAGMA user_version = 99")
    before = (ticked.state / "ledger.db").read_bytes()

    done = invoke(ticked, "run")

    assert (done.code, "written by a newer version of scheduled (schema 99" in done.err) == (1, True)
    assert (ticked.state / "ledger.db").read_bytes() == before


def test_a_snapshot_of_an_older_version_restores_the_positions(ticked):
    path, before = ticked.state / "scheduled_state.json", positions(ticked)
    path.write_text(path.read_text().replace('  "version": 1,\n', ""))
    (ticked.state / "ledger.db").unlink()

    done = invoke(ticked, "run")

    assert (done.code, positions(ticked), world_version(ticked)) == (0, before, 1)


def world_version(world):
    return world.snapshot()["version"]


# Locks and owners


def test_a_lock_that_is_held_for_too_long_is_named(ticked):
    lock = ticked.state / "ledger.lock"
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
def test_state_of_another_user_is_refused_with_the_fix(ticked, name):
    os.chown(ticked.state / name, 4711, -1)

    done = invoke(ticked, "run")

    place = ticked.state / name
    assert (done.code, done.err) == (
        2,
        (
            f"scheduled: {place}: belongs to user 4711: run this as user 4711, without sudo, or make it root's; "
            f"chown{' -R' * place.is_dir()} 0 {place}\n"
        ),
    )


# Configuration


@pytest.mark.parametrize("damage", CONTENTS)
def test_with_a_damaged_configuration_no_job_runs_and_none_is_forgotten(ticked, damage):
    before = positions(ticked)
    good = ticked.config.read_bytes()
    ticked.config.write_bytes(CONTENTS[damage](good))

    done = invoke(ticked, "run")
    ticked.config.write_bytes(good)

    if damage == "zero-length":  # a valid configuration without jobs
        assert done.code == 0
    else:
        assert (done.code, str(ticked.config) in done.err) == (2, True)
        assert (invoke(ticked, "run").code, positions(ticked)) == (0, before)


@pytest.mark.parametrize("kind", ["directory", "fifo", "terabyte"])
@pytest.mark.parametrize("where", ["scheduled.toml", "jobs.d"])
def test_a_configuration_that_is_not_a_usable_file_is_named_without_blocking(ticked, where, kind):
    path = ticked.config
    if where == "jobs.d":
        path = ticked.config.parent / "jobs.d" / "bad.toml"
        path.parent.mkdir(mode=0o700)
    path.unlink(missing_ok=True)
    {"directory": path.mkdir, "fifo": lambda: os.mkfifo(path), "terabyte": lambda: sparse(path)}[kind]()

    done = invoke(ticked, "run")

    assert (done.code, f"scheduled: {path}: " in done.err) == (2, True), done.err


def sparse(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


def test_a_configuration_with_any_flipped_bit_is_accepted_or_refused(ticked):
    good = ticked.config.read_bytes()

    for place, bad in flips(good, "configuration"):
        ticked.config.write_bytes(bad)
        done = invoke(ticked, "check")
        assert done.code in (0, 2), (place, done.err)
