"""A state directory records its host id, machine, path and configuration; another configuration is refused."""

import errno
import json
import os
import shutil
from contextlib import closing
from types import SimpleNamespace

import pytest

from scheduled.errors import ForeignStateError
from scheduled.paths import Paths
from scheduled.state import binding, directories
from scheduled.state.binding import bind, file_of
from scheduled.state.open import read_only
from tests.fixtures.ledgers import LEDGERS

BOOT = "boot-1"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A state directory, its configuration and another one, and the file *machine* with the id of the machine."""
    found = SimpleNamespace(root=tmp_path, state=tmp_path / "state", config=tmp_path / "own.toml")
    found.machine = tmp_path / "machine-id"
    found.machine.write_text("1" * 32 + "\n")
    monkeypatch.setattr(binding, "MACHINE_FILES", (str(found.machine),))
    for name in ("own.toml", "other.toml"):
        (tmp_path / name).touch()
    directories.prepare(Paths(found.state))
    return found


def tick(places, *, config=None, state=None, boot=BOOT, name="box"):
    """Bind and record the boot, as a tick does."""
    paths = Paths(state or places.state)
    with closing(LEDGERS["sqlite"](paths.root)) as ledger:
        found = bind(ledger, paths, config or places.config, boot=boot, name=name)
        with ledger.transaction():
            ledger.remember("boot", boot)
    return found


def binding_file(places):
    return json.loads(file_of(Paths(places.state)).read_text())


def ledger_binding(places):
    with closing(LEDGERS["sqlite"](places.state)) as ledger:
        return json.loads(ledger.meta("instance"))


def test_the_first_tick_creates_a_host_id_that_later_ticks_keep(places):
    found = [tick(places) for _ in range(3)]

    assert (len({bound.host for bound in found}), len(found[0].host)) == (1, 16)
    assert [bound.warnings for bound in found] == [[], [], []]
    assert binding_file(places) == ledger_binding(places) == {
        "host": found[0].host, "name": "box", "machine": binding.machine_digest(), "state": str(places.state),
        "config": str(places.config),
    }  # fmt: skip


def test_the_file_is_private_and_is_not_rewritten_without_a_change(places):
    tick(places)
    path = file_of(Paths(places.state))
    before = path.stat()

    tick(places)

    after = path.stat()  # its time of access may differ: a tick reads the file
    assert before.st_mode & 0o777 == 0o600
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_two_state_directories_have_different_host_ids(places):
    other = places.root / "other"
    directories.prepare(Paths(other))

    assert tick(places).host != tick(places, state=other).host


@pytest.mark.parametrize("lost", ["ledger.db", "instance.json"])
def test_the_host_id_survives_the_loss_of_the_file_or_the_ledger(places, lost):
    host = tick(places).host
    (places.state / lost).unlink()

    found = tick(places)

    assert (found.host, found.warnings) == (host, [])
    assert binding_file(places) == ledger_binding(places)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff" * 9, b'{"host": 7}'])
def test_a_damaged_file_is_reported_and_rewritten_from_the_ledger(places, damage):
    host = tick(places).host
    path = file_of(Paths(places.state))
    path.write_bytes(damage)

    found = [tick(places), tick(places)]

    assert [bound.host for bound in found] == [host, host]
    assert [bound.warnings for bound in found] == [[f"{path}: damaged; it is rewritten"], []]


def test_a_file_that_cannot_be_written_is_reported_and_the_ledger_keeps_the_id(places):
    path = file_of(Paths(places.state))
    path.mkdir()

    found = [tick(places), tick(places)]

    assert {bound.host for bound in found} == {ledger_binding(places)["host"]}
    assert [bound.unwritten.startswith(f"{path}: can't be written: ") for bound in found] == [True, True]


def opened_for(places, config):
    """Return a function that opens the ledger to read it, as a query with the configuration *config* does."""

    def read():
        with read_only(Paths(places.state, config)) as ledger:
            return ledger.meta("boot")

    return read


@pytest.mark.parametrize("lost", ["", "ledger.db", "instance.json"])
def test_another_configuration_is_refused_as_long_as_the_old_one_exists(places, lost):
    tick(places)
    (places.state / lost).unlink() if lost else None
    other = places.root / "other.toml"

    for use in (opened_for(places, other), lambda: tick(places, config=other)):
        with pytest.raises(
            ForeignStateError, match=r"^[^\n]*`scheduled --config [^\n]* state adopt`$"
        ) as refused:
            use()
        assert f"{places.state}: belongs to the configuration {places.config}, which" in str(refused.value)

    assert opened_for(places, places.config)() == (None if lost == "ledger.db" else BOOT)
    assert tick(places).warnings == []


def test_an_old_configuration_that_cannot_be_seen_counts_as_existing(places, monkeypatch):
    tick(places)
    real = os.stat

    def hidden(path, *rest, **options):
        if path == str(places.config):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *rest, **options)

    monkeypatch.setattr(os, "stat", hidden)
    with pytest.raises(ForeignStateError):
        tick(places, config=places.root / "other.toml")


def test_after_an_adoption_the_other_configuration_is_the_one_that_is_refused(places):
    host, other = tick(places).host, places.root / "other.toml"
    with closing(LEDGERS["sqlite"](places.state)) as ledger:
        binding.adopt(ledger, Paths(places.state), other)

    found = tick(places, config=other)

    assert (found.host, found.warnings, found.note) == (host, [], None)
    assert binding_file(places)["config"] == ledger_binding(places)["config"] == str(other)
    with pytest.raises(ForeignStateError):
        tick(places)


@pytest.mark.parametrize("way", ["moved", "linked"])
def test_a_moved_or_linked_configuration_is_the_same_configuration(places, way):
    host, elsewhere = tick(places).host, places.root / "elsewhere.toml"
    if way == "moved":
        places.config.rename(elsewhere)
    else:
        elsewhere.symlink_to(places.config)

    found = tick(places, config=elsewhere)

    assert (found.host, found.warnings, binding_file(places)["config"]) == (host, [], str(elsewhere))
    assert (
        found.note == f"{places.state}: belonged to {places.config}, and belongs to {elsewhere} from now on"
    )
    assert opened_for(places, elsewhere)() == BOOT


def test_a_copy_of_an_existing_state_is_another_host_and_is_reported_once(places):
    host, copy = tick(places).host, places.root / "copy"
    shutil.copytree(places.state, copy)

    found = [tick(places, state=copy) for _ in range(2)]

    assert (found[0].host != host, found[0].host) == (True, found[1].host)
    (warning,) = found[0].warnings
    assert warning == (
        f"{copy}: is a copy of {places.state}, which still exists, and is another host from now on;"
        " if both are in use, every job runs twice: remove one of them"
    )
    assert (found[1].warnings, tick(places).host, tick(places).warnings) == ([], host, [])


def test_a_moved_state_is_the_same_host(places):
    host, elsewhere = tick(places).host, places.root / "elsewhere"
    places.state.rename(elsewhere)

    found = tick(places, state=elsewhere)

    assert (found.host, found.warnings) == (host, [])


def test_a_state_on_another_machine_is_another_host_and_is_reported_once(places):
    host = tick(places).host
    places.machine.write_text("2" * 32 + "\n")

    found = [tick(places, boot="boot-2", name="other box") for _ in range(2)]

    assert (found[0].host != host, found[0].host) == (True, found[1].host)
    assert [len(bound.warnings) for bound in found] == [1, 0]
    assert found[0].warnings[0].startswith(f"{places.state}: comes from another machine, box, and is")


@pytest.mark.parametrize("text", ["", "uninitialized\n"])
def test_a_machine_without_an_id_does_not_count_as_another_machine(places, text):
    host = tick(places).host
    places.machine.write_text(text)

    found = tick(places, boot="boot-2")

    assert (found.host, found.warnings, binding_file(places)["machine"]) == (host, [], "")


def test_neither_the_file_nor_the_ledger_holds_the_machine_id(places):
    tick(places)

    everything = b"".join(path.read_bytes() for path in places.state.iterdir() if path.is_file())
    assert (b"1" * 32 in everything, binding_file(places)["machine"].encode() in everything) == (False, True)


def test_a_ledger_from_another_state_is_used_with_the_host_id_of_this_state(places):
    other = places.root / "other"
    directories.prepare(Paths(other))
    host = tick(places).host
    tick(places, state=other, name="far")
    shutil.copy(other / "ledger.db", places.state / "ledger.db")

    found = [tick(places) for _ in range(2)]

    warning = (
        f"{places.state}/ledger.db: comes from another state directory, {other} on far;"
        " its history is continued here"
    )
    assert [bound.host for bound in found] == [host, host]
    assert [bound.warnings for bound in found] == [
        [warning],
        [],
    ]
