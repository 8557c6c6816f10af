"""The interface of a kind of schedule."""

from typing import Any, Protocol

import msgspec

from scheduled.schedules.schedule import Schedule
from scheduled.schedules.timetable import Timetable
from scheduled.schedules.zones import Instant


class ScheduleKind(Protocol):
    """A kind of schedule, implemented as a module. Every function is pure.

    *zone* is the IANA name of an existing time zone. LABEL and EXAMPLE are the label and the example in a
    form. METAVAR and HELP belong to its option on the command line.
    """

    BY_TIME: bool  # whether its jobs have slots
    SEVERAL: bool  # whether a list of values gives a job several schedules
    LABEL: str
    EXAMPLE: str
    METAVAR: str
    HELP: str

    @property
    def Keys(self) -> type[msgspec.Struct]:  # noqa: N802 - a class
        """The keys of this kind in a job table, with types. The key named like the kind selects the kind."""
        ...

    def read(self, keys: Any, job: str, zone: str) -> Schedule:
        """Return the schedule of *keys* for the job named *job*.

        Raise ScheduleError, which names the key, if a key is invalid.
        """
        ...

    def warnings(self, keys: Any, zone: str) -> list[str]:
        """Return warnings about valid but probably unintended *keys*. Each warning begins with its key."""
        ...

    def timetable(self, schedule: Schedule, epoch: Instant) -> Timetable:
        """Return the slots of a schedule that came into force at *epoch*.

        Slots up to *epoch* may be included. Raise ScheduleError if *schedule*, which may come from a damaged
        file, is invalid.
        """
        ...

    def words(self, schedule: Schedule, zone: str) -> str:
        """Return in words when a job is due. Instants are shown in *zone*, or omitted if *zone* is empty."""
        ...

    def written(self, schedule: Schedule) -> str:
        """Return the schedule in the notation of a job table, or "" if only `words` describes it."""
        ...

    def lint(self, schedule: Schedule, now: Instant) -> list[str]:
        """Return warnings about a valid but probably unintended schedule, for the year after *now*."""
        ...
