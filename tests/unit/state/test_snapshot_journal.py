import os

import pytest

from scheduled import idle
from scheduled.core.keys import JobKey
from scheduled.errors import StateError
from scheduled.state import (
    essentials,
    generation,
    snapshot,
    snapshot_journal,
    snapshot_summary,
    snapshot_tampering,
)
from tests.fixtures.ledgers import HOUR, HOURLY, LEDGERS, an_attempt_result, claimed, end

NOW = 1_770_127_200  # 2026-02-03T14:00:00Z
JOB = JobKey("job")


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot_journal, "MANY", 1)
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "scheduled_state.json"


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        for name in ("job", "other", "third"):
            ledger.begin_epoch(JobKey(name), HOURLY, 0)
    yield ledger
    ledger.close()


def publish(path, ledger, at=NOW):
    document = snapshot_summary.summary(ledger, {}, "UTC", at)
    snapshot.publish(path, document, next_due=at + 60, edited=7, now=at, zone="UTC")


def update(path, ledger, at=NOW + 60):
    since = snapshot.current_journal(path).generation
    changed = snapshot_summary.summary(ledger, {}, "UTC", at, since)
    snapshot.update(path, changed, next_due=at + 60, edited=8, now=at, zone="UTC", beat=at * 10**9)
    return changed


def run_of(ledger, key=JOB, slot=HOUR):
    claimed(ledger, slot, job=key.job, run_id=f"{key.job}-{slot}")
    end(ledger, an_attempt_result(f"{key.job}-{slot}"), "success")
    with ledger.transaction():
        ledger.advance(key, slot)


def test_an_update_appends_what_has_changed_and_overwrites_the_header_only(path, ledger):
    publish(path, ledger)
    body, inode = path.read_bytes()[idle.SIZE :], path.stat().st_ino
    run_of(ledger)
    changed = update(path, ledger)

    assert list(changed["jobs"]) == ["job"]
    assert (path.read_bytes()[idle.SIZE :], path.stat().st_ino) == (body, inode)
    due, seal, *rest, _ = idle.parse(path.read_bytes()[: idle.SIZE])
    assert (due, seal, rest[1]) == (NOW + 120, idle.sealed(8, due, *rest), NOW + 60)
    assert (snapshot.header(path), snapshot_tampering.found(path, NOW)) == (
        ((NOW + 60) * 10**9, NOW + 120),
        None,
    )
    assert path.stat().st_mtime_ns == (NOW + 60) * 10**9


def test_what_is_restored_is_the_document_with_its_journal(path, ledger):
    publish(path, ledger)
    run_of(ledger)
    update(path, ledger)
    with ledger.transaction():
        ledger.pause(JobKey("other"), None)
    update(path, ledger)

    assert snapshot.current(path) | {"_idle": ""} == {
        **snapshot_summary.summary(ledger, {}, "UTC", NOW), "_idle": "", "version": 1,
        "written_at": "2026-02-03T14:01:00+00:00", "next_due": "2026-02-03T14:02:00+00:00",
        "jobs": snapshot.current(path)["jobs"],
    }  # fmt: skip
    assert {job.key.job: job.position for job in essentials.of_jobs(path)} == {
        "job": HOUR,
        "other": 0,
        "third": 0,
    }
    assert essentials.saved_overrides(path).paused == {JobKey("other"): None}


def test_a_rolled_back_ledger_is_behind_the_journal(path, ledger):
    publish(path, ledger)
    before = ledger.generation()
    run_of(ledger)
    update(path, ledger)
    found = generation.published(path)

    assert (found[generation.KEY], generation.is_ahead(found, ledger)) == (ledger.generation(), False)
    with ledger.transaction():
        ledger.remember(generation.KEY, str(before))
    assert generation.is_ahead(found, ledger)


def test_a_torn_last_line_does_not_count_and_the_next_one_is_read(path, ledger):
    publish(path, ledger)
    run_of(ledger)
    update(path, ledger)
    journal = snapshot_journal.path_of(path)
    with journal.open("ab") as file:
        file.write(b'0badc0de {"generation": 99')
    torn = snapshot_journal.read(path)
    run_of(ledger, JobKey("other"))
    update(path, ledger)

    assert (len(torn.entries), len(snapshot_journal.read(path).entries)) == (1, 2)
    assert {job.key.job: job.position for job in essentials.of_jobs(path)} == {
        "job": HOUR,
        "other": HOUR,
        "third": 0,
    }


def test_a_new_document_has_an_empty_journal_and_a_small_one_has_none(path, ledger, monkeypatch):
    publish(path, ledger)
    run_of(ledger)
    update(path, ledger)
    publish(path, ledger)
    new = snapshot_journal.read(path)
    monkeypatch.setattr(snapshot_journal, "MANY", 3)
    publish(path, ledger)

    assert (new.entries, snapshot_journal.path_of(path).exists()) == ([], False)


@pytest.mark.parametrize(
    ("at", "size", "due"),
    [
        (NOW, 100, False),
        (NOW + 899, 100, False),
        (NOW + 900, 100, True),
        (NOW - 1, 100, True),
        (NOW, 1 << 21, True),
    ],
)
def test_the_document_is_written_again_after_a_quarter_of_an_hour_or_for_a_large_journal(at, size, due):
    beginning = snapshot_journal.Beginning(inode=1, body=2, generation=3, written_at=NOW, version=1)

    assert snapshot_journal.Journal(beginning, [], size).is_due(at) == due


def test_the_journal_of_another_document_does_not_count(path, ledger):
    publish(path, ledger)
    run_of(ledger)
    update(path, ledger)
    old = snapshot_journal.path_of(path).read_bytes()
    kept = path.with_name("kept")
    os.link(path, kept)  # so that the new document gets another inode number
    with ledger.transaction():
        ledger.advance(JobKey("third"), 2 * HOUR)
    publish(path, ledger)
    snapshot_journal.path_of(path).write_bytes(old)

    assert snapshot.current_journal(path) is None
    assert {job.key.job: job.position for job in essentials.of_jobs(path)} == {
        "job": HOUR, "other": 0, "third": 2 * HOUR,
    }  # fmt: skip


def test_a_document_that_another_program_has_rewritten_keeps_its_journal_for_a_restore(path, ledger):
    publish(path, ledger)
    run_of(ledger)
    update(path, ledger)
    document = path.read_bytes()
    os.link(path, path.with_name("kept"))
    path.unlink()
    path.write_bytes(document)

    assert snapshot.current_journal(path) is None
    assert {job.key.job: job.position for job in essentials.of_jobs(path)}["job"] == HOUR
    with pytest.raises(StateError, match="was changed by another program"):
        snapshot.update(path, {}, next_due=None, edited=0, now=NOW, zone="UTC", beat=0)


@pytest.mark.parametrize("content", [b"", b"\n", b"x", b"00000000 {}\n", b"a3830348 3\n"])
def test_a_damaged_journal_is_none(path, content):
    snapshot_journal.path_of(path).write_bytes(content)

    assert snapshot_journal.read(path) is None
