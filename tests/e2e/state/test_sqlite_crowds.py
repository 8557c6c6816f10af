"""Several processes on one SQLite ledger: they open it, claim slots and are killed at the same time."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from scheduled.core.keys import JobKey
from scheduled.state.locks import exclusive
from scheduled.state.sqlite import upgrade
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import HOURLY

VERSION = len(list(upgrade.MIGRATIONS.glob("*.sql")))
CLAIMANTS, SLOTS, CROWD = 4, 30, 6
# Each claimant waits until all claimants are ready, then claims every slot in a transaction of its own.
CLAIM = """
import sys, time
from pathlib import Path
from scheduled.core.runs import Claim
from scheduled.core.records import Claimant
from scheduled.state.sqlite.ledger import SqliteLedger

path, name, claimants, slots = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ledger = SqliteLedger(path)
path.with_name(f"{name}.ready").touch()
deadline = time.monotonic() + 20
while len(list(path.parent.glob("*.ready"))) < claimants and time.monotonic() < deadline:
    pass
for slot in range(1, slots + 1):
    claim = Claim(run_id=f"run-{slot}", job="job", slot=slot, attempt=1, slots=1, trigger="schedule")
    with ledger.transaction():
        if ledger.claim(claim, Claimant(tick=name, boot="", host=""), 0.0):
            print(slot)
"""
CUT_OFF = """
import os, sys
from pathlib import Path
from scheduled.state.sqlite.ledger import SqliteLedger

ledger = SqliteLedger(Path(sys.argv[1]))
with ledger.transaction():
    ledger.advance(JobKey("job"), 99)
    ledger.remember("k", "v")
    os.kill(os.getpid(), 9)
"""


# Each process waits until all are ready, then opens the ledger.
OPEN = """
import sys, time
from pathlib import Path
from scheduled.state.sqlite.ledger import SqliteLedger

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
        ledger.begin_epoch(JobKey("job"), HOURLY, 0)
    ledger.close()


def version(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


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
    """Start a process for each number; each opens the ledger as soon as all are ready."""
    return [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, path, f"p{number}", str(len(numbers))],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in numbers
    ]


def test_processes_that_create_a_ledger_at_the_same_time_all_open_it(path):
    crowd = opened_by(*range(CROWD), path=path)
    errors = [one.communicate(timeout=60)[1] for one in crowd]

    assert (errors, [one.returncode for one in crowd]) == ([""] * CROWD, [0] * CROWD)
    assert version(path) == VERSION


def test_opening_a_ledger_that_another_process_creates_waits(path, until):
    lock = path.with_suffix(".lock")
    with exclusive(lock), closing(sqlite3.connect(path, isolation_level=None)) as maker:
        maker.execute("CREATE TABLE unrelated (x)")
        maker.execute(
            "BEGIN IMMEDIATE"
        )  # SQLite does not wait for this lock when it changes the journal mode
        (opener,) = opened_by(1, path=path)
        until(lambda: opener.poll() is not None or str(path) in files_of(opener.pid))
        maker.execute("ROLLBACK")

    assert (opener.communicate(timeout=60)[1], opener.returncode) == ("", 0)


def files_of(pid):
    """Return the paths of the files that a process has open."""
    with suppress(OSError):
        return [os.path.realpath(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return []


def test_a_transaction_interrupted_by_kill_9_is_rolled_back(path):
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

    assert (ledger.job_states()[JobKey("job")].position, ledger.meta("k")) == (0, None)
    ledger.close()
