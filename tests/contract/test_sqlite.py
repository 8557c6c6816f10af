"""The parts of the contract that only the SQLite ledger has: its file, its schema versions, its indexes."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.runs import StartRequest
from scheduled.errors import StateError
from scheduled.schedules.schedule import Schedule
from scheduled.state.sqlite import connection, upgrade
from scheduled.state.sqlite.errors import DamagedError
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import CLAIMANT, by_hand

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
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_newer_schema_is_refused_and_the_file_is_not_changed(path):
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


def test_a_file_without_a_version_is_upgraded(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 0")

    filled(path)

    assert (version(path), known_jobs(path)) == (VERSION, [JobKey("job")])


def test_the_rows_of_the_first_version_are_kept_under_the_new_names(path):
    with closing(sqlite3.connect(path)) as db:
        db.executescript((upgrade.MIGRATIONS / "0001_initial.sql").read_text())
        db.executescript("""
            PRAGMA user_version = 1;
            INSERT INTO jobs (job, position) VALUES ('job', 3600);
            INSERT INTO runs (run_id, job, triggered_by, attempt, status, tick, boot, host, claimed_at)
                VALUES ('job-1', 'job', 'event', 1, 'success', 't', 'b', 'h', 7.5);
            INSERT INTO triggers (id, job, event, payload, at, depth) VALUES (41, 'job', 'e', '{"n": 1}', 7.5, 2);
            INSERT INTO conditions (job, key, grp, payload, since)
                VALUES ('job', 'file', 'unreadable', '{"branch": "B", "trouble": "a \\"bad\\" file"}', 7.5);
            INSERT INTO laid_aside (job, position, back_to, slots, epochs) VALUES ('job', 7200, 3600, '[]', '[]');
        """)

    with closing(SqliteLedger(path)) as ledger:
        (request,), (saved,) = ledger.start_requests(), ledger.saved_positions()
        with ledger.transaction():
            ledger.request_start(StartRequest(id=0, job="job", event="e", payload={}, depth=1), 8.5)
        ledger.check()

        assert ledger.run("job-1").trigger == "event"
        assert (request.id, request.payload, request.depth) == (41, {"n": 1}, 2)
        assert (saved.position, saved.back_to) == (7200, 3600)
        (known,) = ledger.conditions()
        assert known.condition.payload == {"branch": "B", "problem": 'a "bad" file'}
        assert [row.id for row in ledger.start_requests()] == [41, 42]


@pytest.mark.parametrize(
    ("key", "payload", "severity"),
    [
        ("auto_opened:FLOW:1", "{}", "fact"),
        ("unreadable_inbox:FLOW", "{}", "error"),
        ("health:FLOW:x", '{"status": "error"}', "error"),
        ("health:FLOW:x", '{"status": "warning"}', "warning"),
        ("memory:FLOW:x", "{}", "warning"),
    ],
)
def test_conditions_of_earlier_versions_get_their_severity(path, key, payload, severity):
    with closing(sqlite3.connect(path)) as db:
        for name in sorted(upgrade.MIGRATIONS.iterdir())[:2]:
            db.executescript(name.read_text())
        db.execute("PRAGMA user_version = 2")
        with db:
            db.execute(
                "INSERT INTO conditions (job, key, grp, payload, since) VALUES ('job', ?, 'g', ?, 7.5)",
                (key, payload),
            )

    with closing(SqliteLedger(path)) as ledger:
        assert [known.condition.severity for known in ledger.conditions()] == [severity]


def test_attempts_of_earlier_versions_are_kept(path):
    with closing(sqlite3.connect(path)) as db:
        for name in sorted(upgrade.MIGRATIONS.iterdir())[:5]:
            db.executescript(name.read_text())
        db.executescript("""
            PRAGMA user_version = 5;
            INSERT INTO jobs (job, position) VALUES ('job', 3600);
            INSERT INTO runs (run_id, job, trigger, attempt, status, tick, boot, host, claimed_at)
                VALUES ('job-1', 'job', 'event', 2, 'success', 't', 'b', 'h', 7.5);
            INSERT INTO attempts (run_id, attempt, status, output, result) VALUES
                ('job-1', 1, 'failed', NULL, '{"n": 1}'), ('job-1', 2, 'success', 'output/job-1.2.log', NULL);
        """)

    with closing(SqliteLedger(path)) as ledger:
        ledger.check()
        assert [(row.attempt, row.status, row.printed, row.result) for row in ledger.attempts("job-1")] == [
            (1, "failed", False, {"n": 1}),
            (2, "success", True, None),
        ]


def test_a_file_of_an_older_version_is_upgraded_and_keeps_its_rows(path, tmp_path, monkeypatch):
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
        "start_requests",
        "totals",
        "conditions",
        "saved_positions",
        "mutes",
    ],
)
def test_every_table_with_a_job_column_has_a_target_column(path, table):
    filled(path)

    with closing(sqlite3.connect(path)) as db:
        columns = {name: default for _, name, _, _, default, _ in db.execute(f"PRAGMA table_info({table})")}
        tables = {
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if "job" in [column[1] for column in db.execute(f"PRAGMA table_info({name})")]
        }
    assert columns["target"] == "''"
    assert (table in tables, len(tables)) == (True, 11)


@pytest.mark.parametrize(
    "table", ["jobs", "epochs", "slots", "runs", "overrides", "pauses", "totals", "conditions"]
)
def test_in_every_key_the_target_follows_the_job(path, table):
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


def test_opening_again_does_not_change_the_file(path):
    filled(path)
    before = path.read_bytes()

    SqliteLedger(path).close()

    assert (version(path), path.read_bytes()) == (VERSION, before)


def test_reading_does_not_change_any_file(path):
    filled(path)
    before = everything(path.parent)

    ledger = SqliteLedger(path, read_only=True)
    seen = (ledger.job_states(), ledger.history(), everything(path.parent))
    ledger.close()

    assert (list(seen[0]), seen[1], seen[2]) == ([JobKey("job")], [], before)
    assert everything(path.parent) == before


def test_reading_sees_commits_that_are_still_in_the_wal(path):
    filled(path)
    writer = SqliteLedger(path)
    with writer.transaction():
        writer.remember("k", "v")

    reader = SqliteLedger(path, read_only=True)

    assert reader.meta("k") == "v"
    reader.close()
    writer.close()


def test_a_ledger_opened_read_only_cannot_be_written(path):
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


def test_only_the_owner_can_read_its_files(path):
    filled(path)
    ledger = SqliteLedger(path)
    with ledger.transaction():
        ledger.remember("k", "v")

    assert {
        file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.glob("ledger.*")
    } == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock"), "0o600")
    ledger.close()


@pytest.mark.parametrize(
    "damage", [b"not a database, and longer than a header " * 50, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_not_a_ledger_is_reported_as_damaged_and_not_changed(path, damage):
    path.write_bytes(damage)

    with pytest.raises(DamagedError, match=f"{path}: damaged"):
        SqliteLedger(path)

    assert path.read_bytes() == damage


def test_a_symbolic_link_is_not_followed(path, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    filled(elsewhere / "ledger.db")
    path.symlink_to(elsewhere / "ledger.db")

    with pytest.raises(StateError, match=str(path)):
        SqliteLedger(path)


def test_a_copy_made_between_writes_is_complete(path, tmp_path):
    filled(path)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(path, copy / "ledger.db")

    assert known_jobs(copy / "ledger.db") == [JobKey("job")]


@pytest.mark.parametrize("query", [{"job": "job"}, {"status": "claimed"}, {"job": "job", "since": 1.0}, {}])
def test_the_newest_runs_are_found_without_reading_all_of_them(path, query):
    steps = []
    with closing(SqliteLedger(path)) as ledger:
        for first, after in ((0, 20), (20, 2000)):
            with ledger.transaction():
                for number in range(first, after):
                    ledger.claim(by_hand(f"r{number}"), CLAIMANT, float(number))
            steps.append(effort(ledger, query))

    assert steps[1] < 2 * steps[0]


def effort(ledger, query):
    """Return the number of steps that SQLite takes to find the ten newest runs."""
    steps = []
    ledger._db.set_progress_handler(lambda: steps.append(1) and None, 1)
    assert len(ledger.history(limit=10, **query)) == 10
    ledger._db.set_progress_handler(None, 1)
    return len(steps)


def test_what_was_read_is_synced_when_the_ledger_is_closed_beside_another_process(path, monkeypatch):
    filled(path)
    ledger, other, synced = SqliteLedger(path), SqliteLedger(path), []
    with other.transaction(durable=False):
        other.remember("a", "1")
    assert ledger.meta("a") == "1"
    monkeypatch.setattr(connection.os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    ledger.close()

    assert synced == [f"{path}-wal", str(path.parent)]
    other.close()


def test_an_error_names_the_log_that_cannot_be_synced(path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    filled(path)
    ledger = SqliteLedger(path)
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT count(*) FROM jobs").fetchone() == (1,)
        monkeypatch.setattr(connection.os, "fsync", fail)
        with pytest.raises(StateError, match=f"{path}-wal: Input/output error"):
            ledger.close()


def test_a_ledger_that_is_closed_alone_leaves_no_log(path, monkeypatch):
    monkeypatch.setattr(connection.os, "fsync", pytest.fail)

    filled(path)

    assert {file.name for file in path.parent.iterdir()} == {"ledger.db", "ledger.lock"}
