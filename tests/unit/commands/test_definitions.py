"""`add`, `edit`, `remove` and `apply` put a change in force when they write it, or change nothing."""

import os
from contextlib import closing
from datetime import datetime

import pytest

from scheduled import clock, service
from scheduled.core import epochs
from scheduled.core.keys import JobKey
from scheduled.errors import ConfigError, StateError
from scheduled.state.sqlite.ledger import SqliteLedger

COMMAND = {"command": ["true"]}


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


class Place:
    """An instance at a given instant."""

    def __init__(self, directory, patch):
        self.config, self.state = directory / "etc" / "scheduled.toml", directory / "state"
        self.config.parent.mkdir(mode=0o700)
        self.now = at("22:56:00")
        self.write('timezone = "UTC"\n')
        self.instance = service.Instance(str(self.config), str(self.state))
        patch.setattr(clock, "now", lambda: float(self.now))

    def write(self, text):
        self.config.write_text(text)
        os.utime(self.config, (self.now - 60, self.now - 60))

    def next(self, job="new"):
        with closing(SqliteLedger(self.state / "ledger.db", read_only=True)) as ledger:
            job_state = ledger.job_states().get(JobKey(job))
        return job_state and epochs.open_slots_of(job_state).next_after(job_state.position)

    def verdicts(self):
        with closing(SqliteLedger(self.state / "ledger.db", read_only=True)) as ledger:
            return [(row.job, row.span.last, row.verdict, row.reason) for row in ledger.slot_rows()]

    def files(self):
        own = [path for path in self.config.parent.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in own}


@pytest.fixture
def place(tmp_path, monkeypatch):
    return Place(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"cron": "58 22 * * *"}, at("22:58:00")),
        ({"at": "2026-02-03T22:58"}, at("22:58:00")),
        ({"every": "1m"}, at("22:57:00")),
    ],
)
def test_an_added_job_is_in_force_at_once_even_without_a_ledger(place, when, expected):
    service.add(place.instance, "new", {**when, **COMMAND})

    assert place.next() == expected


def test_a_dry_run_creates_no_ledger(place):
    service.add(place.instance, "new", {"cron": "58 22 * * *", **COMMAND}, dry_run=True)

    assert not place.state.exists()


def test_an_edited_job_has_its_new_slots_and_skips_its_open_ones(place):
    service.add(place.instance, "new", {"cron": "58 22 * * *", **COMMAND})
    place.now = at("23:05:00")
    service.edit(place.instance, "new", {"cron": "30 23 * * *"})

    assert place.next() == at("23:30:00")
    assert place.verdicts() == [("new", at("22:58:00"), "skipped", "edited")]


def test_a_change_of_the_command_alone_keeps_open_slots(place):
    service.add(place.instance, "new", {"cron": "58 22 * * *", **COMMAND})
    place.now = at("23:05:00")
    service.edit(place.instance, "new", {"command": ["false"]})

    assert (place.next(), place.verdicts()) == (at("22:58:00"), [])


def test_a_removed_job_skips_its_open_slots_with_a_reason(place):
    service.add(place.instance, "new", {"cron": "58 22 * * *", **COMMAND})
    place.now = at("23:05:00")
    service.remove(place.instance, "new")

    assert (place.next(), place.verdicts()) == (None, [("new", at("22:58:00"), "skipped", "removed")])


def test_an_applied_file_is_in_force_at_once(place, tmp_path):
    file = tmp_path / "more.toml"
    file.write_text('[jobs.new]\ncron = "58 22 * * *"\ncommand = "true"\n')
    service.apply(place.instance, file)

    assert place.next() == at("22:58:00")


def test_a_disabled_job_skips_its_open_slots_with_a_reason(place):
    service.add(place.instance, "new", {"cron": "58 22 * * *", **COMMAND})
    place.now = at("22:58:20")
    service.disable(place.instance, ["new"])
    disabled = place.verdicts()
    place.now = at("22:58:40")
    service.enable(place.instance, ["new"])

    assert disabled == place.verdicts() == [("new", at("22:58:00"), "skipped", "disabled")]
    assert place.next() == at("22:58:00") + 86400


def test_a_manual_edit_of_another_file_keeps_its_own_moment(place):
    service.add(place.instance, "new", {"cron": "0 4 * * *", **COMMAND})
    place.now = at("23:00:00")
    place.write('timezone = "UTC"\n[jobs.other]\ncron = "10 23 * * *"\ncommand = "true"\n')
    place.now = at("23:30:00")
    service.edit(place.instance, "new", {"cron": "0 5 * * *"})

    assert place.next("other") == at("23:10:00")


def broken_ledger(place, _):
    place.state.mkdir(mode=0o700)
    (place.state / "ledger.db").symlink_to("elsewhere")


def full_disk_at_commit(_, monkeypatch):
    real = SqliteLedger.begin_epoch

    def fail(self, *arguments):
        real(self, *arguments)
        raise StateError("ledger.db: No space left on device")

    monkeypatch.setattr(SqliteLedger, "begin_epoch", fail)


@pytest.mark.parametrize("fault", [broken_ledger, full_disk_at_commit])
def test_without_a_ledger_that_can_be_written_nothing_is_changed(place, monkeypatch, fault):
    place.write('timezone = "UTC"\n[jobs.old]\ncron = "0 4 * * *"\ncommand = "true"\n')
    before = place.files()
    fault(place, monkeypatch)

    with pytest.raises(StateError) as raised:
        service.add(place.instance, "new", {"cron": "58 22 * * *", **COMMAND})
    with pytest.raises(StateError):
        service.edit(place.instance, "old", {"cron": "58 22 * * *"})

    assert (raised.value.exit_code, place.files()) == (1, before)


def test_a_wrong_job_leaves_no_ledger_and_no_file(place):
    before = place.files()

    with pytest.raises(ConfigError):
        service.add(place.instance, "new", {"cron": "99 * * * *", **COMMAND})

    assert (place.files(), (place.state / "ledger.db").exists()) == (before, False)
