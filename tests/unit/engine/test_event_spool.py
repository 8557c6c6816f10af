"""A file in the spool is the only evidence of its event until the commit that records it."""

import errno
import os

import pytest

from scheduled.engine import event_spool
from scheduled.engine.runtime import Runtime
from scheduled.errors import StateError
from scheduled.state import directories
from tests.fixtures.ledgers import LEDGERS

NOW = 20_000.5


@pytest.fixture
def runtime(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / "scheduled.toml").write_text('[jobs.listening]\non = "news"\ncommand = "true"\n')
    found = Runtime(tmp_path / "scheduled.toml", tmp_path / "state")
    directories.prepare(found.paths)
    return found


@pytest.fixture
def ledger(runtime):
    ledger = LEDGERS["sqlite"](runtime.paths.root)
    yield ledger
    ledger.close()


def put(runtime, name, content="", at=1_000):
    path = runtime.paths.spool / name
    path.write_text(content)
    os.utime(path, (at, at))
    return path


def load(ledger, runtime):
    with ledger.transaction():
        return event_spool.Spool(runtime).load(ledger, NOW)


def load_on_a_full_disk(ledger, runtime):
    with ledger.transaction():
        event_spool.Spool(runtime).load(ledger, NOW)
        raise StateError("full")


def requested(ledger):
    return [row.event for row in ledger.start_requests()]


def test_files_are_removed_or_moved_after_the_commit_only(runtime, ledger):
    paths = [put(runtime, "news"), put(runtime, "broken", "{")]

    with pytest.raises(StateError, match="full"):
        load_on_a_full_disk(ledger, runtime)
    assert ([path.exists() for path in paths], requested(ledger), runtime.problems) == ([True] * 2, [], [])

    event_spool.clear(runtime, load(ledger, runtime))
    left = sorted(path.name for path in runtime.paths.spool.rglob("*"))
    assert (left, requested(ledger), len(runtime.problems)) == (["bad", "broken"], ["news"], 1)


@pytest.mark.parametrize("name", ["_mark", "read_regular"])
def test_a_file_that_was_loaded_and_cannot_be_read_for_a_while_is_not_loaded_again(
    runtime, ledger, monkeypatch, name
):
    """As after a crash between the commit and the removal of the file, and a shortage in the next tick."""

    def fail(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    path = put(runtime, "news")
    load(ledger, runtime)
    with monkeypatch.context() as patch:
        patch.setattr(event_spool, name, fail)
        load(ledger, runtime)
    event_spool.clear(runtime, load(ledger, runtime))

    assert (path.exists(), requested(ledger)) == (False, ["news"])


@pytest.mark.parametrize("content", ["", "{"])
def test_a_newer_file_of_the_same_name_stays(runtime, ledger, content):
    path = put(runtime, "news", content)
    found = load(ledger, runtime)
    path.unlink()
    put(runtime, "news", '{"newer": true}', at=2_000)

    event_spool.clear(runtime, found)
    event_spool.clear(runtime, load(ledger, runtime))

    assert (path.exists(), len(requested(ledger))) == (False, 1 if content else 2)


def test_a_file_with_a_name_that_is_not_utf_8_is_moved_aside(runtime, ledger):
    put(runtime, "news.\udcff")

    event_spool.clear(runtime, load(ledger, runtime))

    assert ([path.name for path in runtime.paths.spool.iterdir()], requested(ledger)) == (["bad"], [])
    assert len(runtime.problems) == 1


def test_only_requested_starts_limit_a_portion(runtime, ledger, monkeypatch):
    monkeypatch.setattr(event_spool, "MOST_REQUESTS", 2)
    for number in range(6):
        put(runtime, f"{'news' if number == 5 else 'other'}.{number}")

    found = load(ledger, runtime)

    assert (len(found.loaded), requested(ledger)) == (6, ["news"])
