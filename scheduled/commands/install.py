"""`install` and `uninstall`: the block in the user's crontab, and the cadence that the ledger records."""

import os
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from scheduled import clock
from scheduled.config.check import needed_cadence
from scheduled.config.files import load_config
from scheduled.engine import heartbeat
from scheduled.errors import ScheduledError
from scheduled.install import crontab, pam_environment, starter
from scheduled.install import dbus as service_files
from scheduled.install.extras import need
from scheduled.install.zones import Zones, zone_warnings
from scheduled.instance import Instance
from scheduled.notify.session_bus import reload_services
from scheduled.paths import Paths
from scheduled.schedules.zones import MINUTE
from scheduled.state.open import exists, refuse_foreign
from scheduled.state.restore import open_ledger
from scheduled.state.sqlite.ledger import using
from scheduled.state.trust import refuse_as_root_in_anothers


def install(
    instance: Instance, every: int | None = None, *, dbus: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Write the marked block into the user's crontab, with a tick every *every* minutes; other lines are not changed.

    Without *every*, keep the installed cadence, or use the one that the schedules need. Without a configuration, write
    a starter configuration. With *dbus*, also install the service files with which the session bus starts the D-Bus
    interface. Raise ConfigError, without a change to the crontab, if ticks could not use the state directory or the
    configuration.
    """
    config_file, paths, on_bus = instance.config_file, instance.paths, dbus
    if on_bus:
        need("dbus")  # without the library, the bus would start a program that cannot answer
    # Update the service files of an earlier installation, too: they may name a program that was removed.
    on_bus = on_bus or (service_files.is_installed() and find_spec("dbus_fast") is not None)
    for place in (config_file, paths.root):  # before anything is created
        refuse_as_root_in_anothers(place)
    refuse_foreign(paths)
    made = not config_file.exists() and not dry_run and starter.write(config_file)
    if not dry_run or config_file.exists():
        load_config(config_file)
    every = every or crontab.installed_cadence(crontab.read()) or needed_cadence(config_file)
    block = crontab.install_plan(config=config_file, state=paths.root, every=every)
    if on_bus:
        service_files.install(block, dry_run=True)  # raises before the crontab is changed
    if dry_run:
        done = crontab.install(block, dry_run=True)
    else:
        ledger, repairs = open_ledger(paths, clock.now())
        paths.remarks += repairs
        with using(ledger):
            done = crontab.install(block)
            with ledger.transaction():
                heartbeat.installed(
                    ledger, every * MINUTE, clock.now()
                )  # `status` compares the ticks with it
    placed = service_files.install(block, dry_run=dry_run) if on_bus else []
    return {
        **_document(done, placed, dry_run=dry_run),
        "configuration": str(config_file) if made else None,
        "warnings": _warnings(instance, done.after),
    }


def _warnings(instance: Instance, written: bytes) -> list[str]:
    """Return warnings about the zones of the ticks that the crontab *written* starts."""
    if not instance.config_file.exists() or not load_config(instance.config_file).of_host:
        return []
    zones = Zones(system=clock.system_zone(), pam=pam_environment.variables().get("TZ", ""))
    return list(zone_warnings(written, zones, os.environ))


def uninstall(instance: Instance, *, dry_run: bool = False) -> dict[str, Any]:
    """Remove the marked block from the user's crontab and the service files of the session bus.

    Configuration and state are kept. Raise ConfigError for root in the home directory of another user.
    """
    paths = instance.paths
    refuse_as_root_in_anothers(paths.root)
    done = crontab.uninstall(state=paths.root, dry_run=dry_run)
    if not dry_run:
        _expect_no_ticks(paths)
        _clear_alarm(instance)
    return _document(done, service_files.uninstall(dry_run=dry_run), dry_run=dry_run)


def _expect_no_ticks(paths: Paths) -> None:
    """Record that no ticks are expected, so that `status` does not miss them. An unusable ledger is left as it is."""
    with suppress(ScheduledError):
        if exists(paths):
            with using(open_ledger(paths, clock.now())[0]) as ledger, ledger.transaction():
                heartbeat.uninstalled(ledger, clock.now())


def _clear_alarm(instance: Instance) -> None:
    """Clear the alarm that wakes the machine for a job: no tick would start it."""
    from scheduled.core.wake import META
    from scheduled.engine import rtc, wake

    with suppress(ScheduledError):  # an alarm that can't be cleared wakes the machine once
        if exists(instance.paths):
            with using(open_ledger(instance.paths, clock.now())[0]) as ledger:
                if ledger.meta(META):
                    command = load_config(instance.config_file).wake_command
                    wake.clear(ledger, rtc.Rtc(command), clock.now())


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
