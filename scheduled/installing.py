"""`install` and `uninstall`: the block in the user's crontab, and what the ledger is to know of it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scheduled import clock
from scheduled.checks import needed_cadence
from scheduled.extras import need
from scheduled.install import crontab, dbus
from scheduled.jobs import MINUTE
from scheduled.session_bus import reload_services
from scheduled.state.open import open_ledger
from scheduled.state.paths import Paths
from scheduled.state.trust import warn_or_refuse


def install(
    config_file: Path, paths: Paths, every: int | None, *, on_bus: bool, dry_run: bool
) -> dict[str, Any]:
    """Put the block in; without *every* as often as now, or else as the schedules need it. *on_bus*: D-Bus too.

    Raises ConfigError, with the crontab as it was, if ticks would refuse to work: their state, their configuration.
    """
    if on_bus:
        need("dbus_fast", door="dbus")  # or the bus would start what can't answer
    # Service files of an earlier installation may name a program that was removed.
    on_bus = on_bus or (dbus.is_installed() and find_spec("dbus_fast") is not None)
    warn_or_refuse(config_file)
    every = every or crontab.installed_cadence(crontab.read()) or needed_cadence(config_file)
    wanted = crontab.plan(config=config_file, state=paths.root, every=every)
    if on_bus:
        dbus.install(wanted, dry_run=True)  # or it would be refused with the crontab changed
    if not dry_run:
        paths.prepare()
    done = crontab.install(wanted, dry_run=dry_run)
    if not dry_run:
        _note_cadence(paths, every)
    placed = dbus.install(wanted, dry_run=dry_run) if on_bus else []
    return _document(done, placed, dry_run=dry_run)


def _note_cadence(paths: Paths, every: int) -> None:
    """Remember how often ticks are to come: `status` measures them against it."""
    ledger, _ = open_ledger(paths, clock.now())
    with ledger.transaction():
        ledger.remember("cadence", str(every * MINUTE))
    ledger.close()


def uninstall(paths: Paths, *, dry_run: bool) -> dict[str, Any]:
    """Take the block out, and what the session bus had of us."""
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
