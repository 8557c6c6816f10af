"""Our marked block in a crontab, as bytes: everything outside the markers belongs to somebody else.

Pure: no clock, file or process. `edit` is its own inverse: what it put in, it takes out to the last byte.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scheduled.errors import ConfigError, ScheduledError

BEGIN = b"# >>> scheduled >>>"
END = b"# <<< scheduled <<<"
# Said in the first marker, for the way back: cron wants a newline before our block, its user had none.
JOINED = b" (the line above had no newline)"

CADENCES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
DAILY_REPORT = "0 8 * * *"
# Debian's crontab refuses a command of 1,000 bytes and more, and with it the whole file.
LONGEST_COMMAND = 900

_HEAD = b"# Put here by `scheduled install`, which rewrites all between the two marks; `scheduled uninstall` takes it out."
_ALMOST_A_MARK = re.compile(rb"#.*(>>>scheduled|scheduled>>>|<<<scheduled|scheduled<<<)")
# What decides where the program looks for its files: set in a crontab, it holds for our entries too.
_DECIDES_PATHS = re.compile(
    rb"^[ \t]*[\"']?(HOME|XDG_CONFIG_HOME|XDG_STATE_HOME|SCHEDULED_CONFIG|SCHEDULED_STATE)[\"']?[ \t]*=",
    re.MULTILINE,
)
_RUN_ENTRY = re.compile(rb"[ \t]*(\S+)([ \t]+\*){4}[ \t].*\brun\b")


class BlockError(ScheduledError):
    """The markers of our block are damaged or doubled; nothing was changed. Exit code 1."""


@dataclass(frozen=True, kw_only=True)
class InstallPlan:
    """What the crontab is to call: *python* on *main* (scheduled/__main__.py), every *every* minutes.

    All paths are absolute. *home* is the HOME that cron will set: where *config* or *state* is not what
    the program finds from there, the command names it.
    """

    python: Path
    main: Path
    config: Path
    state: Path
    home: Path
    every: int = 5


@dataclass(frozen=True)
class _Span:
    """Where the block stands among a crontab's lines: *first* and *last* are its marks."""

    first: int
    last: int


def _kind(line: bytes) -> bytes | None:
    """Return BEGIN or END if *line* is that mark, b"" if it may once have been one, else None."""
    text = line.strip()
    if text in (BEGIN, BEGIN + JOINED):
        return BEGIN
    if text == END:
        return END
    return b"" if _ALMOST_A_MARK.match(text.lower().replace(b" ", b"")) else None


def _marks(lines: list[bytes]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines):
        if (kind := _kind(line)) is not None:
            yield number, kind


def _find(lines: list[bytes]) -> _Span | None:
    """Return where our block is, None if there is none. Raise BlockError naming the first line that is wrong."""
    marks = list(_marks(lines))
    for (number, kind), expected in zip(marks, (BEGIN, END), strict=False):
        if kind != expected:
            raise _damaged(number, "is not the mark expected here")
    if len(marks) == 1:
        raise _damaged(marks[0][0], "begins a block that does not end")
    if len(marks) > len((BEGIN, END)):
        raise _damaged(marks[2][0], "is one mark too many")
    return _Span(marks[0][0], marks[1][0]) if marks else None


def _damaged(index: int, what: str) -> BlockError:
    return BlockError(
        f"line {index + 1} of your crontab {what}: a whole block is one line `{BEGIN.decode()}`"
        f" and one line `{END.decode()}`; put that right with `crontab -e`. Nothing was changed"
    )


def edit(current: bytes, body: bytes | None) -> bytes:
    """Given a crontab, return it with *body* in our block, or without our block if *body* is None.

    A block that is there is replaced where it stands; a new one goes to the end, so that the crontab's
    own settings (MAILTO, PATH) hold for it. All else keeps every byte, and taking the block out gives
    back what there was before. Raise BlockError if the markers are damaged, doubled or nested.
    """
    lines = _lines(current)
    span = _find(lines)
    if span is None:
        return current if body is None else _append(current, body)
    before, after = b"".join(lines[: span.first]), b"".join(lines[span.last + 1 :])
    joined = JOINED in lines[span.first]
    if body is not None:
        return before + _block(body, joined=joined) + after
    # Lines that came after the block still need the newline between.
    return before[:-1] if joined and not after and before.endswith(b"\n") else before + after


def _lines(text: bytes) -> list[bytes]:
    """Split at newlines only: a carriage return ends no line for cron."""
    return re.findall(rb"[^\n]*\n|[^\n]+$", text)


def _append(current: bytes, body: bytes) -> bytes:
    joined = bool(current) and not current.endswith(b"\n")
    return current + b"\n" * joined + _block(body, joined=joined)


def _block(body: bytes, *, joined: bool) -> bytes:
    return BEGIN + JOINED * joined + b"\n" + body + END + b"\n"


def decides_paths(crontab: bytes) -> bool:
    """Given a crontab, return True if it sets a variable by which the program would find other files."""
    return _DECIDES_PATHS.search(crontab) is not None


def compose(plan: InstallPlan, *, explicit: bool = False) -> bytes:
    """Given a plan, return the lines that belong between the markers; *explicit* names both paths in any case.

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
    """Return the options for what the program would not find by itself in cron's bare environment."""
    found = {
        "--config": (plan.config, plan.home / ".config/scheduled/scheduled.toml"),
        "--state": (plan.state, plan.home / ".local/state/scheduled"),
    }
    named = {option: path for option, (path, default) in found.items() if explicit or path != default}
    return [word for option, path in named.items() for word in (option, str(path))]


def _command(plan: InstallPlan, *arguments: str) -> str:
    """Return the line for /bin/sh: isolated, and without site-packages until there is something to do."""
    words = [str(plan.python), "-I", "-S", str(plan.main), *arguments]
    for word in words:
        # Some crons take a backslash for themselves and some don't; no quoting suits both.
        if bad := set(word) & set("\0\r\n\\"):
            raise ConfigError(f"{word!r} can't stand in a crontab: it contains {min(bad)!r}")
    return shlex.join(words)


def _entry(when: str, command: str) -> bytes:
    from crontab import CronTab

    item = CronTab(tab="").new(command=command)
    item.setall(when)
    if not item.is_valid():
        raise ConfigError(f"python-crontab does not accept the entry {when} {command}")
    line = item.render().encode(errors="surrogateescape")  # escapes % by itself
    if len(line) > LONGEST_COMMAND:
        raise ConfigError(
            f"the crontab entry would be {len(line)} bytes long, cron takes {LONGEST_COMMAND}: {command}"
        )
    return bytes(line)


def installed_cadence(crontab: bytes) -> int | None:
    """Return how many minutes lie at most between two ticks of our block in *crontab*; None without a block.

    Entries that were edited by hand are read too, as far as they run every hour. Damaged markers count
    as no block: `status` must not fail for that, `install` and `uninstall` say it.
    """
    lines = _lines(crontab)
    try:
        span = _find(lines)
    except BlockError:
        return None
    body = lines[span.first + 1 : span.last] if span else []
    fields = [match[1] for line in body if (match := _RUN_ENTRY.match(line))]
    return min(filter(None, map(_widest_gap, fields)), default=None)


def _widest_gap(field: bytes) -> int | None:
    """Given an entry's minute field (`*`, `*/N`, `0,30`), return the longest wait; None if it is of another form."""
    if field == b"*":
        return 1
    if step := re.fullmatch(rb"\*/([1-9]\d*)", field):
        minutes = list(range(0, 60, int(step[1])))
    elif re.fullmatch(rb"\d+(,\d+)*", field):
        minutes = sorted({int(minute) % 60 for minute in field.split(b",")})
    else:
        return None
    return max(b - a for a, b in zip(minutes, [*minutes[1:], minutes[0] + 60], strict=True))
