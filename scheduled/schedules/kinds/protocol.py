"""What a module of this package provides to be a kind of schedule."""

from typing import Any, Protocol

import msgspec

from scheduled.schedules.schedule import Schedule
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant


class ScheduleKind(Protocol):
    """A way to say when a job is due. Every function is pure; *zone* is the IANA name of a time zone that exists.

    A form offers it as LABEL, and shows EXAMPLE of what to write; METAVAR and HELP are those of its option on the
    command line.
    """

    BY_TIME: bool  # whether time alone makes its jobs due
    LABEL: str
    EXAMPLE: str
    METAVAR: str
    HELP: str

    @property
    def Keys(self) -> type[msgspec.Struct]:  # noqa: N802 - a class
        """Its keys in a job table, with their types. The key that is called like the kind chooses it."""
        ...

    def read(self, keys: Any, job: str, zone: str) -> Schedule:
        """Given its *keys* and the job's name, return the schedule; raises ScheduleError, which names the key."""
        ...

    def doubts(self, keys: Any, zone: str) -> list[str]:
        """Return what about *keys* that `read` can read is legal, but may not be meant, each with its key."""
        ...

    def timetable(self, schedule: Schedule, epoch: Instant) -> Timetable:
        """Return the slots of a schedule that came into force at *epoch* (those after it count).

        Raises ScheduleError where *schedule*, which may come from a damaged file, can't be.
        """
        ...

    def words(self, schedule: Schedule, zone: str) -> str:
        """Say for people when a job is due; instants in *zone*, or left out if it is empty."""
        ...

    def written(self, schedule: Schedule) -> str:
        """Return the schedule as it is written in a job table, in short; empty where there are words only."""
        ...

    def lint(self, schedule: Schedule, now: Instant) -> list[str]:
        """Return what is legal about a schedule, but may not be meant, in the year after *now*."""
        ...
