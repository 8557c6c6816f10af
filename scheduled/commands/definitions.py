"""`add`, `edit`, `replace`, `remove` and `apply`: change job definitions in the configuration files.

Each command checks the configuration with the change before it writes the file, and raises ConfigError if the change adds
an error. The change is in force when the command returns, see `keep`. With *dry_run* it only checks.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scheduled import question
from scheduled.commands.keeping import keep
from scheduled.config import aliases, edit_settings, job_edits
from scheduled.config import effects as effects_of_edit
from scheduled.config.edit import Edit
from scheduled.config.effects import Effect
from scheduled.instance import Instance
from scheduled.state.open import read_only


def add(
    instance: Instance, name: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Add a job, in a separate file in `jobs.d`.

    *definition* has the keys of a job table, or those of schedulers with a `job_type`. Raise ConfigError if the job
    exists.
    """
    return {"job": name, **keep(instance, _addition(instance, name, definition), dry_run=dry_run)}


def edit(
    instance: Instance, job: str, changes: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Set keys of a job to new values in the file that defines it; the value None removes a key."""
    return {"job": job, **keep(instance, _change(instance, job, changes), dry_run=dry_run)}


def replace(
    instance: Instance, job: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Replace the whole table of a job by *definition*, in the file that defines it."""
    return {"job": job, **keep(instance, _replacement(instance, job, definition), dry_run=dry_run)}


def written(instance: Instance, job: str) -> dict[str, Any]:
    """Return the table of a job as its file has it, without defaults and with secrets masked."""
    question.check()  # an interface asks for those of all jobs
    return job_edits.written(instance.config_file, job)


def remove(instance: Instance, job: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Remove a job from the file that defines it. A copy of the file and the records in the ledger are kept.

    `discarded` is the number of events that wait to start the job; they no longer do.
    """
    change = _removal(instance, job)
    with read_only(instance.paths) as ledger:
        waiting = ledger.count_start_requests(job)
    return {"job": job, "discarded": waiting, **keep(instance, change, dry_run=dry_run)}


def apply(instance: Instance, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Copy a TOML file of jobs to `jobs.d`, where it replaces the file of the same name if it differs."""
    change = job_edits.application(instance.config_file, file)
    return keep(instance, change, dry_run=dry_run)


def effects(instance: Instance, command: str, *arguments: Any) -> list[Effect]:
    """Return the effects of calling the function *command* of this module, or `set_section`, with *arguments*.

    Raise ConfigError as that function does, or, with the nearest key, if a definition sets a key that no job has.
    """
    return effects_of_edit.effects(instance.config_file, EDITS[command](instance, *arguments))


def _addition(instance: Instance, name: str, definition: Mapping[str, Any]) -> Edit:
    table = aliases.from_words(aliases.together({"name": name}, definition))
    return job_edits.addition(instance.config_file, instance.paths, name, table)


def _change(instance: Instance, job: str, changes: Mapping[str, Any]) -> Edit:
    return job_edits.change(instance.config_file, job, changes)


def _replacement(instance: Instance, job: str, definition: Mapping[str, Any]) -> Edit:
    table = aliases.from_words(aliases.together({"name": job}, definition))
    return _change(instance, job, {**dict.fromkeys(written(instance, job)), **table})


def _removal(instance: Instance, job: str) -> Edit:
    return job_edits.removal(instance.config_file, job)


def _setting(instance: Instance, section: str, changes: Mapping[str, Any]) -> Edit:
    return edit_settings.change(instance.config_file, section, changes)


# The edits that the functions above make, so that the permission is asked of the same edit.
EDITS: dict[str, Callable[..., Edit]] = {
    "add": _addition,
    "edit": _change,
    "replace": _replacement,
    "remove": _removal,
    "set_section": _setting,
}
