"""The alarm of the real-time clock, with files that behave like those of the kernel."""

import errno
import os

import pytest

from scheduled.engine import rtc
from scheduled.errors import ScheduledError

NOW = 1_800_000_000


class Kernel:
    """A directory like /sys/class/rtc with a clock that is *ahead* of the system's, as `rtc_sysfs_set_wakealarm` treats it."""

    def __init__(self, root, ahead=0):
        self.clock, self.ahead, self.written = root / "rtc0", ahead, []
        self.clock.mkdir()
        (self.clock / "wakealarm").write_text("")
        (self.clock / "since_epoch").write_text(f"{NOW + ahead}\n")

    def write(self, path, text):
        value = int(text)
        if value and self.alarm():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if value and value <= NOW + self.ahead:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.written.append(value)
        path.write_text(f"{value}\n" if value else "")

    def alarm(self):
        return int((self.clock / "wakealarm").read_text() or 0)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    def make(ahead=0):
        found = Kernel(tmp_path, ahead)
        monkeypatch.setenv(rtc.OF_TESTS, str(tmp_path))
        monkeypatch.setattr(rtc, "write", found.write)
        return found

    return make


@pytest.mark.parametrize("ahead", [0, 1, 7200, -3600])
def test_an_alarm_is_set_replaced_and_cleared_also_if_the_clock_has_local_time(kernel, ahead):
    fake, clock = kernel(ahead), rtc.Rtc("")

    clock.set(NOW + 600, NOW)
    first = fake.alarm(), clock.alarm(NOW)
    clock.set(NOW + 300, NOW)
    second = fake.alarm(), clock.alarm(NOW)
    clock.clear()

    offset = 0 if ahead == 1 else ahead  # a second is rounding
    assert (first, second) == (
        (NOW + 600 + offset, NOW + 600),
        (NOW + 300 + offset, NOW + 300),
    )
    assert (fake.alarm(), clock.alarm(NOW)) == (0, None)


def test_an_alarm_in_the_past_is_an_error(kernel):
    kernel()

    with pytest.raises(ScheduledError, match="wakealarm: Invalid argument; "):
        rtc.Rtc("").set(NOW - 1, NOW)


def test_a_machine_without_a_clock_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(rtc.OF_TESTS, str(tmp_path))

    with pytest.raises(ScheduledError, match="wake: this machine has no real-time clock with an alarm; see "):
        rtc.Rtc("").set(NOW + 60, NOW)
    assert rtc.Rtc("").alarm(NOW) is None


def test_without_the_right_to_write_the_message_has_what_to_do(kernel, monkeypatch):
    kernel()

    def refuse(path, text):  # noqa: ARG001
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(rtc, "write", refuse)
    with pytest.raises(
        ScheduledError,
        match=r"rtc0/wakealarm: Permission denied; let this user write it, or set `\[wake\] command`",
    ):
        rtc.Rtc("").set(NOW + 60, NOW)


@pytest.mark.parametrize(
    ("file", "command", "expected"),
    [
        (True, "", []),
        (True, "true", []),
        (False, "", ["wake: this machine has no real-time clock with an alarm; "]),
        (
            True,
            "no-such-program -x",
            ["wake.command: no-such-program: not found in /usr/bin:/bin; write its path, or install it; "],
        ),
        (True, "a 'b", ["wake.command: a 'b: No closing quotation; correct the quotes"]),
        (True, "  ", ["wake.command: '  ': has no word; write a command; "]),
    ],
)
def test_the_warning_of_check_about_the_right_to_set_the_alarm(kernel, file, command, expected):
    found = kernel()
    if not file:
        (found.clock / "wakealarm").unlink()

    doubts = list(rtc.Rtc(command).doubts("/usr/bin:/bin"))

    assert [doubt.removesuffix(rtc.ADVICE) for doubt in doubts] == expected


def test_check_names_a_file_that_this_user_may_not_write(kernel, monkeypatch):
    kernel()
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)

    [doubt] = rtc.Rtc("").doubts("/usr/bin:/bin")

    assert "wakealarm: Permission denied; let this user write it, or set `[wake] command`; " in doubt
    assert list(rtc.Rtc("true").doubts("/usr/bin:/bin")) == []
