"""What people ask to be done with definitions: `add`, `edit`, `replace`, `remove`, `apply`.

What is written is checked as a whole before it is kept; with *dry_run* it is only checked.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduled.config import action_keys, aliases
from scheduled.config import edit as config_edit
from scheduled.instance import Instance


def add(
    instance: Instance, name: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Add a job, in a file of its own in jobs.d; *definition* in our own words, or with a `job_type`."""
    table = aliases.from_words(aliases.together({"name": name}, definition))
    change = config_edit.addition(instance.config_file, name, table)
    return {"job": name, **config_edit.keep(instance.config_file, instance.paths, change, dry_run=dry_run)}


def edit(
    instance: Instance, job: str, changes: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Give keys of a job new values, in the file it stands in; None takes a key out."""
    change = config_edit.change(instance.config_file, job, changes)
    return {"job": job, **config_edit.keep(instance.config_file, instance.paths, change, dry_run=dry_run)}


def replace(
    instance: Instance, job: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Have a job say *definition* and nothing else, in the file it stands in."""
    wanted = aliases.from_words(aliases.together({"name": job}, definition))
    return edit(instance, job, {**dict.fromkeys(written(instance, job)), **wanted}, dry_run=dry_run)


def written(instance: Instance, job: str) -> dict[str, Any]:
    """Return what the configuration says of a job, without defaults: what `edit` changes and `replace` replaces."""
    return config_edit.written(instance.config_file, job)


def remove(instance: Instance, job: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Take a job out of the file it stands in; a copy of the file is kept, and so is what the ledger knows."""
    change = config_edit.removal(instance.config_file, job)
    return {"job": job, **config_edit.keep(instance.config_file, instance.paths, change, dry_run=dry_run)}


def apply(instance: Instance, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Make a TOML file of jobs the one of its name in jobs.d; does nothing if it is already."""
    change = config_edit.application(instance.config_file, file)
    return config_edit.keep(instance.config_file, instance.paths, change, dry_run=dry_run)


def executable_keys(definition: Mapping[str, Any]) -> list[str]:
    """Return the keys of a job's definition that say, or change, what is executed."""
    taken_out = {key: None for key, value in definition.items() if value is None}
    return action_keys.executable_keys({**taken_out, **aliases.from_words(definition)})
