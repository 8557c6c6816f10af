"""Getting our block into the user's crontab and out again, through the `crontab` command.

Read, edit, read again, write, read back: what is found to be not what it should be is never written over.
Every error leaves the crontab as it was. Exit codes: 1, or 75 if it changed meanwhile (try again), or 2
if the plan itself can't be carried out.
"""

import os
import pwd
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import scheduled
from scheduled.errors import ConfigError
from scheduled.install.block import BlockError, InstallPlan, compose, decides_paths, edit, installed_cadence
from scheduled.install.crontab_command import (
    CrontabChangedError,
    CrontabError,
    CrontabMissingError,
    CrontabRefusedError,
    read,
    user,
    write,
)
from scheduled.state import trust
from scheduled.state.files import make_directories

__all__ = [
    "BlockError",
    "CrontabChangedError",
    "CrontabError",
    "CrontabMissingError",
    "CrontabRefusedError",
    "InstallPlan",
    "InstallResult",
    "compose",
    "edit",
    "install",
    "installed_cadence",
    "plan",
    "read",
    "uninstall",
    "user",
]

BACKUPS = "backups"
KEPT_BACKUPS = 10


@dataclass(frozen=True)
class InstallResult:
    """What was done, or would be: the crontab *before* and *after*, and where the old one is kept."""

    changed: bool
    before: bytes
    after: bytes
    backup: Path | None


def plan(*, config: Path, state: Path, every: int = 5) -> InstallPlan:
    """Given where the configuration and the state are, return the plan for this very installation.

    The interpreter is not resolved: a virtual environment's python is a link, and finds its packages by
    its place. Raise ConfigError if this interpreter does not know where it is.
    """
    if not sys.executable:
        raise ConfigError("this Python does not know its own path (sys.executable is empty)")
    return InstallPlan(
        python=Path(sys.executable).absolute(),
        main=Path(scheduled.__file__).absolute().with_name("__main__.py"),
        config=config.absolute(),
        state=state.absolute(),
        home=_cron_home(),
        every=every,
    )


def _cron_home() -> Path:
    """Return the HOME that cron will set: the password file's, whatever HOME is now."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise ConfigError(
            f"user {os.getuid()} is not in the password file: cron runs nothing for it"
        ) from None


def install(plan: InstallPlan, *, dry_run: bool = False) -> InstallResult:
    """Put the block that *plan* asks for into the crontab; all other lines keep every byte.

    Changes nothing if it is there already. Raise BlockError, CrontabError or CrontabChangedError with
    the crontab as it was; ConfigError if cron could not run what the plan says.
    """
    _refuse_others_files(plan)
    before = read()
    body = compose(plan, explicit=decides_paths(before))
    return _change(before, edit(before, body), plan.state, dry_run=dry_run)


def _refuse_others_files(plan: InstallPlan) -> None:
    """Cron runs as the crontab's owner: raise ConfigError if that is not who the files belong to."""
    for path in (plan.config, plan.state):
        try:
            owner = path.stat().st_uid
        except OSError:
            continue
        if owner not in {os.getuid(), 0}:
            name = trust.name_of(owner)
            raise ConfigError(f"{path} belongs to {name}, this would be {user()}'s crontab: run it as {name}")


def uninstall(*, state: Path, dry_run: bool = False) -> InstallResult:
    """Take the block out, leaving what there was before it came; errors are those of `install`."""
    before = read()
    after = edit(before, None)
    if _unfinished(after):
        after += b"\n"  # such a last line is refused by cron: it has been changed since we came
    return _change(before, after, state, dry_run=dry_run)


def _unfinished(crontab: bytes) -> bool:
    """Return True if the last line needs a newline; Debian's cron asks for none after blanks or a comment."""
    last = crontab.rpartition(b"\n")[2].strip()
    return bool(last) and not last.startswith(b"#")


def _change(before: bytes, after: bytes, state: Path, *, dry_run: bool) -> InstallResult:
    if after == before or dry_run:
        return InstallResult(after != before, before, after, None)
    backup = _keep(before, state) if before else None
    if read() != before:
        raise CrontabChangedError(
            "your crontab was changed by somebody else meanwhile; nothing was done, try again"
        )
    write(after)
    if (found := read()) != after:
        _put_back(before, found, state)
    return InstallResult(changed=True, before=before, after=after, backup=backup)


def _put_back(before: bytes, found: bytes, state: Path) -> None:
    """Undo a write that did not arrive as meant. What is there instead may be another's work: keep it too."""
    kept = _keep(found, state)
    write(before)
    raise CrontabChangedError(
        f"your crontab did not read back as it was written: the old one is back, what was found is kept in {kept}"
    )


def _keep(crontab: bytes, state: Path) -> Path:
    """Keep *crontab* as a file in the state directory, readable by the user alone; the oldest ones go."""
    directory = state / BACKUPS
    try:
        make_directories(directory)
        path = directory / f"crontab-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(crontab)
            file.flush()
            os.fsync(descriptor)
        for old in sorted(directory.glob("crontab-*"))[:-KEPT_BACKUPS]:
            old.unlink()
    except OSError as error:
        raise CrontabError(
            f"the old crontab can't be kept in {directory}, so nothing was done: {error}"
        ) from error
    return path
