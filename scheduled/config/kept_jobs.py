"""Jobs that were parsed before: each is decoded when it is first asked for."""

from collections.abc import ItemsView, Iterator, ValuesView
from itertools import accumulate, pairwise
from typing import Any

import msgspec

from scheduled.config.secret_urls import is_secret_url
from scheduled.core.configured_jobs import JobIndex, Jobs
from scheduled.core.jobs import Job
from scheduled.masking import is_secret_name


class JobList(msgspec.Struct, frozen=True):
    """The *names* of jobs in their order, the *ends* of their encoded values, one after the other, and their *index*."""

    names: list[str]
    ends: list[int]
    index: JobIndex


def encode(jobs: Jobs) -> tuple[JobList, bytes] | None:
    """Return *jobs*, encoded; None if one has a secret, or a value that can't be encoded without a difference."""
    if any(is_secret_name(name) for job in jobs.values() for name in job.env):
        return None
    if any(is_secret_url(job.heartbeat_url) for job in jobs.values()):
        return None
    bodies = [msgspec.msgpack.encode(job) for job in jobs.values()]
    decode = msgspec.msgpack.Decoder(Job).decode
    if not all(
        _is_plain(job.options) and decode(body) == job
        for body, job in zip(bodies, jobs.values(), strict=True)
    ):
        return None
    return JobList(list(jobs), [*accumulate(map(len, bodies))], jobs.index), b"".join(bodies)


def _is_plain(value: Any) -> bool:
    """Return whether *value* has no date or time, of which the decoded one may be another value."""
    if isinstance(value, dict | list):
        return all(map(_is_plain, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool | int | float | str | None)


class KeptJobs(Jobs):
    """The jobs that *listed* names, encoded in *data*. The *decoded* ones are shared by all objects with the same data."""

    def __init__(
        self, listed: JobList, data: bytes | memoryview, decoded: dict[str, Job] | None = None
    ) -> None:
        super().__init__()
        self._decoded = {} if decoded is None else decoded
        self._spans = dict(zip(listed.names, pairwise((0, *listed.ends)), strict=True))
        self._data, self._decode = data, msgspec.msgpack.Decoder(Job).decode
        self._complete = False
        self.__dict__["index"] = listed.index

    def __getitem__(self, name: str) -> Job:
        job = self._jobs.get(name)
        if job is None:
            begin, end = self._spans[name]
            job = self._decoded.get(name)
            if job is None:
                job = self._decoded[name] = self._decode(self._data[begin:end])
            self._jobs[name] = job
        return job

    def __setitem__(self, name: str, job: Job) -> None:
        self._decode_all()
        super().__setitem__(name, job)
        self._spans[name] = (0, 0)

    def __delitem__(self, name: str) -> None:
        self._decode_all()
        super().__delitem__(name)
        del self._spans[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __contains__(self, name: object) -> bool:
        return name in self._spans

    def values(self) -> ValuesView[Job]:
        """See `Jobs.values`."""
        self._decode_all()
        return super().values()

    def items(self) -> ItemsView[str, Job]:
        """See `Jobs.items`."""
        self._decode_all()
        return super().items()

    def copy(self) -> Jobs:
        """See `Jobs.copy`."""
        self._decode_all()
        return super().copy()

    def _decode_all(self) -> None:
        if not self._complete:
            self._jobs = {name: self[name] for name in self._spans}
            self._complete = True
