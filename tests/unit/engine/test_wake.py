"""What is remembered of the alarm: our own is known as such after an error or a kill."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from scheduled.core.keys import JobKey
from scheduled.core.wake import META, read_alarm
from scheduled.engine import rtc, wake

NOW = 1_800_000_000


class Book:
    """The part of a ledger that keeps the alarm."""

    def __init__(self):
        self.text = ""

    def meta(self, name):
        assert name == META
        return self.text or None

    def remember(self, name, text):
        assert name == META
        self.text = text

    def transaction(self):
        return nullcontext()


class Clock:
    """The clock of a machine, and ticks that set its alarm."""

    def __init__(self, root):
        (root / "rtc0").mkdir()
        self.file = root / "rtc0/wakealarm"
        self.file.write_text("")
        self.ledger = Book()
        self.problems = []

    def tick(self, start, now=NOW):
        job = SimpleNamespace(wake=True, enabled=True, disabled_targets=())
        runtime = SimpleNamespace(
            config=SimpleNamespace(jobs={"a": job}, wake_command=""),
            next_starts=lambda *_: {} if start is None else {JobKey("a"): start},
            add_problem=lambda _, text: self.problems.append(text),
        )
        plan = SimpleNamespace(jobs={JobKey("a"): SimpleNamespace(waits=None)})
        return wake.update(runtime, self.ledger, plan, now)

    @property
    def alarm(self):
        return int(self.file.read_text() or 0)

    @property
    def shown(self):
        found = read_alarm(self.ledger.text)
        return found.at if found is not None else None


@pytest.fixture
def clock(tmp_path, monkeypatch):
    monkeypatch.setenv(rtc.OF_TESTS, str(tmp_path))
    return Clock(tmp_path)


def failing(monkeypatch, error):
    def fail(_path, _text):
        raise error

    monkeypatch.setattr(rtc, "write", fail)


def test_after_a_set_that_failed_the_alarm_is_still_ours(clock, monkeypatch):
    clock.tick(NOW + 5000)
    with monkeypatch.context() as patch:
        failing(patch, PermissionError(13, "Permission denied"))
        clock.tick(NOW + 3000)
        failed = clock.alarm, clock.shown, clock.problems.pop()
    clock.tick(NOW + 2000)
    assert (clock.alarm, clock.problems) == (NOW + 1940, [])
    clock.tick(None)

    assert failed[:2] == (NOW + 4940, 0)
    assert "Permission denied" in failed[2]
    assert (clock.alarm, clock.shown, clock.problems) == (0, None, [])


def test_after_a_kill_before_a_set_the_alarm_is_still_ours(clock, monkeypatch):
    clock.tick(NOW + 5000)
    with monkeypatch.context() as patch:
        failing(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            clock.tick(NOW + 3000)
    clock.tick(None)

    assert (clock.alarm, clock.problems) == (0, [])


def test_after_a_clear_that_failed_a_later_tick_clears_the_alarm(clock, monkeypatch):
    clock.tick(NOW + 5000)
    with monkeypatch.context() as patch:
        failing(patch, PermissionError(13, "Permission denied"))
        clock.tick(None)
    failed = clock.alarm, len(clock.problems)
    clock.tick(None)

    assert failed == (NOW + 4940, 1)
    assert (clock.alarm, clock.shown) == (0, None)


def test_an_alarm_that_another_program_has_put_in_place_of_ours_is_not_ours_any_more(clock):
    clock.tick(NOW + 5000)
    clock.file.write_text(str(NOW + 9000))
    clock.tick(NOW + 5000)
    clock.tick(None)

    assert clock.alarm == NOW + 9000
    assert len(clock.problems) == 1 and "another program has set the alarm" in clock.problems[0]
