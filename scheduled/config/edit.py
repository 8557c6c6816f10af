"""Definitions on disk: what `add`, `remove`, `edit` and `apply` write is checked as a whole before it is kept."""

import tomllib
from collections.abc import Mapping
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
from scheduled.config.job_table import A_NAME, NAME
from scheduled.errors import ConfigError, StateError, UnknownError
from scheduled.paths import Paths
from scheduled.state import directories
from scheduled.state.files import make_directories, write_atomically
from scheduled.state.locks import exclusive

PRIVATE = 0o600


class Edit(msgspec.Struct, frozen=True):
    """What *path* holds and what it is to hold; None: no file."""

    path: Path
    before: bytes | None
    after: bytes | None

    def diff(self) -> str:
        """Return the change as a unified diff, secrets masked."""
        return redaction.diff(self.path, self.before, self.after)


def news(config_file: Path, paths: Paths, edit: Edit) -> tuple[list[str], list[str]]:
    """Return what would be wrong and what doubtful with the configuration by this edit's doing."""
    try:
        before = checks.checked(config_file, paths)
    except ConfigError:
        before = {"problems": [], "warnings": []}  # it can hardly get worse
    try:
        after = checks.checked(config_file, paths, {edit.path: edit.after})
    except ConfigError as error:
        return [str(error)], []
    return _beyond(before["problems"], after["problems"]), _beyond(before["warnings"], after["warnings"])


def _beyond(before: list[str], after: list[str]) -> list[str]:
    known = set(before)
    return [one for one in after if one not in known]


def keep(config_file: Path, paths: Paths, edit: Edit, *, dry_run: bool) -> dict[str, Any]:
    """Write an edit down if it is sound, and nobody has changed the file meanwhile.

    Raises ConfigError with what is wrong, and nothing is changed. What the file held before is kept among the
    state's backups.
    """
    with nullcontext() if dry_run else _alone(paths):
        if _read(edit.path) != edit.before:
            raise ConfigError(f"{edit.path}: was changed by somebody else meanwhile")
        faults, doubts = news(config_file, paths, edit)
        faults += redaction.faults(edit.before, edit.after)
        if faults:
            raise ConfigError("; ".join(faults))
        changed = edit.before != edit.after
        backup = _replace(paths, edit) if changed and not dry_run else None
    return {
        "path": str(edit.path),
        "changed": changed,
        "deleted": changed and edit.after is None,
        "dry_run": dry_run,
        "backup": str(backup) if backup else None,
        "warnings": doubts,
        "diff": edit.diff(),
    }


def _alone(paths: Paths) -> AbstractContextManager[None]:
    directories.prepare(paths)
    return exclusive(paths.root / "edit.lock")


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
    """Return the edit that adds a job, in a file of its own; raises ConfigError if there is such a job."""
    found = load_config(config_file)
    if name in found.jobs:
        raise ConfigError(
            f"{name}: there is such a job, in {found.jobs[name].source}; `scheduled edit {name}` changes it"
        )
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r}: {A_NAME}")
    path = config_file.parent / "jobs.d" / f"{name}.toml"
    if _read(path) is not None:
        raise ConfigError(f"{path}: is there already")
    document = tomlkit.document()
    jobs = tomlkit.table(is_super_table=True)
    jobs.append(name, tomlkit.item(dict(table)))
    document.append("jobs", jobs)
    return Edit(path, None, tomlkit.dumps(document).encode())


def removal(config_file: Path, name: str) -> Edit:
    """Return the edit that takes a job out of the file it stands in; everything else in there stays as it is.

    A file of jobs.d that holds nothing else goes.
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
            f"{path}: {name} is not written as a table of its own; `scheduled edit {name}` helps"
        )
    empty = path != config_file and after.strip() in (b"", b"[jobs]")
    return Edit(path, before, None if empty else after)


def _with_comments(before: bytes, after: bytes) -> bytes:
    """Return *after*, from which one block was taken, with the comments at its end: they are about what follows."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    gone, rest = old[start : len(old) - end], new[start:]
    if len(rest) != end:
        return after  # it stood in several places
    said = next((n for n, line in enumerate(reversed(gone)) if not _is_comment(line)), len(gone))
    left = gone[len(gone) - said :]
    return b"".join([*new[:start], *left, *rest]) if any(map(bytes.strip, left)) else after


def _alike(one: list[bytes], other: list[bytes]) -> int:
    """Return how many lines at the start of both are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_comment(line: bytes) -> bool:
    return line.strip()[:1] in (b"", b"#")


def written(config_file: Path, name: str) -> dict[str, Any]:
    """Return a job's table as its file has it, secrets masked."""
    path = file_of(config_file, name)
    return redaction.table(tomllib.loads((_read(path) or b"").decode())["jobs"][name])


def change(config_file: Path, name: str, changes: Mapping[str, Any]) -> Edit:
    """Return the edit that gives keys of a job new values (None: takes them out); all else stays as it is.

    So does a secret where its mask comes back.
    """
    path = file_of(config_file, name)
    before = _read(path) or b""
    document = tomlkit.parse(before)
    expected = tomllib.loads(before.decode())
    changes = redaction.kept(changes, expected["jobs"][name])
    for table in (document["jobs"][name], expected["jobs"][name]):
        _set(table, changes)
    after = tomlkit.dumps(document).encode()
    if tomllib.loads(after.decode()) != expected:
        raise ConfigError(f"{path}: {name} is written in a way that only `scheduled edit {name}` can change")
    return Edit(path, before, after)


def _set(table: Any, changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        elif table.get(key) != value:
            table[key] = value


def file_of(config_file: Path, name: str) -> Path:
    """Return the file that a job stands in, a faulty one too; raises ConfigError if there is none."""
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
    """Return the edit that makes *file* the one of its name in jobs.d."""
    after = _read(file)
    if after is None:
        raise ConfigError(f"{file}: there is no such file")
    path = config_file.parent / "jobs.d" / f"{file.stem}.toml"
    return Edit(path, _read(path), after)
