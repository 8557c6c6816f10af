"""Insert, replace and remove the block of `scheduled` in the bytes of a crontab. Everything else is kept.

Pure: no clock, file or process. The block is the lines between two markers. Removal restores the crontab from before
the insertion, byte for byte.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from scheduled.errors import ConfigError
from scheduled.install.block_lines import BEGIN, END, JOINED, RUN_ENTRY, BlockError, find, lines_of

CADENCES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
DAILY_REPORT = "0 8 * * *"
# The crontab command of Debian rejects the whole file if a command has 1,000 bytes or more.
LONGEST_COMMAND = 900

_HEAD = b"# Written by `scheduled install`, which replaces all lines between the markers; `scheduled uninstall` removes them."
# Variables that change the paths of the program's files. If a crontab sets one, it also applies to the block.
_DECIDES_PATHS = re.compile(
    rb"^[ \t]*[\"']?(HOME|XDG_CONFIG_HOME|XDG_STATE_HOME|SCHEDULED_CONFIG|SCHEDULED_STATE)[\"']?[ \t]*=",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class InstallPlan:
    """What the crontab runs: *python* with the script *main* (scheduled/__main__.py), every *every* minutes.

    All paths are absolute. *home* is the HOME that cron sets. If *config* or *state* is not the default path in that
    home, the command names it.
    """

    python: Path
    main: Path
    config: Path
    state: Path
    home: Path
    every: int = 5


def edit(current: bytes, body: bytes | None) -> bytes:
    """Return the crontab *current* with *body* as the content of the block, or without the block if *body* is None.

    An existing block is replaced in its position. A new block is appended, so that the variables of the crontab
    (MAILTO, PATH) apply to it. All other bytes are kept, and removal restores the former crontab. Raise BlockError if
    the markers are damaged, duplicated or nested.
    """
    lines = lines_of(current)
    span = find(lines)
    if span is None:
        return current if body is None else _append(current, body)
    before, after = b"".join(lines[: span.first]), b"".join(lines[span.last + 1 :])
    joined = JOINED in lines[span.first]
    if body is not None:
        return before + _block(body, joined=joined) + after
    # Lines that were added after the block still need the newline before them.
    return before[:-1] if joined and not after and before.endswith(b"\n") else before + after


def _append(current: bytes, body: bytes) -> bytes:
    joined = bool(current) and not current.endswith(b"\n")
    return current + b"\n" * joined + _block(body, joined=joined)


def _block(body: bytes, *, joined: bool) -> bytes:
    return BEGIN + JOINED * joined + b"\n" + body + END + b"\n"


def decides_paths(crontab: bytes) -> bool:
    """Return whether *crontab* sets a variable that changes the paths of the program's files."""
    return _DECIDES_PATHS.search(crontab) is not None


def compose(plan: InstallPlan, *, explicit: bool = False) -> bytes:
    """Return the lines between the markers for *plan*. With *explicit*, the commands always name both paths.

    Raise ConfigError if cron could not run them.
    """
    if plan.every not in CADENCES:
        raise ConfigError(f"--every {plan.every}: choose one of {', '.join(map(str, CADENCES))} minutes")
    minutes = "*" if plan.every == 1 else f"*/{plan.every}"
    paths = _paths(plan, explicit=explicit)
    entries = (
        _entry(f"{minutes} * * * *", _command(plan, "run", *paths)),
        _entry(DAILY_REPORT, _command(plan, "daily-report", "--due", *paths)),
        _entry("@reboot", _command(plan, "run", *paths)),
    )
    return b"\n".join((_HEAD, *entries, b""))


def _paths(plan: InstallPlan, *, explicit: bool) -> list[str]:
    """Return the options for the paths that are not the defaults in the environment of cron."""
    found = {
        "--config": (plan.config, plan.home / ".config/scheduled/scheduled.toml"),
        "--state": (plan.state, plan.home / ".local/state/scheduled"),
    }
    named = {option: path for option, (path, default) in found.items() if explicit or path != default}
    return [word for option, path in named.items() for word in (option, str(path))]


def _command(plan: InstallPlan, *arguments: str) -> str:
    """Return the command for /bin/sh: Python in isolated mode and, for fast idle ticks, without site-packages."""
    words = [str(plan.python), "-I", "-S", str(plan.main), *arguments]
    for word in words:
        # Some cron implementations interpret a backslash and others do not; no quoting works with both.
        if bad := set(word) & set("\0\r\n\\"):
            raise ConfigError(
                f"{word!r}: can't be written in a crontab: it contains {min(bad)!r}; use another path"
            )
    return shlex.join(words)


def _entry(when: str, command: str) -> bytes:
    from crontab import CronTab

    item = CronTab(tab="").new(command=command)
    item.setall(when)
    if not item.is_valid():
        raise ConfigError(f"crontab entry: python-crontab rejects it: {when} {command}")
    line = item.render().encode(errors="surrogateescape")  # python-crontab escapes %
    if len(line) > LONGEST_COMMAND:
        raise ConfigError(
            f"crontab entry: is {len(line)} bytes long, but cron accepts {LONGEST_COMMAND}; use shorter paths: {command}"
        )
    return bytes(line)


def installed_cadence(crontab: bytes) -> int | None:
    """Return the longest interval, in minutes, between two ticks of the block in *crontab*; None without a block.

    Entries that the user edited are supported if they run every hour. With damaged markers, return None: only
    `install` and `uninstall` report them, and `status` must not fail because of them.
    """
    lines = lines_of(crontab)
    try:
        span = find(lines)
    except BlockError:
        return None
    body = lines[span.first + 1 : span.last] if span else []
    fields = [match[1] for line in body if (match := RUN_ENTRY.match(line))]
    return min(filter(None, map(_widest_gap, fields)), default=None)


def _widest_gap(field: bytes) -> int | None:
    """Return the longest interval, in minutes, of a minute field (`*`, `*/N`, `0,30`); None for another form."""
    if field == b"*":
        return 1
    if step := re.fullmatch(rb"\*/([1-9]\d*)", field):
        minutes = list(range(0, 60, int(step[1])))
    elif re.fullmatch(rb"\d+(,\d+)*", field):
        minutes = sorted({int(minute) % 60 for minute in field.split(b",")})
    else:
        return None
    return max(b - a for a, b in zip(minutes, [*minutes[1:], minutes[0] + 60], strict=True))
