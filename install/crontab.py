"""Install the block of `scheduled` in the user's crontab, and uninstall it, with the `crontab` command.

A change is: read, edit, read again, write, read back. A crontab that another process changed in between is not
overwritten. Every error leaves the crontab as it was. Exit codes of the errors: 1; 75 if the crontab was changed in
between (retry); 2 if the plan is not possible.
"""

import os
import pwd
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import scheduled
from scheduled.errors import ConfigError
from scheduled.install.block import InstallPlan, compose, decides_paths, edit, installed_cadence
from scheduled.install.block_lines import BlockError
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
    "install_plan",
    "installed_cadence",
    "read",
    "uninstall",
    "user",
]

BACKUPS = "backups"
KEPT_BACKUPS = 10


@dataclass(frozen=True)
class InstallResult:
    """A change, or a dry run of it: the crontab *before* and *after*, and the path of the backup."""

    changed: bool
    before: bytes
    after: bytes
    backup: Path | None


def install_plan(*, config: Path, state: Path, every: int = 5) -> InstallPlan:
    """Return the plan for the running installation with the given paths.

    The path of the interpreter is not resolved: the python of a virtual environment is a symlink, and its own path
    decides where its packages are. Raise ConfigError if that path is unknown.
    """
    if not sys.executable:
        raise ConfigError("sys.executable is empty: run scheduled with the full path of Python")
    return InstallPlan(
        python=Path(sys.executable).absolute(),
        main=Path(scheduled.__file__).absolute().with_name("__main__.py"),
        config=config.absolute(),
        state=state.absolute(),
        home=_cron_home(),
        every=every,
    )


def _cron_home() -> Path:
    """Return the HOME that cron sets: the one in the password file, independent of the present HOME."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise ConfigError(
            f"user {os.getuid()} has no entry in the password file, so cron runs nothing for this user; add one"
        ) from None


def install(plan: InstallPlan, *, dry_run: bool = False) -> InstallResult:
    """Write the block of *plan* into the crontab and keep all other bytes. Do nothing if it is already there.

    Raise BlockError, CrontabError or CrontabChangedError, with the crontab as it was; raise ConfigError if cron could
    not run the commands of the plan.
    """
    _refuse_files_of_other_users(plan)
    before = read()
    body = compose(plan, explicit=decides_paths(before))
    return _change(before, edit(before, body), plan.state, dry_run=dry_run)


def _refuse_files_of_other_users(plan: InstallPlan) -> None:
    """Raise ConfigError if the owner of the crontab, as which cron runs, does not own the files of *plan*."""
    for path in (plan.config, plan.state):
        try:
            owner = path.stat().st_uid
        except OSError:
            continue
        if owner not in {os.getuid(), 0}:
            name = trust.name_of(owner)
            raise ConfigError(
                f"{path}: belongs to {name}, but this would change the crontab of {user()}; run it as {name}"
            )


def uninstall(*, state: Path, dry_run: bool = False) -> InstallResult:
    """Remove the block and restore the former crontab. Raise the errors of `install`."""
    before = read()
    after = edit(before, None)
    if _unfinished(after):
        after += b"\n"  # the last line was changed since the installation, and cron would reject it
    return _change(before, after, state, dry_run=dry_run)


def _unfinished(crontab: bytes) -> bool:
    """Return whether the last line needs a newline. Debian's cron does not require it after blanks or a comment."""
    last = crontab.rpartition(b"\n")[2].strip()
    return bool(last) and not last.startswith(b"#")


def _change(before: bytes, after: bytes, state: Path, *, dry_run: bool) -> InstallResult:
    if after == before or dry_run:
        return InstallResult(after != before, before, after, None)
    backup = _back_up(before, state) if before else None
    if read() != before:
        raise CrontabChangedError(
            "your crontab was changed by another process; nothing was changed, repeat the command"
        )
    write(after, before)
    if (found := read()) != after:
        _restore(before, found, state)
    return InstallResult(changed=True, before=before, after=after, backup=backup)


def _restore(before: bytes, found: bytes, state: Path) -> None:
    """Restore *before* after a write that read back as *found*, which may be a change by another process."""
    backup = _back_up(found, state)
    write(before)
    raise CrontabChangedError(
        "after the write, `crontab -l` printed something else, so the old crontab was restored; "
        f"repeat the command. The printed text is in {backup}"
    )


def _back_up(crontab: bytes, state: Path) -> Path:
    """Save *crontab* in the backups of the state directory, for the user only, and delete the oldest backups."""
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
            f"{directory}: the old crontab can't be kept there, so nothing was changed: {error}"
        ) from error
    return path
