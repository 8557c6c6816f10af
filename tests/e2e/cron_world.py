"""A real Debian cron under a fake clock, sealed off in namespaces of its own.

A world is a directory: a home, a user crontab, a mailbox and a control log. `run` lets cron live in it from
one fake instant to another and then cuts the power: every process in the world is killed at once, as an
outage does. What is on the world's disk stays for the next `run`. Nothing of the machine's own crontab,
home, spool or /run is seen or touched.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

NEEDED = ("cron", "crontab", "faketime", "unshare", "mount")

# $0 is the world's directory. Beside it (and /tmp, which cron uses) nothing of the machine can be written here;
# all tables that cron and its jobs read are the world's own. The machine's /etc/crontab is out too: its daily
# jobs would really run.
SEAL = r"""
set -eu
around=$(dirname "$0")
mount --bind /tmp /tmp
mount --bind "$around" "$around"
mount -o remount,bind,ro /
cd "$0"
sed "s#^\(root:[^:]*:[^:]*:[^:]*:[^:]*\):[^:]*:#\1:$0/home:#" /etc/passwd > passwd
mount --bind passwd /etc/passwd
mount --bind environment /etc/environment
mount --bind system-crontab /etc/crontab
for directory in /etc/cron.d /run /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs "$directory"; done
chmod 755 /etc/cron.d /run
chown root:crontab crontabs
chmod 1730 crontabs
mount --bind crontabs /var/spool/cron/crontabs
mount --bind /usr/sbin sbin
mount -t tmpfs -o mode=755 tmpfs /usr/sbin
ln -s "$0"/sbin/* /usr/sbin/
rm -f /usr/sbin/sendmail
printf '#!/bin/sh\ncat > "%s/mail/$(date +%%s%%N)-$$"\n' "$0" > /usr/sbin/sendmail
chmod 755 /usr/sbin/sendmail
printf '* * * * * root date +\\%%s >> "%s/control"\n' "$0" > /etc/cron.d/control
chmod 644 /etc/cron.d/control
cd home
exec "$@"
"""

# Cron starts its jobs with an empty environment; what PAM reads from /etc/environment is the way in for
# the clock. FAKETIME_DONT_RESET: every process goes on from the one start, not from its own.
# A machine that comes back after an outage has another boot id.
POWER_ON = r"""
cat /proc/sys/kernel/random/uuid > "$0/boot_id"
mount --bind "$0/boot_id" /proc/sys/kernel/random/boot_id
env | grep -E '^(LD_PRELOAD|FAKETIME[A-Z_]*|NO_FAKE_STAT|TZ)=' | sed 's/=\(.*\)/="\1"/' > /etc/environment
exec cron -f
"""


@cache
def missing() -> str:
    """Return what keeps a world from being made here, or nothing."""
    if os.geteuid() != 0:
        return "NOT RUN: a sealed cron needs root"
    if absent := [tool for tool in NEEDED if shutil.which(tool) is None]:
        return f"NOT RUN: missing {', '.join(absent)} (apt-get install cron faketime)"
    sealed = subprocess.run(
        ["unshare", "-m", "-p", "--fork", "mount", "-t", "tmpfs", "t", "/run"], check=False
    )
    return "NOT RUN: no namespaces can be made here (a container?)" if sealed.returncode else ""


@dataclass
class CronWorld:
    """One machine with a cron, in *directory*, whose clock shows the time of *zone*.

    Choose instants after the real now: files get their times from the real clock (libfaketime fakes none
    of those), and a program may distrust a file from its own future.
    """

    directory: Path
    zone: str

    def __post_init__(self):
        for name in ("home", "mail", "crontabs", "sbin"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        for name in ("environment", "system-crontab"):
            (self.directory / name).touch()

    @property
    def home(self) -> Path:
        """Root's home in this world: what HOME is for cron's jobs."""
        return self.directory / "home"

    @property
    def crontab(self) -> Path:
        """The file that cron reads as root's crontab."""
        return self.directory / "crontabs" / "root"

    @property
    def mails(self) -> list[str]:
        """What cron had to mail, oldest first."""
        return [path.read_text() for path in sorted((self.directory / "mail").iterdir())]

    @property
    def minutes(self) -> list[datetime]:
        """The minutes of which a control line in /etc/cron.d says that cron was there."""
        try:
            stamps = (self.directory / "control").read_text().split()
        except FileNotFoundError:
            return []
        return [datetime.fromtimestamp(int(stamp) // 60 * 60, ZoneInfo(self.zone)) for stamp in stamps]

    def sh(self, *command, at: datetime | None = None, **options) -> subprocess.CompletedProcess[str]:
        """Run *command* in this world, at the fake instant *at* if one is given; no cron runs meanwhile."""
        clock = ["faketime", "-f", self._clock(at)] if at else []
        command = self._seal(["-m"], [*clock, *map(str, command)])
        return subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, check=False, **options
        )

    def run(
        self, crontab: str | None, start: datetime, fake_minutes: int, speed: int = 600
    ) -> list[datetime]:
        """Given root's *crontab* (None: as it is), run cron from *start* for *fake_minutes*, then cut the power.

        Return the minutes that the control line saw. Raise TimeoutError if the fake clock does not arrive.
        """
        if crontab is not None:
            self.crontab.write_text(crontab)
            self.crontab.chmod(0o600)
        seen = len(self.minutes)
        power = self._power_on(start, speed)
        try:
            self._wait(power, start + timedelta(minutes=fake_minutes), 60 * fake_minutes / speed)
        finally:
            self._power_off(power)
        return self.minutes[seen:]

    def _power_on(self, start: datetime, speed: int) -> subprocess.Popen[bytes]:
        namespaces = ["-m", "-p", "--fork", "--mount-proc", "--kill-child"]
        command = [
            "faketime",
            "-f",
            f"{self._clock(start)} x{speed}",
            "sh",
            "-euc",
            POWER_ON,
            str(self.directory),
        ]
        with (self.directory / "cron.log").open("ab") as log:
            return subprocess.Popen(
                self._seal(namespaces, command),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait(self, power: subprocess.Popen[bytes], until: datetime, seconds: float) -> None:
        deadline = (
            time.monotonic() + 2 * seconds + 30
        )  # a machine under load is late; half a minute to start up
        while not self.minutes or self.minutes[-1] < until:
            if power.poll() is not None or time.monotonic() > deadline:
                log = (self.directory / "cron.log").read_text()
                raise TimeoutError(f"the fake clock did not reach {until}: {self.minutes[-1:]} {log}")
            time.sleep(0.01)

    @staticmethod
    def _power_off(power: subprocess.Popen[bytes]) -> None:
        """Kill the world's first process: the kernel kills the others before that one can be reaped."""
        children = Path(f"/proc/{power.pid}/task/{power.pid}/children")
        while power.poll() is None:
            for pid in children.read_text().split():
                os.kill(int(pid), 9)
            try:
                power.wait(0.2)
            except subprocess.TimeoutExpired:
                continue

    def _clock(self, instant: datetime) -> str:
        return f"@{instant.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M:%S}"

    def _seal(self, namespaces: list[str], command: list[str]) -> list[str]:
        return ["unshare", *namespaces, "sh", "-c", SEAL, str(self.directory), *command]

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "TZ": self.zone,
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_RESET": "1",
        }


def every_minute(start: datetime, count: int) -> list[datetime]:
    """Return *count* minutes after *start*, in *start*'s zone, by the real length of an hour."""
    first = start.astimezone(UTC)
    return [(first + timedelta(minutes=n)).astimezone(start.tzinfo) for n in range(1, count + 1)]
