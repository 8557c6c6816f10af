"""A damaged or missing ledger or snapshot: it is reported, moved aside and restored from the other file."""

import json
import sqlite3
import subprocess
from contextlib import closing

import pytest

DAMAGE = {
    "rubbish": b"not a database, and longer than a header " * 50,
    "a torn page": b"SQLite format 3\0" + b"\xff" * 4096,
    "zeros": bytes(65536),
}
JOBS = """
    [jobs.daily]
    every = "1d"
    command = "echo $SCHEDULED_RUN_ID >> {root}/ran"
    [jobs.often]
    every = "1s"
    anchor = "2000-01-01"
    command = "echo $SCHEDULED_RUN_ID >> {root}/ran"
"""


@pytest.fixture
def ticked(world):
    """A world with two jobs, after one tick."""
    world.configure(JOBS.format(root=world.root))
    assert world.run("run").returncode == 0
    return world


def positions(world):
    return {name: (job["position"], job["schedules"]) for name, job in world.snapshot()["jobs"].items()}


def ran(world):
    return (world.root / "ran").read_text().split()


def aside(world):
    return [path for path in world.state.glob("ledger.db.damaged-*") if path.suffix not in ("-wal", "-shm")]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_ledger_is_moved_aside_and_its_positions_are_restored_from_the_snapshot(ticked, damage):
    before = positions(ticked)
    (ticked.state / "ledger.db").write_bytes(DAMAGE[damage])

    done = ticked.run("run")

    (kept,) = aside(ticked)
    output = done.stderr.splitlines()
    assert (done.returncode, kept.read_bytes()) == (0, DAMAGE[damage])
    assert output[0].startswith(f"scheduled: {ticked.state / 'ledger.db'}: damaged: ")
    assert output[1] == (
        f"scheduled: {ticked.state / 'ledger.db'}: was lost; restored the positions of 2 jobs"
        " from scheduled_state.json"
    )
    assert positions(ticked)["daily"] == before["daily"]
    assert ticked.json("audit")["ok"]


@pytest.mark.parametrize("table", ["jobs", "epochs", "slots", "runs", "meta"])
def test_a_ledger_with_one_damaged_page_is_reported_and_restored_by_the_next_tick(ticked, table):
    ledger = ticked.state / "ledger.db"
    with closing(sqlite3.connect(ledger)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    before, data = positions(ticked), bytearray(ledger.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    ledger.write_bytes(data)

    done = [ticked.run("run", "often") for _ in range(2)]

    output = "".join(one.stderr for one in done)
    assert ("Traceback" in output, done[-1].returncode, len(aside(ticked))) == (False, 0, 1)
    assert (f"{ledger}: damaged: " in output, "restored the positions of 2 jobs" in output) == (True, True)
    assert (positions(ticked)["daily"], ticked.json("audit")["ok"]) == (before["daily"], True)


def test_a_false_suspicion_moves_nothing_aside(ticked):
    (ticked.state / "ledger.db.suspect").touch()

    done = ticked.run("run", "-v")

    assert (done.returncode, done.stderr, aside(ticked)) == (0, "", [])
    assert not (ticked.state / "ledger.db.suspect").exists()


@pytest.mark.parametrize("loss", ["damaged", "gone"])
def test_manual_overrides_survive_the_loss_of_the_ledger(ticked, loss):
    ticked.run("disable", "often")
    ticked.run("pause", "--until", "2099-01-01T00:00:00+00:00")
    ticked.run("pause", "daily")
    ticked.run("mute", "daily", "--for", "2099-01-02T00:00:00+00:00")
    ledger = ticked.state / "ledger.db"
    ledger.write_bytes(DAMAGE["zeros"]) if loss == "damaged" else ledger.unlink()

    done = ticked.run("run")

    assert "and the overrides, pauses and mutes from scheduled_state.json" in done.stderr
    assert [job["enabled"] for job in ticked.json("jobs")] == [True, False]
    paused = {name: until and until[:10] for name, until in ticked.json("status")["paused"].items()}
    assert paused == {"*": "2099-01-01", "daily": None}
    assert ticked.sql("SELECT job, until FROM mutes") == [("daily", 4070995200)]


def test_a_missing_ledger_is_restored_and_nothing_is_replayed(ticked):
    before = ran(ticked)
    for path in ticked.state.glob("ledger.db*"):
        path.unlink()

    done = ticked.run("run")

    assert (done.returncode, "was lost; restored the positions of 2 jobs" in done.stderr) == (0, True)
    assert [run_id for run_id in ran(ticked) if ran(ticked).count(run_id) > 1] == []
    assert (ran(ticked)[: len(before)], ticked.json("audit")["problems"]) == (before, [])


def test_a_repair_is_reported_once(ticked):
    (ticked.state / "ledger.db").unlink()
    ticked.run("run")

    assert ticked.run("run").stderr == ""


def test_concurrent_ticks_restore_a_damaged_ledger_once(ticked):
    (ticked.state / "ledger.db").write_bytes(DAMAGE["rubbish"])

    ticks = [subprocess.Popen(ticked.command("run"), stderr=subprocess.PIPE, text=True) for _ in range(6)]
    output = "".join(tick.communicate()[1] for tick in ticks)

    assert [tick.returncode for tick in ticks] == [0] * 6
    assert (len(aside(ticked)), output.count("moved aside"), output.count("restored")) == (1, 1, 1)
    assert len(ran(ticked)) == len(set(ran(ticked)))
    assert ticked.json("audit")["problems"] == []


def test_a_missing_snapshot_is_written_again_from_the_ledger(ticked):
    before = positions(ticked)
    (ticked.state / "scheduled_state.json").unlink()

    done = ticked.run("run")

    assert (done.returncode, done.stderr, positions(ticked)["daily"]) == (0, "", before["daily"])


def test_a_snapshot_without_the_keys_of_the_program_counts_as_edited(ticked):
    before = positions(ticked)
    (ticked.state / "scheduled_state.json").write_bytes(b'{"jobs": {}, "mine": 1}')

    done = ticked.run("run")

    assert (done.returncode, positions(ticked)["daily"]) == (0, before["daily"])
    assert "scheduled_state.json: edited manually" in done.stderr
    assert json.loads((ticked.state / "scheduled_state.json").read_bytes())["mine"] == 1


@pytest.mark.parametrize(("content", "word"), [(b"{", "damaged"), (b"[]", "damaged"), (b"", "damaged")])
def test_a_damaged_snapshot_is_reported_and_written_again_from_the_ledger(ticked, content, word):
    before = positions(ticked)
    (ticked.state / "scheduled_state.json").write_bytes(content)

    done = ticked.run("run")

    assert (done.returncode, positions(ticked)["daily"]) == (0, before["daily"])
    (kept,) = ticked.state.glob("scheduled_state.json.damaged-*")
    output = f"scheduled_state.json: {word}; moved aside to {kept}, and rewritten from the ledger"
    assert (output in done.stderr, kept.read_bytes()) == (True, content)


def test_a_manual_edit_of_the_snapshot_is_reported_and_moves_no_position(ticked):
    snapshot = ticked.state / "scheduled_state.json"
    before = positions(ticked)
    snapshot.write_text(snapshot.read_text().replace(str(before["daily"][0]), "7"))

    done = ticked.run("run")

    assert (done.returncode, "edited manually" in done.stderr) == (0, True)
    assert positions(ticked)["daily"] == before["daily"]


def test_without_ledger_and_snapshot_a_tick_starts_from_scratch(ticked):
    for path in ticked.state.iterdir():
        if path.is_file():
            path.unlink()

    done = ticked.run("run")

    assert (done.returncode, done.stderr, ticked.json("audit")["ok"]) == (0, "", True)
