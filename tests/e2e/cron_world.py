"""A real Debian cron under a fake clock, isolated in separate namespaces.

A world is a directory with a home, a user crontab, a mailbox and a control log. `run` executes cron in it from one
fake instant to another and then kills every process of the world at once, as a power failure does. Files in the world
remain for the next `run`. The crontab, home, spool and /run of the machine itself are neither read nor changed.
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

from tests.fixtures.faked_clock import completed

NEEDED = ("cron", "crontab", "faketime", "unshare", "mount")

# $0 is the directory of the world. Apart from it and /tmp, which cron uses, the file system is read-only. All tables
# that cron reads are replaced by those of the world, /etc/crontab too: the daily jobs of the machine would really run.
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
[ ! -e /etc/default/locale ] || mount --bind locale /etc/default/locale
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

# Cron starts its jobs with an empty environment. PAM adds the variables in /etc/environment, so the fake clock is
# configured there. With FAKETIME_DONT_RESET the clock of a process continues from the common start, not from its own.
# A machine has a new boot id after an outage.
POWER_ON = r"""
cat /proc/sys/kernel/random/uuid > "$0/boot_id"
mount --bind "$0/boot_id" /proc/sys/kernel/random/boot_id
env | grep -E '^(LD_PRELOAD|FAKETIME[A-Z_]*|NO_FAKE_STAT|TZ)=' | sed 's/=\(.*\)/="\1"/' > /etc/environment
exec cron -f
"""


@cache
def missing() -> str:
    """Return the reason why this machine cannot create a world; an empty text if it can."""
    if os.geteuid() != 0:
        return "NOT RUN: an isolated cron needs root"
    if absent := [tool for tool in NEEDED if shutil.which(tool) is None]:
        return f"NOT RUN: missing {', '.join(absent)} (apt-get install cron faketime)"
    sealed = subprocess.run(
        ["unshare", "-m", "-p", "--fork", "mount", "-t", "tmpfs", "t", "/run"], check=False
    )
    return "NOT RUN: namespaces cannot be created (in a container?)" if sealed.returncode else ""


@dataclass
class CronWorld:
    """One machine with a cron, in *directory*, with a clock in *zone*.

    Choose instants after the real time: libfaketime does not fake the times of files, and a program may reject a file
    from its future.
    """

    directory: Path
    zone: str

    def __post_init__(self):
        for name in ("home", "mail", "crontabs", "sbin"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        for name in ("environment", "system-crontab", "locale"):
            (self.directory / name).touch()

    @property
    def home(self) -> Path:
        """The home directory of root in this world, which is HOME for the jobs of cron."""
        return self.directory / "home"

    @property
    def crontab(self) -> Path:
        """The file that cron reads as the crontab of root."""
        return self.directory / "crontabs" / "root"

    @property
    def mails(self) -> list[str]:
        """The mails that cron sent, oldest first."""
        return [path.read_text() for path in sorted((self.directory / "mail").iterdir())]

    @property
    def minutes(self) -> list[datetime]:
        """The minutes in which cron executed a control line in /etc/cron.d."""
        try:
            stamps = (self.directory / "control").read_text().split()
        except FileNotFoundError:
            return []
        return [datetime.fromtimestamp(int(stamp) // 60 * 60, ZoneInfo(self.zone)) for stamp in stamps]

    def sh(self, *command, at: datetime | None = None, **options) -> subprocess.CompletedProcess[str]:
        """Run *command* in this world without cron, at the fake instant *at* if one is given."""
        clock = ["faketime", "-f", self._clock(at)] if at else []
        command = self._seal(["-m"], [*clock, *map(str, command)])
        return completed(command, env=self._environment(), **options)

    def run(
        self, crontab: str | None, start: datetime, fake_minutes: int, speed: int = 600
    ) -> list[datetime]:
        """Run cron from *start* for *fake_minutes*, with a new *crontab* of root unless it is None, then kill it.

        Return the minutes in which the control line was executed. Raise TimeoutError if the fake clock is too slow.
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
        )  # tolerance for a machine under load, and half a minute for the start
        while not self.minutes or self.minutes[-1] < until:
            if power.poll() is not None or time.monotonic() > deadline:
                log = (self.directory / "cron.log").read_text()
                raise TimeoutError(f"the fake clock did not reach {until}: {self.minutes[-1:]} {log}")
            time.sleep(0.01)

    @staticmethod
    def _power_off(power: subprocess.Popen[bytes]) -> None:
        """Kill the first process of the world: the kernel then kills all others before that one is reaped."""
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
    """Return the *count* minutes after *start*, in the zone of *start*, counted in elapsed time."""
    first = start.astimezone(UTC)
    return [(first + timedelta(minutes=n)).astimezone(start.tzinfo) for n in range(1, count + 1)]
