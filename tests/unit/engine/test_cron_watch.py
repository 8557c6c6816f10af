"""Ticks of cron that do not come, as the ticks that a person starts find them."""

from types import SimpleNamespace

import pytest

from scheduled.engine import cron_watch, heartbeat
from scheduled.install import cron_checks, crontab_list
from tests.fixtures.ledgers import LEDGERS

NOW = 1_770_000_000
STOPPED = "ticks have stopped: the last one was at 2026-02-02 02:40"


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        heartbeat.installed(ledger, 300, NOW)
        heartbeat.note(ledger, NOW * 10**9)
    yield ledger
    ledger.close()


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "scheduled_state.json").write_text("{}\n")
    return SimpleNamespace(snapshot=tmp_path / "scheduled_state.json")


@pytest.fixture(params=[True, False], ids=["no cron", "a cron"])
def no_cron(request, monkeypatch):
    """Whether no cron runs, with a crontab in which all is well."""
    monkeypatch.setattr(cron_checks, "is_cron_missing", lambda: request.param)
    monkeypatch.setattr(cron_checks, "of_crontab", lambda _: {})
    monkeypatch.setattr(crontab_list, "listed", lambda: b"17 * * * * true\n")
    return request.param


def looked(ledger, paths, after, *, unattended=False):
    """Return the first words of the troubles that a tick finds *after* NOW."""
    cron_watch.refresh(ledger, paths, NOW + after, "UTC", unattended=unattended)
    return [trouble.text.split(";")[0] for trouble in cron_watch.troubles(ledger).values()]


def test_ticks_that_do_not_come_are_a_trouble_once_that_can_be_no_sleep_of_the_machine(
    ledger, paths, no_cron
):
    found = [looked(ledger, paths, after) for after in (600, 86400, 86400 + 600, 86400 + 660)]

    why = cron_checks.NO_CRON.split(";")[0] if no_cron else STOPPED
    assert found == [[], [why] if no_cron else [], [why] if no_cron else [], [why]]


def test_a_tick_of_cron_ends_it(ledger, paths, no_cron):
    found = [looked(ledger, paths, after) for after in (86400, 90000)]
    found.append(looked(ledger, paths, 90060, unattended=True))
    with ledger.transaction():
        heartbeat.note(ledger, (NOW + 90060) * 10**9)
    found += [looked(ledger, paths, 90100), looked(ledger, paths, 180000)]

    assert [len(texts) for texts in found] == [no_cron, 1, 0, 0, no_cron]


@pytest.mark.usefixtures("no_cron")
def test_nothing_is_missed_that_was_not_installed(ledger, paths):
    with ledger.transaction():
        heartbeat.uninstalled(ledger, NOW + 1)

    assert [looked(ledger, paths, after) for after in (86400, 180000)] == [[], []]
