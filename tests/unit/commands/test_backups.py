"""Backups: a whole one is restored; one that is damaged or hostile is refused in words, and changes nothing."""

import gzip
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from scheduled.commands import archive, restore, verify_backup
from scheduled.commands.backup import backup
from scheduled.core.keys import JobKey
from scheduled.core.run_ids import LOST_UNTIL
from scheduled.errors import ConfigError, ForeignStateError, ScheduledError
from scheduled.instance import Instance
from scheduled.state import directories, snapshot, snapshot_summary
from scheduled.state.binding import bind, owner
from scheduled.state.restore import open_ledger
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import HOURLY

NOW = 1_770_127_200.0
CONFIG = '[jobs.a]\ncommand = "true"\n'
NAMES = [
    "config/jobs.d/b.toml",
    "config/scheduled.toml",
    "ledger.db",
    "manifest.json",
    "scheduled_state.json",
]


class Place:
    """A state and a configuration below *root*, and their backup."""

    def __init__(self, root):
        self.root, self.file = root, root / "b.tgz"
        self.instance = Instance(str(root / "etc" / "scheduled.toml"), str(root / "state"))
        self.paths, self.config = self.instance.paths, self.instance.config_file
        self.jobs_d = self.config.parent / "jobs.d"
        self.jobs_d.mkdir(parents=True, mode=0o700)
        self.config.write_text(CONFIG)
        (self.jobs_d / "b.toml").write_text(CONFIG.replace("jobs.a", "jobs.b"))
        directories.prepare(self.paths)
        self.move_to(7200)

    def move_to(self, position):
        with closing(SqliteLedger(self.paths.ledger)) as ledger:
            bind(ledger, self.paths, self.config, boot="boot", name="box")
            with ledger.transaction():
                if ledger.is_new():
                    ledger.begin_epoch(JobKey("a"), HOURLY, position)
                ledger.advance(JobKey("a"), position)
                document = snapshot_summary.summary(ledger, {}, "UTC", int(NOW))
        snapshot.publish(self.paths.snapshot, document, next_due=None, edited=0, now=NOW, zone="UTC")

    def members(self):
        with tarfile.open(self.file) as packed:
            return {entry.name: packed.extractfile(entry).read() for entry in packed}

    def content(self):
        kept = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        return {path: data for path, data in kept.items() if path.suffix not in (".lock", ".tgz")}

    def position(self):
        with closing(SqliteLedger(self.paths.ledger)) as ledger:
            return ledger.job_states()[JobKey("a")].position


@pytest.fixture
def place(tmp_path):
    found = Place(tmp_path)
    backup(found.instance, found.file)
    return found


def entry(name, **fields):
    found = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(found, field, value)
    return found


def pack(members, *more):
    """Return an archive with *members* and then the entries *more*, each with its data."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as packed:
        for name, content in members.items():
            packed.addfile(entry(name, size=len(content)), io.BytesIO(content))
        for header, content in more:
            packed.addfile(header, io.BytesIO(content))
    return data.getvalue()


RUN = (
    "INSERT INTO runs (run_id, job, trigger, attempt, status, reason, tick, origin, claimed_at) VALUES"
    " ('{}', 'a', 'schedule', 1, 'waiting_retry', '', 'b', 1, 7200)"
)
SLOT = "INSERT INTO slots (job, first, last, decided_at, {}) VALUES ('a', 3600, 3600, 3600, {})"


def without_checksums(members):
    """Return *members* without the checksums in the manifest, as an attacker changes them."""
    manifest = json.loads(members["manifest.json"])
    return {**members, "manifest.json": json.dumps({**manifest, "checksums": {}}).encode()}


def test_a_backup_is_whole_and_has_the_checksums_of_its_files(place):
    found = verify_backup.verify_backup(place.file)

    assert (found["ok"], found["problems"], found["warnings"], sorted(found["files"])) == (
        True,
        [],
        [],
        NAMES,
    )
    assert sorted(json.loads(place.members()["manifest.json"])["checksums"]) == sorted(
        {*NAMES} - {"manifest.json"}
    )
    assert (found["state"], found["config"]) == (str(place.paths.root), str(place.config))


def test_a_restore_has_exactly_the_files_of_the_backup_and_keeps_the_others(place):
    place.move_to(72000)
    place.config.write_text("# new\n")
    (place.jobs_d / "b.toml").write_text("# new b\n")
    (place.jobs_d / "later.toml").write_text(CONFIG.replace("jobs.a", "jobs.c"))
    before = place.paths.ledger.read_bytes()

    done = restore.restore(place.instance, place.file, with_config=True)

    assert (place.position(), place.config.read_text()) == (7200, CONFIG)
    assert [path.name for path in place.jobs_d.iterdir()] == ["b.toml"]
    assert done["removed"] == [str(place.jobs_d / "later.toml")]
    kept = Path(done["kept"])
    assert (kept / "ledger.db").read_bytes() == before
    assert (kept / "config" / "scheduled.toml").read_text() == "# new\n"
    assert (kept / "config" / "jobs.d" / "b.toml").read_text() == "# new b\n"
    assert "jobs.c" in (kept / "config" / "jobs.d" / "later.toml").read_text()
    assert place.paths.ledger.stat().st_mode & 0o777 == 0o600
    assert not list(place.paths.root.glob(".scheduled-*"))


def test_a_restore_of_the_state_alone_leaves_the_configuration(place):
    place.config.write_text("# new\n")
    (place.jobs_d / "later.toml").write_text("")

    done = restore.restore(place.instance, place.file)

    assert (place.config.read_text(), done["removed"], (place.jobs_d / "later.toml").exists()) == (
        "# new\n",
        [],
        True,
    )


def test_a_restored_ledger_is_not_rolled_back_and_later_runs_have_other_ids(place):
    place.move_to(72000)
    restore.restore(place.instance, place.file)

    ledger, repairs = open_ledger(place.paths, NOW)
    with closing(ledger):
        assert (repairs, ledger.job_states()[JobKey("a")].position) == ([], 7200)
        assert int(ledger.meta(LOST_UNTIL)) > NOW


def test_a_backup_of_another_configuration_belongs_to_the_one_that_restores_it(place, tmp_path):
    other = Instance(str(tmp_path / "b" / "scheduled.toml"), str(tmp_path / "other"))

    restore.restore(other, place.file)

    with closing(SqliteLedger(other.paths.ledger)) as ledger:
        assert owner(ledger, other.paths) == str(other.config_file)


def test_a_state_of_another_configuration_is_not_replaced(place, tmp_path):
    other = Instance(str(tmp_path / "b.toml"), str(place.paths.root))
    before = place.content()

    with pytest.raises(ForeignStateError):
        restore.restore(other, place.file)

    assert place.content() == before


def test_a_dry_run_changes_nothing(place):
    place.move_to(72000)
    before = place.content()

    done = restore.restore(place.instance, place.file, with_config=True, dry_run=True)

    assert (place.content(), done["dry_run"], len(done["restored"])) == (before, True, 4)


# Hostile archives: *change* returns the bytes of one, from the members of a whole one; *reason* is in the message.


def chain_of_headers(members, number=3000):
    """An archive that begins with many headers for a long name, each of which tarfile reads inside the one before."""
    header = entry("x", type=tarfile.GNUTYPE_LONGNAME, size=1).tobuf(tarfile.GNU_FORMAT) + b"y".ljust(
        512, b"\0"
    )
    return gzip.compress(header * number + gzip.decompress(pack(members)))


def header_of(size, kind=tarfile.XHDTYPE):
    header = entry("x", type=kind, size=size).tobuf(tarfile.GNU_FORMAT)
    return lambda members: gzip.compress(pack_raw(members) + header + b"z" * 2048)


def pack_raw(members):
    """Return the members as a tar without an end."""
    return b"".join(
        entry(name, size=len(data)).tobuf() + data.ljust(-(-len(data) // 512) * 512, b"\0")
        for name, data in members.items()
    )


def with_ledger(*statements):
    def change(members):
        with tempfile.NamedTemporaryFile() as file:
            return pack({**members, "ledger.db": changed(file.name, members["ledger.db"])})

    def changed(path, data):
        Path(path).write_bytes(data)
        with closing(sqlite3.connect(path)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()
        return Path(path).read_bytes()

    return change


def swapped(**files):
    names = {
        "ledger": "ledger.db",
        "snapshot": "scheduled_state.json",
        "manifest": "manifest.json",
        "opened": "opened_mails.json",
    }
    return lambda members: pack({**members, **{names[name]: data for name, data in files.items()}})


def more(name, data=b"", **fields):
    return lambda members: pack(members, (entry(name, size=len(data), **fields), data))


def damaged_at(place_of, width=1):
    def change(members):
        data = bytearray(pack(members))
        at = int(len(data) * place_of)
        data[at : at + width] = bytes(255 - byte for byte in data[at : at + width])
        return bytes(data)

    return change


HOSTILE = {
    "nothing": (lambda members: b"", "not a backup"),  # noqa: ARG005
    "text": (lambda members: b"hello\n" * 99, "not a backup"),  # noqa: ARG005
    "an empty archive": (lambda members: pack({}), "not a backup"),  # noqa: ARG005
    "a torn archive": (lambda members: pack(members)[:-2000], "is damaged: "),
    "a torn end": (lambda members: pack(members)[:-4], "is damaged: "),
    "damage": (damaged_at(0.7, 40), ""),
    "a wrong checksum of gzip": (damaged_at(0.9999), "is damaged: "),
    "data after the end": (lambda members: pack(members) + b"more", "is damaged: "),
    "a damaged header in the middle": (
        lambda members: gzip.compress(pack_raw(members) + b"\1" * 512 + pack_raw({"ledger.db": b""}) + bytes(1024)),
        "is damaged: a part of it cannot be read",
    ),
    "a path out of the directory": (more("config/jobs.d/../../../x.toml"), "config/jobs.d/../../../x.toml: is not part"),
    "an absolute path": (more("/etc/x.toml"), "etc/x.toml: is not part"),
    "a name with NUL": (more("config/jobs.d/a\0b.toml"), ""),
    "a name with ESC": (more("config/\x1b]0;x\x07.toml"), r"config/\x1b]0;x\x07.toml: is not part"),
    "a name that is too long": (more("config/jobs.d/" + "x" * 300 + ".toml"), "is not part of a backup"),
    "a symbolic link": (more("config/jobs.d/l.toml", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "l.toml: is not part"),
    "a hard link": (more("opened_mails.json", type=tarfile.LNKTYPE, linkname="ledger.db"), "opened_mails.json: is not part"),
    "a device": (more("opened_mails.json", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "opened_mails.json: is not part"),
    "a FIFO": (more("opened_mails.json", type=tarfile.FIFOTYPE), "opened_mails.json: is not part"),
    "a directory": (more("config/jobs.d/d.toml", type=tarfile.DIRTYPE), "d.toml: is not part"),
    "a file twice": (more("ledger.db", b"x"), "ledger.db: occurs twice"),
    "a setting file that is too large": (more("config/jobs.d/l.toml", bytes(10_000_001)), "l.toml: is too large"),
    "too many files": (lambda members: pack(members, *[(entry("x"), b"")] * 10_001), "x: is not part"),
    "a header of 8 GB": (header_of(8 << 30), "has a header of more than"),
    "a header of a negative size": (header_of(-512), ""),
    "a chain of headers": (chain_of_headers, ""),
    "a sparse file": (header_of(512, tarfile.GNUTYPE_SPARSE), ""),
    "no ledger": (lambda members: pack({**members, "ledger.db": b""}), "ledger.db: "),
    "a ledger that is no database": (swapped(ledger=b"x" * 9999), "ledger.db: is not a SQLite database"),
    "a ledger of zeros": (swapped(ledger=b"SQLite format 3\0" + bytes(9999)), "ledger.db: "),
    "a trigger": (
        with_ledger("CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM jobs; END"),
        "ledger.db: its schema is not that of a ledger: trigger t",
    ),
    "a view": (with_ledger("CREATE VIEW v AS SELECT 1"), "ledger.db: its schema is not that of a ledger: view v"),
    "a trigger that is called like SQLite's own tables": (
        with_ledger(
            "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM jobs; END",
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_master SET name = 'sqlite_t' WHERE name = 't'",
        ),
        "(sqlite_t)",
    ),
    "another table": (with_ledger("CREATE TABLE x (y)"), "ledger.db: its schema is not that of a ledger: table x"),
    "a table that is missing": (with_ledger("DROP TABLE outbox"), "ledger.db: its schema is not that of a ledger: "),
    "a ledger of a newer version": (with_ledger("PRAGMA user_version = 99"), "newer version of scheduled (schema 99)"),
    "a ledger without a version": (with_ledger("PRAGMA user_version = 0"), "ledger.db: is empty"),
    "a value that is not valid": (with_ledger("UPDATE jobs SET position = 'x'"), "ledger.db: damaged: "),
    "a run id out of the directory": (with_ledger(RUN.format("../../../../x/PWNED")), "damaged: runs.run_id: '../../../../x/PWNED' is not valid"),
    "a run id with a control character": (with_ledger(RUN.format("a\nb")), "damaged: runs.run_id: "),
    "a run id that is too long": (with_ledger(RUN.format("x" * 256)), "damaged: runs.run_id: "),
    "a run id that is a directory": (with_ledger(RUN.format("..")), "damaged: runs.run_id: "),
    "a run without an id": (with_ledger(RUN.format("a"), "UPDATE runs SET run_id = NULL"), "damaged: runs.run_id: None"),
    "a tick out of the directory": (with_ledger(RUN.format("a"), "UPDATE runs SET tick = '../x'"), "damaged: runs.tick: "),
    "an attempt that is a path": (with_ledger(RUN.format("a"), "UPDATE runs SET attempt = '/../../x'"), "damaged: runs.attempt: "),
    "an unknown status": (with_ledger(RUN.format("a"), "UPDATE runs SET status = 'x'"), "damaged: runs.status: "),
    "an unknown trigger": (with_ledger(RUN.format("a"), "UPDATE runs SET trigger = 'x'"), "damaged: runs.trigger: "),
    "a BLOB for a text": (with_ledger(RUN.format("a"), "UPDATE runs SET reason = x'00ff'"), "damaged: runs.reason: "),
    "a reason that is too long": (with_ledger(RUN.format("a"), f"UPDATE runs SET reason = '{'x' * 65537}'"), "damaged: runs.reason: "),
    "a negative count": (with_ledger(RUN.format("a"), "UPDATE runs SET slots = -1"), "damaged: runs.slots: -1"),
    "an unknown verdict": (with_ledger(SLOT.format("verdict", "'x'")), "damaged: slots.verdict: "),
    "an instant beyond all years": (with_ledger("INSERT INTO pauses VALUES ('a', '', '', 1e300)"), "damaged: pauses.until: "),
    "a saved slot with another id": (
        with_ledger("INSERT INTO saved_positions VALUES (1, 'a', '', 7, 7, 7, '[[7, 7, 1, null, \"\", \"../x\", 7]]', '[]')"),
        "damaged: saved_positions.run_id: '../x'",
    ),
    "a negative generation": (with_ledger("UPDATE meta SET value = '-1' WHERE key = 'generation'"), "damaged: meta.generation: '-1'"),
    "a generation of 2^60": (with_ledger(f"UPDATE meta SET value = '{2**60}' WHERE key = 'generation'"), "damaged: meta.generation: "),
    "a number that is none": (with_ledger("INSERT INTO meta VALUES ('pruned', 'nan')"), "damaged: pruned: "),
    "a snapshot of generation 2^60": (swapped(snapshot=b'{"generation": 1152921504606846976}'), "its generation is not valid"),
    "a value that is too long": (with_ledger("INSERT INTO meta VALUES ('x', zeroblob(3000000))"), "ledger.db: "),
    "a snapshot that is not JSON": (swapped(snapshot=b"{"), "scheduled_state.json: is damaged"),
    "a position in the snapshot that is a text": (swapped(snapshot=b'{"jobs": {"a": {"position": "x"}}}'), "is damaged: jobs.a: Expected `int`, got `str` - at `$.position`"),
    "a position beyond all years": (swapped(snapshot=b'{"jobs": {"a": {"position": 99999999999999}}}'), "jobs.a: position: 99999999999999 is not a valid instant"),
    "jobs of the snapshot that are junk": (swapped(snapshot=b'{"jobs": ' + b"[" * 500 + b"]" * 500 + b"}"), "scheduled_state.json: is damaged: "),
    "a job of the snapshot that is junk": (swapped(snapshot=b'{"jobs": {"a": {"schedules": [[[[{}]]]]}}}'), "is damaged: jobs.a: "),
    "a schedule of the snapshot": (swapped(snapshot=b'{"jobs": {"a": {"schedules": [{"kind": "cron", "expression": "61 * * * *"}]}}}'), "'61 * * * *' is not a valid schedule"),
    "a name in the snapshot that is no label": (swapped(snapshot=b'{"overridden": {"a@": true}}'), "'a@' is not the name of a job"),
    "an override that is a text": (swapped(snapshot=b'{"overridden": {"a": "x"}}'), "is damaged: Expected `bool`, got `str` - at `$.overridden[...]`"),
    "a pause until no instant": (swapped(snapshot=b'{"paused": {"*": "soon"}}'), "is damaged: Invalid RFC3339 encoded datetime - at `$.paused[...]`"),
    "a report in the snapshot that is junk": (swapped(snapshot=b'{"health_check": {"last_status": 7}}'), "is damaged: Expected `object`, got `int` - at `$.health_check.last_status`"),
    "a snapshot of a newer version": (swapped(snapshot=b'{"version": 99}'), "scheduled_state.json: written by a newer"),
    "a record that is not JSON": (swapped(opened=b"[" * 99999), "opened_mails.json: is damaged"),
    "a manifest that is not JSON": (swapped(manifest=b"[" * 99999), "not a backup"),
    "a manifest without a time": (lambda members: pack({**members, "manifest.json": members["manifest.json"].replace(b'"created_at": "', b'"created_at": "x')}), "not a backup"),
    "a newer format": (lambda members: pack({**members, "manifest.json": members["manifest.json"].replace(b'"format": 1', b'"format": 2')}), "upgrade first"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_in_words_and_changes_nothing(place, monkeypatch, name):
    monkeypatch.setattr(verify_backup, "LONGEST_VALUE", 1_000_000)
    change, reason = HOSTILE[name]
    members = without_checksums(place.members())
    place.file.write_bytes(change(members))
    place.move_to(72000)
    before = place.content()

    with pytest.raises(ConfigError) as refused:
        restore.restore(place.instance, place.file, with_config=True)

    message = str(refused.value)
    assert (
        message.startswith(f"{place.file}: "),
        message.isprintable(),
        str(place.root / "state") in message,
    ) == (True, True, False)
    assert reason in message
    assert place.content() == before
    assert not list(place.paths.root.glob(".scheduled-*"))
    assert any(reason in problem for problem in verified(place))


def verified(place):
    """Return the problems that `verify` finds; one that it raises is the only one."""
    try:
        found = verify_backup.verify_backup(place.file)
    except ConfigError as error:
        return [str(error)]
    assert (found["ok"], len(set(found["problems"]))) == (False, len(found["problems"]))
    return found["problems"]


@pytest.mark.parametrize("changed", ["scheduled_state.json", "config/scheduled.toml", "config/jobs.d/c.toml"])
def test_a_file_that_differs_from_the_manifest_is_a_problem(place, changed):
    place.file.write_bytes(pack({**place.members(), changed: b"{}"}))

    found = verify_backup.verify_backup(place.file)

    assert [problem.partition(":")[0] for problem in found["problems"]][:1] == [changed]


def test_a_configuration_that_cannot_be_read_is_a_problem_but_the_state_alone_can_be_restored(place):
    members = without_checksums(place.members())
    place.file.write_bytes(
        pack({**members, "config/scheduled.toml": b"jobs = 7\n", "config/jobs.d/b.toml": b"not toml"})
    )
    place.move_to(72000)

    (*_, problem) = verify_backup.verify_backup(place.file)["problems"]
    with pytest.raises(ConfigError, match="without --with-config only the state is restored"):
        restore.restore(place.instance, place.file, with_config=True)
    assert (place.position(), problem.startswith("config/")) == (72000, True)

    restore.restore(place.instance, place.file)
    assert place.position() == 7200


@pytest.mark.parametrize("kind", ["FIFO", "directory", "device", "missing"])
def test_what_is_not_a_file_is_refused_and_never_waited_for(place, kind):
    file = place.root / "x.tgz"
    if kind == "FIFO":
        os.mkfifo(file)
    elif kind == "directory":
        file.mkdir()
    elif kind == "device":
        file.symlink_to("/dev/zero")

    for use in (verify_backup.verify_backup, lambda path: restore.restore(place.instance, path)):
        with pytest.raises(ConfigError, match=f"^{file}: "):
            use(file)


def test_a_bomb_is_refused_in_bounded_memory(place, monkeypatch):
    monkeypatch.setattr(archive, "ALLOWANCE", 1 << 20)
    members = without_checksums(place.members())
    bomb = {**members, "ledger.db": b"SQLite format 3\0" + bytes(40 << 20)}
    place.file.write_bytes(pack(bomb))
    del bomb

    tracemalloc.start()
    with pytest.raises(ConfigError, match="unpacks to more than"):
        restore.restore(place.instance, place.file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 << 20


def test_no_error_is_a_traceback_for_any_cut(place):
    data = place.file.read_bytes()
    for length in range(0, len(data), max(1, len(data) // 150)):
        place.file.write_bytes(data[:length])
        with pytest.raises(ScheduledError):
            restore.restore(place.instance, place.file)
    assert place.position() == 7200
