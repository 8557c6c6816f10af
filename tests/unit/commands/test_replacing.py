"""A restore that is interrupted, or has no space, loses nothing of the state and of the configuration."""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from scheduled.commands import replacing, restore
from scheduled.commands.backup import backup
from scheduled.errors import BusyError, ConfigError, ScheduledError, StateError
from tests.unit.commands.test_backups import CONFIG, Place


def no_space(path=None):
    return OSError(28, "No space left on device", path)


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture
def place(tmp_path):
    """A state, and the backup of an older one. The position 72000 is only in the write-ahead log; the file has 36000."""
    found = Place(tmp_path)
    backup(found.instance, found.file)
    found.move_to(36000)
    log, ledger = Path(f"{found.paths.ledger}-wal"), found.paths.ledger
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("UPDATE jobs SET position = 72000")
        db.commit()
        files = [(path, path.with_name(f"{path.name}.copy")) for path in (ledger, log)]
        for path, copy in files:
            shutil.copyfile(path, copy)
    for path, copy in files:
        copy.replace(path)
    return found


def kill_at(monkeypatch, step):
    """Raise KilledError at the call number *step* that changes or syncs a directory."""
    calls = iter(range(1, 1000))

    def counted(function):
        def call(*args, **options):
            if next(calls) == step:
                raise KilledError
            return function(*args, **options)

        return call

    for owner, name in (
        (Path, "unlink"),
        (os, "replace"),
        (replacing, "sync_directory"),
        (replacing, "_copy"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


@pytest.mark.parametrize("step", range(1, 20))
def test_a_restore_that_is_killed_leaves_the_old_ledger_or_the_new_one_complete(place, monkeypatch, step):
    with monkeypatch.context() as patched:
        kill_at(patched, step)
        with suppress(KilledError):
            restore.restore(place.instance, place.file, with_config=True)
    kept = {path: path.read_bytes() for path in place.paths.backups.rglob("ledger.db")}
    reached = place.position()

    place.move_to(80000)  # the next tick

    assert reached in (72000, 7200)
    assert {path: path.read_bytes() for path in kept} == kept
    if reached == 7200:
        (old,) = kept
        with closing(sqlite3.connect(old)) as db:
            assert db.execute("SELECT position FROM jobs").fetchone() == (72000,)


def test_a_program_that_reads_the_ledger_makes_a_restore_wait_and_then_changes_nothing(place, monkeypatch):
    monkeypatch.setattr(replacing, "PATIENCE", 0.1)
    with closing(sqlite3.connect(place.paths.ledger, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT position FROM jobs").fetchone() == (72000,)
        with pytest.raises(BusyError, match="nothing was restored"):
            restore.restore(place.instance, place.file)
    assert place.position() == 72000


def test_a_damaged_ledger_is_replaced_and_kept_with_its_log(place):
    damaged = b"x" * 4096
    place.paths.ledger.write_bytes(damaged)
    log = Path(f"{place.paths.ledger}-wal").read_bytes()

    kept = Path(restore.restore(place.instance, place.file)["kept"])

    assert place.position() == 7200
    assert ((kept / "ledger.db").read_bytes(), (kept / "ledger.db-wal").read_bytes()) == (damaged, log)


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("kind", ["FIFO", "link to a FIFO", "directory"])
@pytest.mark.parametrize("name", ["b.toml", "other.toml"])
def test_what_is_no_regular_file_is_refused_by_name_before_anything_is_replaced(place, name, kind, dry_run):
    path = place.jobs_d / name
    path.unlink(missing_ok=True)
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(place.root / "fifo")
        path.symlink_to(place.root / "fifo")

    with pytest.raises(ConfigError, match=f"^{path}: not a regular file; nothing was restored"):
        restore.restore(place.instance, place.file, with_config=True, dry_run=dry_run)

    assert (place.position(), os.path.lexists(path)) == (72000, True)
    assert not list(place.paths.backups.rglob("*"))


def test_a_backup_does_not_wait_for_a_fifo(place):
    os.mkfifo(place.jobs_d / "f.toml")

    with pytest.raises(ScheduledError, match=r"f\.toml: not a regular file"):
        backup(place.instance, place.root / "c.tgz")


@pytest.mark.parametrize("name", ["b.toml", "other.toml"])
def test_a_dangling_link_is_kept_as_a_link(place, name):
    path = place.jobs_d / name
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere/x.toml")

    kept = Path(restore.restore(place.instance, place.file, with_config=True)["kept"])

    assert os.readlink(kept / "config" / "jobs.d" / name) == "nowhere/x.toml"
    assert [(file.name, file.is_symlink()) for file in place.jobs_d.iterdir()] == [("b.toml", False)]


def test_a_link_in_the_configuration_stays_and_its_target_is_replaced(place):
    target = place.root / "shared.toml"
    target.write_text("# shared\n")
    target.chmod(0o640)
    place.config.unlink()
    place.config.symlink_to(target)

    restore.restore(place.instance, place.file, with_config=True)

    assert (place.config.is_symlink(), target.read_text(), target.stat().st_mode & 0o777) == (
        True,
        CONFIG,
        0o640,
    )


@pytest.mark.parametrize("last", [False, True])
def test_a_full_disk_of_the_configuration_leaves_everything_as_it_was(place, monkeypatch, last):
    place.config.write_text("# new\n")
    (place.jobs_d / "b.toml").write_text("# new b\n")
    before = {path: data for path, data in place.content().items() if "ledger.db" not in path.name}
    real, full = replacing.temporary, "jobs.d/" if last else "scheduled.toml"

    def temporary(there, *args, **options):
        if full in there.path:
            raise no_space()
        return real(there, *args, **options)

    monkeypatch.setattr(replacing, "temporary", temporary)
    with pytest.raises(StateError) as failed:
        restore.restore(place.instance, place.file, with_config=True)

    directory = place.jobs_d if last else place.config.parent
    assert str(failed.value) == f"{directory}: No space left on device; nothing was restored"
    assert place.position() == 72000
    assert {path: data for path, data in place.content().items() if "ledger.db" not in path.name} == before
    assert not list(place.paths.backups.rglob("*"))


def test_a_full_disk_of_the_state_leaves_everything_as_it_was_and_no_part_of_a_copy(place, monkeypatch):
    def full(_, copy):
        copy.touch()
        raise no_space()

    monkeypatch.setattr(replacing, "_copy", full)
    with pytest.raises(StateError, match="No space left on device; nothing was restored"):
        restore.restore(place.instance, place.file)

    assert (place.position(), list(place.paths.backups.rglob("*"))) == (72000, [])


def test_a_failure_in_the_middle_names_where_the_previous_state_is(place, monkeypatch):
    def full(path, *_):
        raise no_space(str(path))

    monkeypatch.setattr(replacing, "_put", full)
    with pytest.raises(StateError, match="No space left on device; the previous state is in ") as failed:
        restore.restore(place.instance, place.file, with_config=True)

    kept = Path(str(failed.value).rpartition(" is in ")[2])
    with closing(sqlite3.connect(kept / "ledger.db")) as db:
        assert db.execute("SELECT position FROM jobs").fetchone() == (72000,)
