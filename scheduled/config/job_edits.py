"""The edits of jobs that `add`, `remove`, `edit` and `apply` make, and the file that defines a job."""

import tomllib
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import tomlkit

from scheduled.config import parsed_file, redaction
from scheduled.config.config import known_jobs
from scheduled.config.edit import Edit, read, set_keys
from scheduled.config.files import load_config
from scheduled.config.job_table import NAME, NAME_RULE
from scheduled.config.json_values import refuse_odd
from scheduled.config.named import refuse_target
from scheduled.config.toml_files import job_files
from scheduled.core.keys import shortened
from scheduled.errors import ConfigError, UnknownError
from scheduled.paths import Paths

LONGEST_STEM = 250  # bytes; with `.toml` the 255 that a file name may have


def addition(config_file: Path, paths: Paths, name: str, table: Mapping[str, Any]) -> Edit:
    """Return the edit that adds a job in jobs.d/*name*.toml; a digest replaces the end of a name that is too long for a file.

    Raise ConfigError if the job or the file already exists, or if the name is not valid.
    """
    refuse_odd(table)
    found = parsed_file.load(paths, config_file)
    if name in found.jobs:
        source = found.jobs[name].source
        raise ConfigError(f"{name}: already exists in {source}; change it with `scheduled edit {name}`")
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r}: {NAME_RULE}")
    path = config_file.parent / "jobs.d" / f"{shortened(name, LONGEST_STEM)}.toml"
    if read(path) is not None:
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
    before = read(path) or b""
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
    found = tomllib.loads((read(path) or b"").decode())["jobs"][name]
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: jobs.{name}: must be a table; write [jobs.{name}]")
    return redaction.masked_table(found)


def change(config_file: Path, name: str, changes: Mapping[str, Any]) -> Edit:
    """Return the edit that sets keys of a job to new values and changes nothing else; None removes a key.

    A secret that is set to its mask keeps its value. Raise UnknownError if no file defines the job, ConfigError if
    the change would affect more than these keys, or if no file can hold a value.
    """
    refuse_odd(changes)
    path = file_of(config_file, name)
    before = read(path) or b""
    document = tomlkit.parse(before)
    expected = tomllib.loads(before.decode())
    changes = redaction.unmasked(changes, expected["jobs"][name])
    for table in (document["jobs"][name], expected["jobs"][name]):
        set_keys(table, changes)
    after = tomlkit.dumps(document).encode()
    if tomllib.loads(after.decode()) != expected:
        raise ConfigError(
            f"{path}: jobs.{name}: can only be changed with `scheduled edit {name}` and an editor"
        )
    return Edit(path, before, after)


def file_of(config_file: Path, name: str) -> Path:
    """Return the file that defines a job, correctly or not. Raise UnknownError if there is none."""
    for path in (config_file, *job_files(config_file)):
        try:
            jobs = tomllib.loads((read(path) or b"").decode()).get("jobs")
        except ValueError:
            continue
        if isinstance(jobs, dict) and name in jobs:
            return path
    found = load_config(config_file)
    refuse_target(found, name)
    known_jobs(found, [name])
    raise UnknownError(f"no such job: {name}")


def application(config_file: Path, file: Path) -> Edit:
    """Return the edit that copies *file* into jobs.d. Raise ConfigError if it can't be read."""
    after = read(file)
    if after is None:
        raise ConfigError(f"{file}: does not exist")
    path = config_file.parent / "jobs.d" / f"{file.stem}.toml"
    return Edit(path, read(path), after)
