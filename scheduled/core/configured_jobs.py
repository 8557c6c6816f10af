"""All jobs of a configuration by name, with an index of what they refer to."""

from collections.abc import (
    Callable,
    Collection,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
    ValuesView,
)
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.jobs import Job
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import Seconds

if TYPE_CHECKING:
    from scheduled.core.event_notices import EventRoutes


class JobIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What the jobs of a configuration refer to, so that most questions about all of them need not look at each; see `Jobs`."""

    subscribers: dict[str, list[str]]
    coming_after: dict[str, list[str]]
    with_step: dict[str, list[str]]
    in_group: dict[str, list[str]]
    calling: dict[str, list[str]]
    with_changing_targets: list[str]
    with_gate: list[str]
    waking: list[str]
    expecting: list[str]
    with_heartbeat: list[str]
    counts_from_end: bool
    delays_starts: bool
    longest_delay: Seconds


def index_of(jobs: Collection[Job]) -> JobIndex:
    """Return the index of *jobs*."""
    return JobIndex(
        subscribers=_by(jobs, lambda job: [job.on] if job.on else []),
        coming_after=_by(jobs, lambda job: job.after),
        with_step=_by(jobs, lambda job: dict.fromkeys(step for steps in job.action.steps for step in steps)),
        in_group=_by(jobs, lambda job: [job.group] if job.group else []),
        calling=_by(jobs, lambda job: [job.action.name] if job.action.name else []),
        with_changing_targets=[job.name for job in jobs if job.has_changing_targets],
        with_gate=[job.name for job in jobs if job.only_if is not None],
        waking=[job.name for job in jobs if job.wake],
        expecting=[job.name for job in jobs if job.expect is not None and job.expect.is_about_time],
        with_heartbeat=[job.name for job in jobs if job.heartbeat_url],
        counts_from_end=any(counts_from_end(job.schedules) for job in jobs),
        delays_starts=any(job.start_delay for job in jobs),
        longest_delay=max((job.delay for job in jobs), default=0),
    )


def _by(jobs: Collection[Job], names_of: Callable[[Job], Iterable[str]]) -> dict[str, list[str]]:
    """Return the names of *jobs* by each of the names that *names_of* returns for them."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        for name in names_of(job):
            found.setdefault(name, []).append(job.name)
    return found


class Jobs(MutableMapping[str, Job]):
    """The jobs by name, in the order of the configuration, with an index of what they refer to.

    The index does not depend on whether a job is enabled, and on the targets in lists that change by themselves.
    *event_routes* are the routes of notices about events, if the configuration has any.
    """

    event_routes: "EventRoutes | None" = None

    def __init__(self, jobs: Mapping[str, Job] = MappingProxyType({})) -> None:
        self._jobs = dict(jobs)

    def __getitem__(self, name: str) -> Job:
        return self._jobs[name]

    def __setitem__(self, name: str, job: Job) -> None:
        self._jobs[name] = job
        self._forget()

    def __delitem__(self, name: str) -> None:
        del self._jobs[name]
        self._forget()

    def _forget(self) -> None:
        """Forget the index: it is that of other jobs."""
        self.__dict__.pop("index", None)

    def enable(self, name: str, *, enabled: bool) -> None:
        """Enable or disable a job."""
        self._jobs[name] = msgspec.structs.replace(self[name], enabled=enabled)

    def disable_targets(self, name: str, targets: frozenset[str]) -> None:
        """Make *targets* the disabled targets of a job."""
        self._jobs[name] = msgspec.structs.replace(self[name], disabled_targets=targets)

    def give_targets(self, name: str, targets: Sequence[str]) -> None:
        """Set the targets of a job of which the list changes by itself."""
        self._jobs[name] = msgspec.structs.replace(self[name], targets=tuple(targets))

    def __iter__(self) -> Iterator[str]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, name: object) -> bool:
        return name in self._jobs

    def values(self) -> ValuesView[Job]:
        """Return a view of the jobs."""
        return self._jobs.values()

    def items(self) -> ItemsView[str, Job]:
        """Return a view of the names with their jobs."""
        return self._jobs.items()

    def copy(self) -> "Jobs":
        """Return a copy, which can be changed without an effect on this one."""
        return Jobs(self._jobs)

    @cached_property
    def index(self) -> JobIndex:
        """What the jobs refer to."""
        return index_of(self.values())

    @property
    def subscribers(self) -> Mapping[str, Sequence[str]]:
        """The names of the jobs that each event starts, by event name."""
        return self.index.subscribers

    @property
    def coming_after(self) -> Mapping[str, Sequence[str]]:
        """The names of the jobs that come after each job, by its name."""
        return self.index.coming_after

    @property
    def with_step(self) -> Mapping[str, Sequence[str]]:
        """The names of the chains that have each job as a step, by its name."""
        return self.index.with_step

    @property
    def in_group(self) -> Mapping[str, Sequence[str]]:
        """The names of the jobs in each group, by its name."""
        return self.index.in_group

    @property
    def calling(self) -> Mapping[str, Sequence[str]]:
        """The names of the jobs that call each function or handler, by its name."""
        return self.index.calling

    @property
    def with_changing_targets(self) -> Sequence[str]:
        """The names of the jobs of which the list of targets changes by itself."""
        return self.index.with_changing_targets

    @property
    def with_gate(self) -> Sequence[str]:
        """The names of the jobs that have a gate."""
        return self.index.with_gate

    @property
    def waking(self) -> Sequence[str]:
        """The names of the jobs that wake the machine."""
        return self.index.waking

    @property
    def expecting(self) -> Sequence[str]:
        """The names of the jobs of which something is expected over time, see `core.expectations`."""
        return self.index.expecting

    @property
    def with_heartbeat(self) -> Sequence[str]:
        """The names of the jobs that have a monitor."""
        return self.index.with_heartbeat

    @property
    def counts_from_end(self) -> bool:
        """Whether an interval of any job counts from the end of its last run."""
        return self.index.counts_from_end

    @property
    def delays_starts(self) -> bool:
        """Whether any job has a `start_delay`."""
        return self.index.delays_starts
