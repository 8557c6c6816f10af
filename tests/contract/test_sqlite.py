"""What is particular to the ledger in SQLite: its file, its versions, and processes that share it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from scheduled.errors import StateError
from scheduled.jobs import Schedule
from scheduled.state import sqlite
from scheduled.state.locks import exclusive
from scheduled.state.sqlite import DamagedError, SqliteLedger

VERSION = len(list(sqlite.MIGRATIONS.glob("*.sql")))
CLAIMANTS, SLOTS, CROWD = 4, 30, 6
# Each claimant claims all slots, one transaction each, as soon as all of them are there.
CLAIM = """
import sys, time
from pathlib import Path
from scheduled.jobs import Claim
from scheduled.state.ledger import Holder
from scheduled.state.sqlite import SqliteLedger

path, name, claimants, slots = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ledger = SqliteLedger(path)
path.with_name(f"{name}.ready").touch()
deadline = time.monotonic() + 20
while len(list(path.parent.glob("*.ready"))) < claimants and time.monotonic() < deadline:
    pass
for slot in range(1, slots + 1):
    claim = Claim(run_id=f"run-{slot}", job="job", slot=slot, attempt=1, slots=1, trigger="schedule")
    with ledger.transaction():
        if ledger.claim(claim, Holder(tick=name, boot="", host=""), 0.0):
            print(slot)
"""
CUT_OFF = """
import os, sys
from pathlib import Path
from scheduled.state.sqlite import SqliteLedger

ledger = SqliteLedger(Path(sys.argv[1]))
with ledger.transaction():
    ledger.advance("job", 99)
    ledger.remember("k", "v")
    os.kill(os.getpid(), 9)
"""


# Each opens the ledger as soon as all of them are there.
OPEN = """
import sys, time
from pathlib import Path
from scheduled.state.sqlite import SqliteLedger

path, name, crowd = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
path.with_name(f"{name}.ready").touch()
deadline = time.monotonic() + 20
while len(list(path.parent.glob("*.ready"))) < crowd and time.monotonic() < deadline:
    pass
SqliteLedger(path).close()
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "ledger.db"


def filled(path):
    ledger = SqliteLedger(path)
    with ledger.transaction():
        ledger.begin_epoch("job", Schedule("cron", "0 * * * *"), 0)
    ledger.close()


def known_jobs(path):
    with closing(SqliteLedger(path, read_only=True)) as ledger:
        return list(ledger.standings())


def version(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def everything(directory):
    return {place.name: place.read_bytes() for place in directory.iterdir()}


def test_processes_that_claim_the_same_slots_get_each_slot_exactly_once(path):
    filled(path)
    claimants = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, path, f"tick-{number}", str(CLAIMANTS), str(SLOTS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(CLAIMANTS)
    ]
    claimed = [int(line) for claimant in claimants for line in claimant.communicate(timeout=60)[0].split()]

    assert [claimant.returncode for claimant in claimants] == [0] * CLAIMANTS
    assert sorted(claimed) == list(range(1, SLOTS + 1))


def opened_by(*numbers, path):
    """Start a process for each number that opens the ledger once all are there."""
    return [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, path, f"p{number}", str(len(numbers))],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in numbers
    ]


def test_processes_that_open_a_new_ledger_at_once_all_get_it(path):
    crowd = opened_by(*range(CROWD), path=path)
    said = [one.communicate(timeout=60)[1] for one in crowd]

    assert (said, [one.returncode for one in crowd]) == ([""] * CROWD, [0] * CROWD)
    assert version(path) == VERSION


def test_who_opens_a_ledger_that_is_just_being_made_waits(path, until):
    lock = path.with_suffix(".lock")
    with exclusive(lock), closing(sqlite3.connect(path, isolation_level=None)) as maker:
        maker.execute("CREATE TABLE unrelated (x)")
        maker.execute("BEGIN IMMEDIATE")  # for which SQLite itself would not wait when the log is switched
        (opener,) = opened_by(1, path=path)
        until(lambda: opener.poll() is not None or str(path) in files_of(opener.pid))
        maker.execute("ROLLBACK")

    assert (opener.communicate(timeout=60)[1], opener.returncode) == ("", 0)


def files_of(pid):
    """Return the paths of what a process has open."""
    with suppress(OSError):
        return [os.path.realpath(place) for place in Path(f"/proc/{pid}/fd").iterdir()]
    return []


def test_a_newer_schema_is_refused_and_left_as_it_is(path):
    filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()

    for read_only in (False, True):
        with pytest.raises(
            StateError, match=rf"{path}: written by a newer version .*schema {VERSION + 1}.*upgrade"
        ):
            SqliteLedger(path, read_only=read_only)

    assert path.read_bytes() == before


def test_a_file_without_a_version_is_brought_up_to_date(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 0")

    filled(path)

    assert (version(path), known_jobs(path)) == (VERSION, ["job"])


def test_opening_again_changes_no_version_and_no_row(path):
    filled(path)
    before = path.read_bytes()

    SqliteLedger(path).close()

    assert (version(path), path.read_bytes()) == (VERSION, before)


def test_looking_leaves_no_trace(path):
    filled(path)
    before = everything(path.parent)

    ledger = SqliteLedger(path, read_only=True)
    seen = (ledger.standings(), ledger.history(), everything(path.parent))
    ledger.close()

    assert (list(seen[0]), seen[1], seen[2]) == (["job"], [], before)
    assert everything(path.parent) == before


def test_looking_sees_what_a_writer_has_not_yet_folded_in(path):
    filled(path)
    writer = SqliteLedger(path)
    with writer.transaction():
        writer.remember("k", "v")

    reader = SqliteLedger(path, read_only=True)

    assert reader.meta("k") == "v"
    reader.close()
    writer.close()


def test_a_ledger_that_is_only_looked_at_cannot_be_written(path):
    filled(path)
    ledger = SqliteLedger(path, read_only=True)

    def write():
        with ledger.transaction():
            ledger.remember("k", "v")

    with pytest.raises(StateError, match=f"{path}: cannot be recorded: attempt to write a readonly database"):
        write()
    assert ledger.meta("k") is None
    ledger.close()


def test_its_file_is_for_the_owners_eyes_only(path):
    filled(path)
    ledger = SqliteLedger(path)
    with ledger.transaction():
        ledger.remember("k", "v")

    assert {
        place.name: oct(place.stat().st_mode & 0o777) for place in path.parent.glob("ledger.*")
    } == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock"), "0o600")
    ledger.close()


@pytest.mark.parametrize(
    "damage", [b"not a database, and longer than a header " * 50, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_ledger_is_called_damaged_and_left_as_it_is(path, damage):
    path.write_bytes(damage)

    with pytest.raises(DamagedError, match=f"{path}: damaged"):
        SqliteLedger(path)

    assert path.read_bytes() == damage


def test_a_link_in_its_place_is_not_followed(path, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    filled(elsewhere / "ledger.db")
    path.symlink_to(elsewhere / "ledger.db")

    with pytest.raises(StateError, match=str(path)):
        SqliteLedger(path)


def test_a_transaction_that_was_cut_off_by_kill_9_never_happened(path):
    filled(path)
    subprocess.run(
        [
            sys.executable,
            "-c",
            CUT_OFF,
            path,
        ],
        check=False,
    )

    ledger = SqliteLedger(path)

    assert (ledger.standings()["job"].position, ledger.meta("k")) == (0, None)
    ledger.close()


def test_a_copy_made_while_nobody_writes_is_whole(path, tmp_path):
    filled(path)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(path, copy / "ledger.db")

    assert known_jobs(copy / "ledger.db") == ["job"]
