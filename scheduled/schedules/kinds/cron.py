"""`cron = "30 4 * * *"`: the local times of a cron expression, as in Debian's cron."""

from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from scheduled.schedules import cron_timetable
from scheduled.schedules.cron import MACROS, for_cronsim
from scheduled.schedules.schedule import Schedule, ScheduleError
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant

BY_TIME: bool = True
SEVERAL: bool = True
LABEL: str = "cron"
EXAMPLE: str = "0 3 * * MON-FRI"
METAVAR: str = "EXPR"
HELP: str = (
    "Schedule: a cron expression of five fields, or a macro such as @daily; may be given several times."
)
REBOOT = "@reboot"


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a `cron` job."""

    cron: str


def is_reboot(expression: str) -> bool:
    """Return whether *expression* is @reboot, which means the start of the machine and not a time."""
    return expression.strip().lower() == REBOOT


def read(keys: Keys, job: str, zone: str) -> Schedule:
    """See `ScheduleKind.read`.

    The job's name determines `H`. An @reboot job has no slots: an event starts it.
    """
    if is_reboot(keys.cron):
        return Schedule("manual", zone=zone)
    try:
        cron_timetable.cron(keys.cron, zone, job)
    except ScheduleError as error:
        raise ScheduleError(f"cron: {error}") from None
    return Schedule("cron", " ".join(keys.cron.split()), zone, seed=job if "H" in keys.cron else "")


def warnings(keys: Keys, zone: str) -> list[str]:
    """See `ScheduleKind.warnings`. Empty: the warnings depend on the current time, so `lint` returns them."""
    return []


def timetable(schedule: Schedule, epoch: Instant) -> Timetable:
    """See `ScheduleKind.timetable`."""
    return cron_timetable.cron(schedule.expression, schedule.zone, schedule.seed)


def words(schedule: Schedule, zone: str) -> str:
    """See `ScheduleKind.words`. An expression that cronsim cannot describe is returned unchanged."""
    return _in_words(schedule.expression, schedule.seed)


@lru_cache(maxsize=1 << 14)
def _in_words(expression: str, seed: str) -> str:
    from cronsim import CronSim, CronSimError

    plain = MACROS.get(expression.strip(), expression)
    if "H" in plain:
        from scheduled.schedules.cron_hash import resolve

        plain = resolve(plain, seed)
    try:
        found = str(CronSim(for_cronsim(plain.split()), datetime(2000, 1, 1, tzinfo=UTC)).explain())
    except (CronSimError, AttributeError):
        return expression
    return found[:1].lower() + found[1:]


def written(schedule: Schedule) -> str:
    """See `ScheduleKind.written`."""
    return schedule.expression


def lint(schedule: Schedule, now: Instant) -> list[str]:
    """See `ScheduleKind.lint`."""
    from scheduled.schedules import cron_lint

    return cron_lint.lint(schedule.expression, schedule.zone, now, schedule.seed)
