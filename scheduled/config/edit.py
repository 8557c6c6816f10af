"""Edits of the configuration files by `add`, `remove`, `edit` and `apply`.

An edit is written only if the whole configuration has no new problem with it.
"""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
import tomlkit

from scheduled import clock
from scheduled.config import check as checks
from scheduled.config import redaction
from scheduled.config.files import job_files, known_jobs, load_config
from scheduled.config.job_table import NAME, NAME_RULE
from scheduled.errors import ConfigError, StateError, UnknownError
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.files import make_directories, write_atomically
from scheduled.state.locks import exclusive

PRIVATE = 0o600


class Edit(msgspec.Struct, frozen=True):
    """A change of the file *path*: its content *before* and *after*; None means that it does not exist."""

    path: Path
    before: bytes | None
    after: bytes | None

    def jobs(self) -> set[str]:
        """Return the names of the jobs that the file defines before or after the change."""
        return {name for content in (self.before, self.after) for name in _names(content or b"")}

    def diff(self) -> str:
        """Return the change as a unified diff with secrets masked."""
        return redaction.diff(self.path, self.before, self.after)


def _names(content: bytes) -> list[str]:
    try:
        jobs = tomllib.loads(content.decode()).get("jobs")
    except (ValueError, RecursionError):
        return []
    return list(jobs) if isinstance(jobs, dict) else []


def new_messages(config_file: Path, paths: Paths, edit: Edit) -> tuple[list[str], list[str]]:
    """Return the problems and the warnings that *edit* would add to the configuration, with their lines."""
    try:
        before = checks.checked(config_file, paths)
    except ConfigError:
        before = {"problems": [], "warnings": []}  # an edit may repair a file that can't be read
    try:
        after = checks.checked(config_file, paths, {edit.path: edit.after})
    except ConfigError as error:
        return [str(error)], []
    added = {key: _added(before[key], after[key]) for key in ("problems", "warnings")}
    located = checks.with_lines(added, {edit.path: edit.after})
    return located["problems"], located["warnings"]


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
) -> dict[str, Any]:
    """Check *edit*, write it unless it is a *dry_run*, and return a description of the change.

    The old content of the file is kept in the backups of the state directory. The file is written inside the context
    *recording*, which puts the edit in force; if that raises an error, the file gets its old content back. Raise
    ConfigError, with nothing changed, if the edit adds a problem to the configuration, or if the file no longer holds
    `edit.before`. Raise StateError, with nothing changed, if the file, the backup or the ledger can't be written.
    """
    with nullcontext() if dry_run else _locked(paths):
        if _read(edit.path) != edit.before:
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
        "diff": edit.diff(),
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
    backup = paths.backups / f"{edit.path.stem}-{_stamp()}{edit.path.suffix}"
    write_atomically(backup, edit.before or b"", mode=PRIVATE)
    return backup


def _stamp() -> str:
    return f"{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%S.%fZ}"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def addition(config_file: Path, name: str, table: Mapping[str, Any]) -> Edit:
    """Return the edit that adds a job in jobs.d/*name*.toml.

    Raise ConfigError if the job or the file already exists, or if the name is not valid.
    """
    found = load_config(config_file)
    if name in found.jobs:
        source = found.jobs[name].source
        raise ConfigError(f"{name}: already exists in {source}; change it with `scheduled edit {name}`")
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r}: {NAME_RULE}")
    path = config_file.parent / "jobs.d" / f"{name}.toml"
    if _read(path) is not None:
        raise ConfigError(f"{path}: already exists; change or remove this file first")
    document = tomlkit.document()
    jobs = tomlkit.table(is_super_table=True)
    jobs.append(name, tomlkit.item(dict(table)))
    document.append("jobs", jobs)
    return Edit(path, None, tomlkit.dumps(document).encode())


def removal(config_file: Path, name: str) -> Edit:
    """Return the edit that removes a job from its file, or deletes a file of jobs.d with nothing else in it.

    Raise UnknownError if no file defines the job, ConfigError if its removal would change another job.
    """
    path = file_of(config_file, name)
    before = _read(path) or b""
    document = tomlkit.parse(before)
    del document["jobs"][name]
    after = _with_comments(before, tomlkit.dumps(document).encode())
    expected = tomllib.loads(before.decode())
    del expected["jobs"][name]
    left = tomllib.loads(after.decode())
    if left.get("jobs", {}) != expected["jobs"]:
        raise ConfigError(
            f"{path}: jobs.{name}: is not a table of its own; remove it with `scheduled edit {name}`"
        )
    empty = path != config_file and after.strip() in (b"", b"[jobs]")
    return Edit(path, before, None if empty else after)


def _with_comments(before: bytes, after: bytes) -> bytes:
    """Return *after* (*before* without one block) with the block's last comments, which describe the next block."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = _common_lines(old, new)
    end = _common_lines(old[start:][::-1], new[start:][::-1])
    removed, rest = old[start : len(old) - end], new[start:]
    if len(rest) != end:
        return after  # the job was written in several places
    trailing = next((n for n, line in enumerate(reversed(removed)) if not _is_comment(line)), len(removed))
    comments = removed[len(removed) - trailing :]
    return b"".join([*new[:start], *comments, *rest]) if any(map(bytes.strip, comments)) else after


def _common_lines(one: list[bytes], other: list[bytes]) -> int:
    """Return how many lines at the start of both lists are equal."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_comment(line: bytes) -> bool:
    return line.strip()[:1] in (b"", b"#")


def written(config_file: Path, name: str) -> dict[str, Any]:
    """Return a job's table as it is in its file, with secrets masked.

    Raise UnknownError if there is no such job, ConfigError if its definition is no table.
    """
    path = file_of(config_file, name)
    found = tomllib.loads((_read(path) or b"").decode())["jobs"][name]
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: jobs.{name}: must be a table; write [jobs.{name}]")
    return redaction.masked_table(found)


def change(config_file: Path, name: str, changes: Mapping[str, Any]) -> Edit:
    """Return the edit that sets keys of a job to new values and changes nothing else; None removes a key.

    A secret that is set to its mask keeps its value. Raise UnknownError if no file defines the job, ConfigError if
    the change would affect more than these keys.
    """
    path = file_of(config_file, name)
    before = _read(path) or b""
    document = tomlkit.parse(before)
    expected = tomllib.loads(before.decode())
    changes = redaction.unmasked(changes, expected["jobs"][name])
    for table in (document["jobs"][name], expected["jobs"][name]):
        _set(table, changes)
    after = tomlkit.dumps(document).encode()
    if tomllib.loads(after.decode()) != expected:
        raise ConfigError(
            f"{path}: jobs.{name}: can only be changed with `scheduled edit {name}` and an editor"
        )
    return Edit(path, before, after)


def _set(table: Any, changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        elif table.get(key) != value:
            table[key] = value


def file_of(config_file: Path, name: str) -> Path:
    """Return the file that defines a job, correctly or not. Raise UnknownError if there is none."""
    for path in (config_file, *job_files(config_file)):
        try:
            jobs = tomllib.loads((_read(path) or b"").decode()).get("jobs")
        except ValueError:
            continue
        if isinstance(jobs, dict) and name in jobs:
            return path
    known_jobs(load_config(config_file), [name])
    raise UnknownError(f"no such job: {name}")


def application(config_file: Path, file: Path) -> Edit:
    """Return the edit that copies *file* into jobs.d. Raise ConfigError if it can't be read."""
    after = _read(file)
    if after is None:
        raise ConfigError(f"{file}: does not exist")
    path = config_file.parent / "jobs.d" / f"{file.stem}.toml"
    return Edit(path, _read(path), after)
