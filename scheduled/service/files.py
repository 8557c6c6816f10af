"""The questions that change files: definitions, the crontab, backups. Doors ask them through `service`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduled.instance import Instance


def add(
    instance: Instance, name: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Add a job, in a file of its own in jobs.d; *definition* in our own words, or with a `job_type`."""
    from scheduled.config import aliases as wording
    from scheduled.config import edit as editing

    table = wording.from_words(wording.together({"name": name}, definition))
    change = editing.addition(instance.config_file, name, table)
    return {"job": name, **editing.keep(instance.config_file, instance.paths, change, dry_run=dry_run)}


def edit(
    instance: Instance, job: str, changes: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Give keys of a job new values, in the file it stands in; None takes a key out."""
    from scheduled.config import edit as editing

    change = editing.change(instance.config_file, job, changes)
    return {"job": job, **editing.keep(instance.config_file, instance.paths, change, dry_run=dry_run)}


def replace(
    instance: Instance, job: str, definition: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Have a job say *definition* and nothing else, in the file it stands in."""
    from scheduled.config import aliases as wording
    from scheduled.config import edit as editing

    wanted = wording.from_words(wording.together({"name": job}, definition))
    written = editing.written(instance.config_file, job)
    return edit(instance, job, {**dict.fromkeys(written), **wanted}, dry_run=dry_run)


def written(instance: Instance, job: str) -> dict[str, Any]:
    """Return what the configuration says of a job, without defaults: what `edit` changes and `replace` replaces."""
    from scheduled.config import edit as editing

    return editing.written(instance.config_file, job)


def remove(instance: Instance, job: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Take a job out of the file it stands in; a copy of the file is kept, and so is what the ledger knows."""
    from scheduled.config import edit as editing

    change = editing.removal(instance.config_file, job)
    return {"job": job, **editing.keep(instance.config_file, instance.paths, change, dry_run=dry_run)}


def apply(instance: Instance, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Make a TOML file of jobs the one of its name in jobs.d; does nothing if it is already."""
    from scheduled.config import edit as editing

    change = editing.application(instance.config_file, file)
    return editing.keep(instance.config_file, instance.paths, change, dry_run=dry_run)


def install(
    instance: Instance, every: int | None = None, *, dbus: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Put the marked block into the user's crontab, for a tick *every* so many minutes; nothing else changes.

    With *dbus* the session bus is to start the door on it, too.
    """
    from scheduled.commands import install as installing

    return installing.install(instance.config_file, instance.paths, every, on_bus=dbus, dry_run=dry_run)


def uninstall(instance: Instance, *, dry_run: bool = False) -> dict[str, Any]:
    """Take the marked block out of the user's crontab, and our files from the session bus; configuration and state stay."""
    from scheduled.commands import install as installing

    return installing.uninstall(instance.paths, dry_run=dry_run)


def backup(instance: Instance, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Write one consistent copy of ledger, snapshot and configuration, while jobs run too."""
    from scheduled.commands import backup as backups

    return backups.backup(instance.config_file, instance.paths, file.absolute(), dry_run=dry_run)


def restore(
    instance: Instance, file: Path, *, with_config: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Go back to the state in a backup; the present one is kept aside."""
    from scheduled.commands import backup as backups

    return backups.restore(
        instance.config_file, instance.paths, file.absolute(), with_config=with_config, dry_run=dry_run
    )
