"""An edit of a configuration file: it is written only if the whole configuration has no new problem with it."""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from scheduled import clock
from scheduled.config import check as checks
from scheduled.config import parsed_file, redaction
from scheduled.config.concerned import concerned
from scheduled.config.config import Config
from scheduled.config.kept_zone import kept_in
from scheduled.core.keys import shortened
from scheduled.errors import ConfigError, StateError
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.files import RefusedError, make_directories, read_regular, write_atomically
from scheduled.state.ledger import Ledger
from scheduled.state.locks import exclusive
from scheduled.state.open import read_only

PRIVATE = 0o600
NO_MESSAGES: dict[str, list[str]] = {"problems": [], "warnings": []}
LONGEST_STEM = 225  # bytes; with the time and `.toml` the 255 that a file name may have


class Edit(msgspec.Struct, frozen=True):
    """A change of the file *path*: its content *before* and *after*; None means that it does not exist."""

    path: Path
    before: bytes | None
    after: bytes | None

    def jobs(self) -> set[str]:
        """Return the names of the jobs that the file defines before or after the change."""
        return {name for content in (self.before, self.after) for name in _names(content or b"")}

    def diff(self, *, comments: bool = True) -> str:
        """Return the change as a unified diff with secrets masked, and without the texts of *comments* if that is False."""
        return redaction.diff(self.path, self.before, self.after, comments=comments)


def _names(content: bytes) -> list[str]:
    try:
        jobs = tomllib.loads(content.decode()).get("jobs")
    except (ValueError, RecursionError):
        return []
    return list(jobs) if isinstance(jobs, dict) else []


def new_messages(config_file: Path, paths: Paths, edit: Edit) -> tuple[list[str], list[str]]:
    """Return the problems and the warnings that *edit* would add to the configuration, with their lines."""
    drafts = {edit.path: edit.after}
    with read_only(paths) as ledger:
        load = partial(parsed_file.load, paths, config_file, partial(kept_in, ledger))
        before = _unless_refused(load)
        try:
            after = load(drafts)
        except ConfigError as error:
            return [str(error)], []
        names = _concerned(config_file, before, after, edit, ledger)
        old = NO_MESSAGES if before is None else checks.of_config(before, ledger, names=names)
        new = checks.of_config(after, ledger, names=names)
    added = {key: _added(old[key], new[key]) for key in NO_MESSAGES}
    located = checks.with_lines(added, drafts)
    return located["problems"], located["warnings"]


def _unless_refused(load: Callable[[], Config]) -> Config | None:
    """Return what *load* returns; None if the configuration can't be read: an edit may repair that."""
    try:
        return load()
    except ConfigError:
        return None


def _concerned(
    config_file: Path, before: Config | None, after: Config, edit: Edit, ledger: Ledger | None
) -> list[str] | None:
    """Return the names of the jobs that need a check; None for all.

    Settings concern all jobs, and so does a schedule that changes how often ticks are assumed to come.
    """
    if before is None or edit.path == config_file:
        return None
    if ledger is None or ledger.meta("cadence") is None:
        now = int(clock.now())
        intervals = {checks.assumed_interval(config.jobs, now) for config in (before, after)}
        if len(intervals) > 1:
            return None
    return concerned(before.jobs, after.jobs, edit.jobs())


def _added(before: list[str], after: list[str]) -> list[str]:
    known = set(before)
    return [message for message in after if message not in known]


def keep(
    config_file: Path,
    paths: Paths,
    edit: Edit,
    *,
    dry_run: bool,
    recording: Callable[[], AbstractContextManager[None]] = nullcontext,
    comments: bool = True,
) -> dict[str, Any]:
    """Check *edit*, write it unless it is a *dry_run*, and return a description of the change.

    The diff in it has the texts of *comments* unless that is False. The old content of the file is kept in the backups of the state directory. The file is written inside the context
    *recording*, which puts the edit in force; if that raises an error, the file gets its old content back. Raise
    ConfigError, with nothing changed, if the edit adds a problem to the configuration, or if the file no longer holds
    `edit.before`. Raise StateError, with nothing changed, if the file, the backup or the ledger can't be written.
    """
    with nullcontext() if dry_run else _locked(paths):
        if read(edit.path) != edit.before:
            raise ConfigError(f"{edit.path}: was changed by another process; repeat the command")
        problems, warnings = new_messages(config_file, paths, edit)
        problems += (
            f"{edit.path}: {problem}" for problem in redaction.mask_problems(edit.before, edit.after)
        )
        if problems:
            raise ConfigError("; ".join(problems))
        changed = edit.before != edit.after
        backup = _recorded(paths, edit, recording) if changed and not dry_run else None
    return {
        "path": str(edit.path),
        "changed": changed,
        "deleted": changed and edit.after is None,
        "dry_run": dry_run,
        "backup": str(backup) if backup else None,
        "warnings": warnings,
        "diff": edit.diff(comments=comments),
    }


def _locked(paths: Paths) -> AbstractContextManager[None]:
    directories.prepare(paths)
    return exclusive(paths.root / "edit.lock")


def _recorded(paths: Paths, edit: Edit, recording: Callable[[], AbstractContextManager[None]]) -> Path | None:
    """Write *edit* inside the context *recording*; undo it if the context raises an error. Return the backup."""
    written = False
    try:
        with recording():
            backup = _replace(paths, edit)
            written = True
    except BaseException:
        if written:
            _write(msgspec.structs.replace(edit, before=edit.after, after=edit.before))
        raise
    return backup


def _replace(paths: Paths, edit: Edit) -> Path | None:
    try:
        backup = _back_up(paths, edit) if edit.before is not None else None
        _write(edit)
    except OSError as error:
        raise StateError(f"{error.filename or edit.path}: {error.strerror}") from error
    return backup


def _write(edit: Edit) -> None:
    if edit.after is None:
        edit.path.unlink()
        return
    make_directories(edit.path.parent)
    write_atomically(edit.path, edit.after, mode=PRIVATE if edit.before is None else None)


def _back_up(paths: Paths, edit: Edit) -> Path:
    paths.backups.mkdir(mode=0o700, exist_ok=True)
    backup = paths.backups / f"{shortened(edit.path.stem, LONGEST_STEM)}-{_stamp()}{edit.path.suffix}"
    write_atomically(backup, edit.before or b"", mode=PRIVATE)
    return backup


def _stamp() -> str:
    return f"{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%S.%fZ}"


def read(path: Path) -> bytes | None:
    """Return the content of a configuration file; None if it does not exist. Raise ConfigError if it can't be read."""
    try:
        return read_regular(path)
    except FileNotFoundError:
        return None
    except RefusedError as error:  # a FIFO, a device, or a file of a planted link
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def set_keys(table: Any, changes: Mapping[str, Any]) -> None:
    """Set the keys *changes* of a parsed TOML table; None removes a key. Unchanged values keep how they are written."""
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        elif table.get(key) != value:
            table[key] = value
