"""`add`, `edit`, `replace`, `remove` and `apply`: change job definitions in the configuration files.

Each command checks the whole configuration with the change before it writes the file, and raises ConfigError if the
change adds an error. The change is in force when the command returns, see `keep`. With *dry_run* it only checks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduled import question
from scheduled.commands.keeping import keep
from scheduled.config import action_keys, aliases, job_edits
from scheduled.instance import Instance


def add(
    instance: Instance, name: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Add a job, in a separate file in `jobs.d`.

    *definition* has the keys of a job table, or those of schedulers with a `job_type`. Raise ConfigError if the job
    exists.
    """
    table = aliases.from_words(aliases.together({"name": name}, definition))
    change = job_edits.addition(instance.config_file, name, table)
    return {"job": name, **keep(instance, change, dry_run=dry_run)}


def edit(
    instance: Instance, job: str, changes: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Set keys of a job to new values in the file that defines it; the value None removes a key."""
    change = job_edits.change(instance.config_file, job, changes)
    return {"job": job, **keep(instance, change, dry_run=dry_run)}


def replace(
    instance: Instance, job: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Replace the whole table of a job by *definition*, in the file that defines it."""
    table = aliases.from_words(aliases.together({"name": job}, definition))
    return edit(instance, job, {**dict.fromkeys(written(instance, job)), **table}, dry_run=dry_run)


def written(instance: Instance, job: str) -> dict[str, Any]:
    """Return the table of a job as its file has it, without defaults and with secrets masked."""
    question.check()  # an interface asks for those of all jobs
    return job_edits.written(instance.config_file, job)


def remove(instance: Instance, job: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Remove a job from the file that defines it. A copy of the file and the records in the ledger are kept."""
    change = job_edits.removal(instance.config_file, job)
    return {"job": job, **keep(instance, change, dry_run=dry_run)}


def apply(instance: Instance, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Copy a TOML file of jobs to `jobs.d`, where it replaces the file of the same name if it differs."""
    change = job_edits.application(instance.config_file, file)
    return keep(instance, change, dry_run=dry_run)


def executable_keys(definition: Mapping[str, Any]) -> list[str]:
    """Return the keys of a job definition that determine, or change, what is executed.

    Raise ConfigError, with the nearest key, if it sets a key that no job has.
    """
    removed = {key: None for key, value in definition.items() if value is None}
    table = aliases.from_words(definition)
    action_keys.refuse_unknown(table)
    return action_keys.executable_keys({**removed, **table})
