"""Why cron starts no ticks, as far as that can be seen: in the crontab that `install` wrote, and among the processes.

Pure but for the file system; the caller reads the crontab.
"""

import os
import re
import shlex

from scheduled.install.block_lines import BlockError, find, lines_of

# The names of the daemons; `cron` is that of Debian and systemd, `crond` that of cronie, busybox and dcron.
DAEMONS = frozenset({"cron", "crond", "fcron", "bcron-sched", "bcron-start"})
# systemd-cron has no daemon: timers of systemd take its place.
NO_DAEMON = ("/usr/lib/systemd/system/cron.target", "/lib/systemd/system/cron.target")
_ENTRY = re.compile(rb"[ \t]*(?:@\w+|(?:\S+[ \t]+){4}\S+)[ \t]+(.*)")
GONE = (
    "the crontab has no block of `scheduled` any more, so that cron starts no tick "
    "(`scheduled install` writes it again; `scheduled uninstall` if something else starts the ticks)"
)
NO_CRON = "no cron runs on this machine, so that it starts no tick; start it, for example with `sudo systemctl start cron`"


def of_crontab(crontab: bytes) -> dict[str, str]:
    """Return what is wrong with the block in *crontab*, by the key of the trouble."""
    lines = lines_of(crontab)
    try:
        span = find(lines)
    except BlockError as error:
        return {"cron:block": str(error)}
    if span is None:
        return {"cron:block": GONE}
    missing = _missing(lines[span.first + 1 : span.last])
    return {"cron:program": missing} if missing else {}


def _missing(block: list[bytes]) -> str:
    """Return a text about the first program of the entries in *block* that does not exist, or can't be executed; or ''."""
    for line in block:
        match = _ENTRY.fullmatch(line.rstrip(b"\n"))
        try:
            words = shlex.split(os.fsdecode(match[1]).replace("\\%", "%")) if match else []
        except ValueError:
            continue  # a user has edited the line
        paths = [word for word in words[:4] if word.startswith("/")]
        for number, path in enumerate(paths):
            if not os.path.isfile(path) or (number == 0 and not os.access(path, os.X_OK)):
                return (
                    f"the crontab starts {path}, which does not exist any more or can't be executed, so that no tick comes "
                    "(`scheduled install` with the program that you use now repairs the crontab)"
                )
    return ""


def is_cron_missing(proc: str = "/proc") -> bool:
    """Return whether no cron runs, as far as the processes in *proc* show; False if they can't be seen."""
    if any(map(os.path.exists, NO_DAEMON)) or not os.access(f"{proc}/1/stat", os.R_OK):
        return False
    return not any(_name(f"{proc}/{pid}/comm") in DAEMONS for pid in os.listdir(proc) if pid.isdigit())


def _name(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
