"""`install` and `uninstall`: the block in the user's crontab, and what the ledger is to know of it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scheduled import clock
from scheduled.config.check import needed_cadence
from scheduled.config.files import load_config
from scheduled.install import crontab, dbus, starter
from scheduled.install.extras import need
from scheduled.notify.session_bus import reload_services
from scheduled.paths import Paths
from scheduled.schedules.zones import MINUTE
from scheduled.state.open import open_ledger
from scheduled.state.sqlite.ledger import using
from scheduled.state.trust import refuse_as_root_in_anothers


def install(
    config_file: Path, paths: Paths, every: int | None, *, on_bus: bool, dry_run: bool
) -> dict[str, Any]:
    """Put the block in; without *every* as often as now, or else as the schedules need it. *on_bus*: D-Bus too.

    Raises ConfigError, with the crontab as it was, if ticks would refuse to work: their state, their configuration.
    """
    if on_bus:
        need("dbus")  # or the bus would start what can't answer
    # Service files of an earlier installation may name a program that was removed.
    on_bus = on_bus or (dbus.is_installed() and find_spec("dbus_fast") is not None)
    for place in (config_file, paths.root):  # before anything is made
        refuse_as_root_in_anothers(place)
    made = not config_file.exists() and not dry_run and starter.write(config_file)
    if not dry_run or config_file.exists():
        load_config(config_file)
    every = every or crontab.installed_cadence(crontab.read()) or needed_cadence(config_file)
    wanted = crontab.plan(config=config_file, state=paths.root, every=every)
    if on_bus:
        dbus.install(wanted, dry_run=True)  # or it would be refused with the crontab changed
    if dry_run:
        done = crontab.install(wanted, dry_run=True)
    else:
        with using(open_ledger(paths, clock.now())[0]) as ledger:
            done = crontab.install(wanted)
            with ledger.transaction():
                ledger.remember("cadence", str(every * MINUTE))  # `status` measures the ticks against it
    placed = dbus.install(wanted, dry_run=dry_run) if on_bus else []
    return {**_document(done, placed, dry_run=dry_run), "configuration": str(config_file) if made else None}


def uninstall(paths: Paths, *, dry_run: bool) -> dict[str, Any]:
    """Take the block out, and what the session bus had of us. Raises ConfigError for root in another user's home."""
    refuse_as_root_in_anothers(paths.root)
    done = crontab.uninstall(state=paths.root, dry_run=dry_run)
    return _document(done, dbus.uninstall(dry_run=dry_run), dry_run=dry_run)


def _document(done: crontab.InstallResult, services: list[str], *, dry_run: bool) -> dict[str, Any]:
    if services and not dry_run:
        reload_services()
    return {
        "changed": done.changed,
        "dry_run": dry_run,
        "backup": str(done.backup) if done.backup else None,
        "dbus": services,
        "crontab": done.after.decode(errors="replace"),
    }
