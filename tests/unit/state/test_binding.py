"""A state directory knows its host's id, its machine, its place and its configuration, and says once what has changed."""

import json
import shutil
from contextlib import closing
from types import SimpleNamespace

import pytest

from scheduled.paths import Paths
from scheduled.state import binding, directories
from scheduled.state.binding import bind, file_of
from tests.fixtures.ledgers import LEDGERS

BOOT = "boot-1"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A state, its configuration, and another's; write another id into *machine* and it is another machine."""
    found = SimpleNamespace(root=tmp_path, state=tmp_path / "state", config=tmp_path / "mine.toml")
    found.machine = tmp_path / "machine-id"
    found.machine.write_text("1" * 32 + "\n")
    monkeypatch.setattr(binding, "MACHINE_FILES", (str(found.machine),))
    for name in ("mine.toml", "other.toml"):
        (tmp_path / name).touch()
    directories.prepare(Paths(found.state))
    return found


def tick(places, *, config=None, state=None, boot=BOOT, name="box"):
    """Bind as a tick does, and remember its boot as a tick does."""
    paths = Paths(state or places.state)
    with closing(LEDGERS["sqlite"](paths.root)) as ledger:
        found = bind(ledger, paths, config or places.config, boot=boot, name=name)
        with ledger.transaction():
            ledger.remember("boot", boot)
    return found


def kept(places):
    return json.loads(file_of(Paths(places.state)).read_text())


def ledger_knows(places):
    with closing(LEDGERS["sqlite"](places.state)) as ledger:
        return json.loads(ledger.meta("instance"))


def test_the_first_tick_makes_an_id_that_all_others_find(places):
    found = [tick(places) for _ in range(3)]

    assert (len({bound.host for bound in found}), len(found[0].host)) == (1, 16)
    assert [bound.warnings for bound in found] == [[], [], []]
    assert kept(places) == ledger_knows(places) == {
        "host": found[0].host, "name": "box", "machine": binding.machine_digest(), "state": str(places.state),
        "config": str(places.config),
    }  # fmt: skip


def test_the_file_is_for_the_owners_eyes_only_and_is_not_written_again(places):
    tick(places)
    path = file_of(Paths(places.state))
    before = path.stat()

    tick(places)

    assert (before.st_mode & 0o777, path.stat()) == (0o600, before)


def test_two_states_have_two_ids(places):
    other = places.root / "other"
    directories.prepare(Paths(other))

    assert tick(places).host != tick(places, state=other).host


@pytest.mark.parametrize("lost", ["ledger.db", "instance.json"])
def test_the_id_survives_the_loss_of_the_file_and_of_the_ledger(places, lost):
    host = tick(places).host
    (places.state / lost).unlink()

    found = tick(places)

    assert (found.host, found.warnings) == (host, [])
    assert kept(places) == ledger_knows(places)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff" * 9, b'{"host": 7}'])
def test_a_damaged_file_is_named_and_written_anew_from_the_ledger(places, damage):
    host = tick(places).host
    path = file_of(Paths(places.state))
    path.write_bytes(damage)

    found = [tick(places), tick(places)]

    assert [bound.host for bound in found] == [host, host]
    assert [bound.warnings for bound in found] == [[f"{path}: damaged; it is written anew"], []]


def test_what_can_not_be_written_is_said_and_the_ledger_knows_the_id(places):
    path = file_of(Paths(places.state))
    path.mkdir()

    found = [tick(places), tick(places)]

    assert {bound.host for bound in found} == {ledger_knows(places)["host"]}
    assert [bound.unwritten.startswith(f"{path}: can't be written: ") for bound in found] == [True, True]


def test_another_configuration_beside_the_old_one_is_said_once(places):
    tick(places)

    found = [tick(places, config=places.root / "other.toml") for _ in range(2)]

    said = (
        f"{places.state}: was the state of {places.config}, which is still there, and is that of"
        f" {places.root}/other.toml from now on; if both are in use, give each a state of its own with --state DIR"
    )
    assert [bound.warnings for bound in found] == [
        [said],
        [],
    ]
    assert kept(places)["config"] == f"{places.root}/other.toml"


@pytest.mark.parametrize("way", ["moved", "linked"])
def test_a_configuration_that_was_moved_or_has_another_name_is_the_same(places, way):
    host, elsewhere = tick(places).host, places.root / "elsewhere.toml"
    if way == "moved":
        places.config.rename(elsewhere)
    else:
        elsewhere.symlink_to(places.config)

    found = tick(places, config=elsewhere)

    assert (found.host, found.warnings, kept(places)["config"]) == (host, [], str(elsewhere))


def test_a_copy_beside_its_original_is_another_host_and_says_so_once(places):
    host, copy = tick(places).host, places.root / "copy"
    shutil.copytree(places.state, copy)

    found = [tick(places, state=copy) for _ in range(2)]

    assert (found[0].host != host, found[0].host) == (True, found[1].host)
    (said,) = found[0].warnings
    assert said == (
        f"{copy}: is a copy of {places.state}, which is still there, and counts as another host from now on;"
        " if both are in use, every job runs twice: remove one of them"
    )
    assert (found[1].warnings, tick(places).host, tick(places).warnings) == ([], host, [])


def test_a_state_that_was_moved_is_the_same_host(places):
    host, elsewhere = tick(places).host, places.root / "elsewhere"
    places.state.rename(elsewhere)

    found = tick(places, state=elsewhere)

    assert (found.host, found.warnings) == (host, [])


def test_a_state_on_another_machine_is_another_host_and_says_so_once(places):
    host = tick(places).host
    places.machine.write_text("2" * 32 + "\n")

    found = [tick(places, boot="boot-2", name="other box") for _ in range(2)]

    assert (found[0].host != host, found[0].host) == (True, found[1].host)
    assert [len(bound.warnings) for bound in found] == [1, 0]
    assert found[0].warnings[0].startswith(f"{places.state}: comes from another machine, box, and counts as")


@pytest.mark.parametrize("text", ["", "uninitialized\n"])
def test_a_machine_without_an_id_is_not_taken_for_another(places, text):
    host = tick(places).host
    places.machine.write_text(text)

    found = tick(places, boot="boot-2")

    assert (found.host, found.warnings, kept(places)["machine"]) == (host, [], "")


def test_the_machines_own_id_is_in_neither(places):
    tick(places)

    everything = b"".join(path.read_bytes() for path in places.state.iterdir() if path.is_file())
    assert (b"1" * 32 in everything, kept(places)["machine"].encode() in everything) == (False, True)


def test_a_ledger_from_another_state_is_gone_on_with_under_this_ones_id(places):
    other = places.root / "other"
    directories.prepare(Paths(other))
    host = tick(places).host
    tick(places, state=other, name="far")
    shutil.copy(other / "ledger.db", places.state / "ledger.db")

    found = [tick(places) for _ in range(2)]

    assert [bound.host for bound in found] == [host, host]
    assert [bound.warnings for bound in found] == [
        [
            f"{places.state}/ledger.db: comes from another state, {other} on far; it is gone on with here",
        ],
        [],
    ]
