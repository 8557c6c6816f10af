"""Which heartbeats show that ticks come regularly, and how the cadence is known."""

import os
from pathlib import Path

import pytest

from scheduled import idle
from scheduled.engine import heartbeat
from scheduled.state import snapshot
from tests.fixtures.ledgers import LEDGERS

NOW = 1_770_000_000
SECOND, MINUTE = 10**9, 60 * 10**9


@pytest.fixture
def ledger(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    yield ledger
    ledger.close()


def beats(*seconds):
    """Return the last heartbeat of ticks at these seconds after NOW."""
    last = 0
    for second in seconds:
        last = idle.beat(last, (NOW + second) * SECOND + 123_456_789)
    return last


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([0], (0, 1)),
        ([0, 300], (5, 2)),
        ([0, 302, 599], (5, 3)),
        ([0, 300, 301, 600], (5, 3)),  # `run` and `daily-report --due` of the same minute
        ([0, 300, 600, 3000], (40, 2)),
        ([0, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600], (1, 9)),
        ([0, 86400, 172800], (1440, 3)),
        ([0, 300, 600, -100], (0, 1)),  # the clock was set back
        ([0, 10, 20, 30], (0, 1)),
        ([0, 10**8], (9999, 2)),
    ],
)
def test_a_heartbeat_contains_the_rhythm_of_the_ticks(seconds, expected):
    assert idle.rhythm(beats(*seconds)) == expected


def test_a_heartbeat_is_at_its_instant_and_never_later():
    for minutes in range(0, 9999, 7):
        now = NOW * SECOND + minutes * 60 * SECOND * 3 + minutes
        beat = idle.beat(idle.beat(0, now - minutes * 60 * SECOND), now)
        assert 0 <= now - beat <= 2 * idle.RHYTHM


def test_another_modification_time_contains_no_rhythm():
    known = [idle.rhythm(NOW * SECOND + digits) for digits in range(0, 10**9, 99_991)]

    assert known.count((0, 1)) > len(known) * 0.98


def test_the_cadence_is_installed_observed_or_assumed(ledger):
    with ledger.transaction():
        found = [heartbeat.cadence(ledger, beats(0, 420))]
        found.append(heartbeat.cadence(ledger, beats(0, 420, 840)))
        heartbeat.note(ledger, beats(0, 420, 840))
        found.append(heartbeat.cadence(ledger, beats(0, 420, 840, 9000)))
        heartbeat.installed(ledger, 120, NOW)
        found.append(heartbeat.cadence(ledger, None))
        heartbeat.uninstalled(ledger, NOW + 1000)
        found.append(heartbeat.cadence(ledger, beats(0, 420, 840)))

    assert [(cadence.seconds, cadence.source) for cadence in found] == [
        (300, "assumed"),
        (420, "observed"),
        (420, "observed"),
        (120, "installed"),
        (300, "assumed"),
    ]
    assert found[1].phase == round((NOW + 840) / 60) * 60 % 420


def test_an_installation_by_an_earlier_version_is_known_by_its_cadence(ledger):
    with ledger.transaction():
        assert not heartbeat.is_installed(ledger)
        ledger.remember("cadence", "300")
        assert heartbeat.is_installed(ledger)


def test_a_snapshot_without_a_heartbeat_has_none(tmp_path, ledger):
    path = tmp_path / "scheduled_state.json"
    snapshot.publish(path, {}, next_due=None, edited=0, now=NOW, zone="UTC", beat=0)

    assert (heartbeat.last(ledger, path), snapshot.written_at(path)) == (None, NOW)
    assert snapshot.written_at(tmp_path / "none") is None


def rewritten(path):
    text = path.read_text()
    path.write_text(text.replace('{\n"_idle"', '{\n  "_idle"') + " ")


def touched(path):
    os.utime(path, ns=(0, (NOW + 9000) * SECOND + 123_456_789))


def replaced(path):
    path.rename(f"{path}.old")
    path.write_bytes(Path(f"{path}.old").read_bytes())
    os.utime(path, ns=(0, (NOW + 9000) * SECOND))


@pytest.mark.parametrize("change", [rewritten, touched, replaced])
def test_another_program_that_writes_the_snapshot_is_no_heartbeat(ledger, tmp_path, change):
    path, beat = tmp_path / "scheduled_state.json", beats(0, 300, 600)
    snapshot.publish(path, {}, next_due=None, edited=0, now=NOW + 700, zone="UTC", beat=beat)
    written = heartbeat.last(ledger, path)
    change(path)
    found = [heartbeat.last(ledger, path)]
    with ledger.transaction():
        heartbeat.note(ledger, beat)
    found.append(heartbeat.last(ledger, path))

    of_header = None if change is rewritten else (NOW + 700) * SECOND
    assert (written, found) == (beat, [of_header, beat])


def test_the_ledger_stays_valid(ledger):
    with ledger.transaction():
        heartbeat.installed(ledger, 120, NOW)
        heartbeat.uninstalled(ledger, NOW)
        heartbeat.note(ledger, beats(0, 60, 120))
    ledger.check()
