"""What is particular to the ledger in SQLite: its file and its versions."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from scheduled.core.keys import JobKey
from scheduled.errors import StateError
from scheduled.schedules.schedule import Schedule
from scheduled.state.sqlite import upgrade
from scheduled.state.sqlite.errors import DamagedError
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import HOLDER, by_hand

VERSION = len(list(upgrade.MIGRATIONS.glob("*.sql")))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "ledger.db"


def filled(path):
    ledger = SqliteLedger(path)
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), (Schedule("cron", "0 * * * *"),), 0)
    ledger.close()


def known_jobs(path):
    with closing(SqliteLedger(path, read_only=True)) as ledger:
        return list(ledger.job_states())


def version(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def everything(directory):
    return {place.name: place.read_bytes() for place in directory.iterdir()}


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

    assert (version(path), known_jobs(path)) == (VERSION, [JobKey("job")])


def test_a_file_of_an_older_version_is_upgraded_with_all_that_is_in_it(path, tmp_path, monkeypatch):
    with closing(SqliteLedger(path)) as ledger, ledger.transaction():
        ledger.begin_epoch(JobKey("kept"), (Schedule("cron", "0 * * * *"),), 7)
    monkeypatch.setattr(upgrade, "MIGRATIONS", shutil.copytree(upgrade.MIGRATIONS, tmp_path / "migrations"))
    further = upgrade.MIGRATIONS / f"{VERSION + 1:04}_later.sql"
    further.write_text("CREATE TABLE later (x);\nINSERT INTO later SELECT position FROM jobs;")

    filled(path)

    with closing(SqliteLedger(path, read_only=True)) as ledger:
        found = {row.job: row.position for row in ledger.job_rows()}
    with closing(sqlite3.connect(path)) as db:
        copied = db.execute("SELECT x FROM later").fetchall()
    assert (version(path), found, copied) == (VERSION + 1, {"job": 0, "kept": 7}, [(7,)])


@pytest.mark.parametrize(
    "table",
    [
        "jobs",
        "epochs",
        "slots",
        "runs",
        "overrides",
        "pauses",
        "triggers",
        "totals",
        "conditions",
        "laid_aside",
    ],
)
def test_every_table_that_has_a_job_has_its_target(path, table):
    filled(path)

    with closing(sqlite3.connect(path)) as db:
        columns = {name: default for _, name, _, _, default, _ in db.execute(f"PRAGMA table_info({table})")}
        tables = {
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if "job" in [column[1] for column in db.execute(f"PRAGMA table_info({name})")]
        }
    assert columns["target"] == "''"
    assert (table in tables, len(tables)) == (True, 10)


@pytest.mark.parametrize(
    "table", ["jobs", "epochs", "slots", "runs", "overrides", "pauses", "totals", "conditions"]
)
def test_wherever_a_job_is_in_a_key_its_target_comes_next(path, table):
    filled(path)

    with closing(sqlite3.connect(path)) as db:
        keys = [
            [column[2] for column in db.execute(f"PRAGMA index_info({index[1]})")]
            for index in db.execute(f"PRAGMA index_list({table})").fetchall()
        ]
        primary = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]]
    with_job = [key for key in [*keys, primary] if "job" in key]
    assert with_job
    assert [key[:2] for key in with_job] == [["job", "target"]] * len(with_job)


def test_opening_again_changes_no_version_and_no_row(path):
    filled(path)
    before = path.read_bytes()

    SqliteLedger(path).close()

    assert (version(path), path.read_bytes()) == (VERSION, before)


def test_looking_leaves_no_trace(path):
    filled(path)
    before = everything(path.parent)

    ledger = SqliteLedger(path, read_only=True)
    seen = (ledger.job_states(), ledger.history(), everything(path.parent))
    ledger.close()

    assert (list(seen[0]), seen[1], seen[2]) == ([JobKey("job")], [], before)
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

    with pytest.raises(
        StateError, match=f"{path}: cannot be read or written: attempt to write a readonly database"
    ):
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


def test_a_copy_made_while_nobody_writes_is_whole(path, tmp_path):
    filled(path)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(path, copy / "ledger.db")

    assert known_jobs(copy / "ledger.db") == [JobKey("job")]


@pytest.mark.parametrize(
    "question", [{"job": "job"}, {"status": "claimed"}, {"job": "job", "since": 1.0}, {}]
)
def test_the_newest_runs_are_found_without_looking_at_all_of_them(path, question):
    steps = []
    with closing(SqliteLedger(path)) as ledger:
        for first, after in ((0, 20), (20, 2000)):
            with ledger.transaction():
                for number in range(first, after):
                    ledger.claim(by_hand(f"r{number}"), HOLDER, float(number))
            steps.append(effort(ledger, question))

    assert steps[1] < 2 * steps[0]


def effort(ledger, question):
    """Return how many steps SQLite takes for the ten newest runs."""
    steps = []
    ledger._db.set_progress_handler(lambda: steps.append(1) and None, 1)
    assert len(ledger.history(limit=10, **question)) == 10
    ledger._db.set_progress_handler(None, 1)
    return len(steps)
