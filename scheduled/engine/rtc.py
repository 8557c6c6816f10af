"""The alarm of the real-time clock: read it, set it and clear it, by the files of the kernel or by a command."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from scheduled.errors import ScheduledError
from scheduled.schedules.zones import Instant

CLASS = "/sys/class/rtc"
OF_TESTS = "SCHEDULED_RTC_CLASS"  # the variable with another directory
LIMIT = 10.0  # seconds for the command
SLACK = 2  # seconds of rounding between two clocks
ADVICE = "see `Waking the machine` in docs/schedules.md"

NO_CLOCK = f"wake: this machine has no real-time clock with an alarm; {ADVICE}"


def _refused(file: Path, reason: str | None) -> str:
    return f"wake: {file}: {reason}; let this user write it, or set `[wake] command`; {ADVICE}"


def _words(command: str) -> list[str]:
    """Return the words of *command*. Raise ScheduledError if a quote is not closed, or there is no word."""
    import shlex

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ScheduledError(f"wake.command: {command}: {error}; correct the quotes") from None
    if not words:
        raise ScheduledError(f"wake.command: {command!r}: has no word; write a command; {ADVICE}")
    return words


def write(path: Path, text: str) -> None:
    """Write *text* to a file of the kernel, in one call. Raise OSError."""
    with path.open("wb", buffering=0) as file:
        file.write(text.encode())


class Rtc:
    """The clock in a directory like /sys/class/rtc, with the *command* that sets its alarm if this user may not write it.

    All instants are in UTC seconds of the system's clock, also if the clock runs in local time.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        clocks = sorted(Path(os.environ.get(OF_TESTS) or CLASS).glob("rtc*/wakealarm"))
        self._file = clocks[0] if clocks else None

    def alarm(self, now: float) -> Instant | None:
        """Return the instant of the alarm that is set; None if there is none, or it can't be read."""
        try:
            text = self._file.read_text().strip() if self._file is not None else ""
            return int(text) - self._ahead(now) if text.strip("0") else None
        except (OSError, ValueError):
            return None

    def set(self, at: Instant, now: float) -> None:
        """Set the alarm. Raise ScheduledError, with what to do, if it can't be set."""
        self._write(str(at + self._ahead(now)), ["-m", "no", "-t", str(at)])

    def clear(self) -> None:
        """Clear the alarm. Raise ScheduledError, with what to do, if it can't be cleared."""
        self._write("0", ["-m", "disable"])

    def doubts(self, path: str) -> Iterator[str]:
        """Yield why the alarm can't be set as it is now. *path* is the PATH in which the command is searched."""
        import shutil

        if self._file is None:
            yield NO_CLOCK
        elif not self._command and not os.access(self._file, os.W_OK):
            yield _refused(self._file, "Permission denied")
        if not self._command:
            return
        try:
            words = _words(self._command)
        except ScheduledError as error:
            yield str(error)
            return
        if shutil.which(words[0], path=path) is None:
            yield f"wake.command: {words[0]}: not found in {path}; write its path, or install it; {ADVICE}"

    def _ahead(self, now: float) -> int:
        """Return by how many seconds the clock is ahead of the system's: it may run in local time."""
        if self._file is None:
            return 0
        try:
            found = round(int((self._file.parent / "since_epoch").read_text()) - now)
        except (OSError, ValueError):
            return 0
        return 0 if abs(found) <= SLACK else found

    def _write(self, text: str, options: list[str]) -> None:
        if self._file is None:
            raise ScheduledError(NO_CLOCK)
        try:
            # The kernel refuses to replace an alarm: it has to be cleared first.
            for value in dict.fromkeys(("0", text)):
                write(self._file, value)
        except OSError as error:
            if not self._command:
                raise ScheduledError(_refused(self._file, error.strerror)) from None
            self._execute(options)

    def _execute(self, options: list[str]) -> None:
        import shlex

        words = [*_words(self._command), *options]
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LIMIT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = getattr(error, "strerror", None) or f"no answer within {LIMIT:.0f} s"
            raise ScheduledError(f"wake: {shlex.join(words)}: {reason}; {ADVICE}") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise ScheduledError(f"wake: {shlex.join(words)}: {lines[-1]}; {ADVICE}")
