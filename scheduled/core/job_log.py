"""Compare a log in which jobs write their own starts and ends with the attempts that the ledger records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from scheduled.core.job_log_lines import LogEvent
from scheduled.core.keys import JobKey, Keyed
from scheduled.schedules.zones import Instant

# Seconds between an instant in the log, which may be cut to the second, and one of the ledger for the same start or end.
TOLERANCE = 2


class RecordedAttempt(Keyed, frozen=True, kw_only=True):
    """An attempt as the ledger records it. *finished_at* is None while it is under way.

    *has_start* and *has_end*: the job got so far that its start, or its end, must be in a log that has those of this job.
    *is_certain*: the instants are those of the supervisor, and not estimated after a kill.
    """

    job: str
    target: str = ""
    run_id: str
    attempt: int
    slot: Instant | None
    status: str
    started_at: float
    finished_at: float | None
    has_start: bool = False
    has_end: bool = False
    is_certain: bool = True


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between the log and the ledger: in a *line* of the log, or about an attempt without a line."""

    line: int | None
    job: str
    target: str = ""
    run_id: str | None
    attempt: int | None
    at: float
    problem: str


class _Track(msgspec.Struct):
    """An attempt, with its start and its end in the log."""

    attempt: RecordedAttempt
    start: LogEvent | None = None
    end: LogEvent | None = None


def compare(
    events: Sequence[LogEvent],
    attempts: Iterable[RecordedAttempt],
    since: Mapping[str, Instant],
    judged: int,
) -> list[Difference]:
    """Compare *events*, in the order in which they were written, with *attempts*, oldest first, in both directions.

    *since* has the instant from which on the ledger has every run of a job (the key '' is for all others). A line of a job
    without a recorded attempt is a difference only after the last line before this instant, and not after line *judged*:
    later lines were written when the attempts had been read.
    """
    found = _Comparison(attempts)
    problems = [
        *found.read(events, _last_before(events, since), judged),
        *found.overlaps(),
        *found.missing(events),
    ]
    return sorted(problems, key=lambda problem: (problem.line is None, problem.line or 0, problem.at))


def _last_before(events: Iterable[LogEvent], since: Mapping[str, Instant]) -> dict[str, int]:
    """Return, by job, the number of the last line before the instant *since*.

    The order of the lines counts, because a clock that went back repeats instants.
    """
    found = dict.fromkeys(since, 0)
    for event in events:
        for name in {event.name, ""}.intersection(since):
            if event.at < since[name]:
                found[name] = event.number
    return found


class _Comparison:
    def __init__(self, attempts: Iterable[RecordedAttempt]) -> None:
        self._tracks = [_Track(attempt) for attempt in attempts]
        self._by_run: dict[str, list[_Track]] = {}
        self._by_name: dict[str, list[_Track]] = {}
        for track in self._tracks:
            self._by_run.setdefault(track.attempt.run_id, []).append(track)
            for name in {track.attempt.job, str(track.attempt.key)}:
                self._by_name.setdefault(name, []).append(track)
        self._open: dict[JobKey, list[_Track]] = {}
        self._pairs: list[tuple[_Track, _Track]] = []
        self._unknown: list[LogEvent] = []  # starts without an attempt, up to their end

    def read(
        self, events: Sequence[LogEvent], before: Mapping[str, int], judged: int
    ) -> Iterator[Difference]:
        """Find the attempt of each event; yield the events that have none, and second starts of an attempt."""
        for event in events:
            track, last = self._track_of(event), max(before[""], before.get(event.name, 0))
            if track is None:
                if not self._ends_unknown(event) and last < event.number <= judged:
                    yield _of_event(event, f"{event.event} at this instant, but no such attempt is recorded")
            elif event.event == "end":
                self._end(track, event)
            elif track.start is not None and track.start.number > last:
                yield _of_event(event, f"second start of an attempt that starts in line {track.start.number}")
            else:
                self._start(track, event)

    def _ends_unknown(self, event: LogEvent) -> bool:
        """Keep a start without an attempt; return whether *event* is the end of such a start, which was judged."""
        if event.event == "start":
            self._unknown.append(event)
            return False
        about = (event.name, event.run_id, event.attempt)
        start = next((one for one in self._unknown if (one.name, one.run_id, one.attempt) == about), None)
        if start is not None:
            self._unknown.remove(start)
        return start is not None

    def _start(self, track: _Track, event: LogEvent) -> None:
        track.start = event  # one before the ledger was lost is not that of this attempt
        others = self._open.setdefault(track.attempt.key, [])
        if track in others:
            others.remove(track)
        self._pairs += [(other, track) for other in others]
        others.append(track)

    def _end(self, track: _Track, event: LogEvent) -> None:
        track.end = event
        others = self._open.get(track.attempt.key, [])
        if track in others:
            others.remove(track)

    def _track_of(self, event: LogEvent) -> _Track | None:
        """Return the attempt of *event*: that of its run, otherwise one of its job that was under way at its instant."""
        if event.run_id is None:
            return self._at_its_instant(event)
        of_run = self._by_run.get(event.run_id, [])
        if event.attempt is not None:
            return next((track for track in of_run if track.attempt.attempt == event.attempt), None)
        return next((track for track in of_run if _misses(track, event)), of_run[-1] if of_run else None)

    def _at_its_instant(self, event: LogEvent) -> _Track | None:
        of_job = [
            track
            for track in self._by_name.get(event.name, [])
            if _misses(track, event) and event.slot in (None, track.attempt.slot)
        ]
        fitting = [track for track in of_job if _covers(track.attempt, event.at)]
        fitting = fitting or [track for track in of_job if not track.attempt.is_certain]
        if event.event == "start":
            return fitting[0] if fitting else None
        return min(fitting, key=lambda track: _from_end(track, event.at), default=None)

    def overlaps(self) -> Iterator[Difference]:
        """Yield the starts of attempts between the start and the end of another attempt of the job."""
        for first, second in self._pairs:
            ended = first.end is not None or first.attempt.finished_at is None
            if ended and first.start is not None and second.start is not None:
                yield _of_event(
                    second.start,
                    f"starts while {_name(first.attempt)} runs, which starts in line {first.start.number}",
                )

    def missing(self, events: Sequence[LogEvent]) -> Iterator[Difference]:
        """Yield the attempts of jobs in the log without their start, or without their end, since the first line of the job."""
        firsts, ends = self._firsts(events), self._jobs_with_ends()
        for track in self._tracks:
            attempt = track.attempt
            if attempt.started_at < firsts.get(attempt.job, float("inf")):
                continue
            if track.start is None and attempt.has_start:
                yield _of_attempt(attempt, "is recorded, but the log has no start of it")
            elif track.end is None and attempt.has_end and attempt.job in ends:
                yield _of_attempt(attempt, f"is recorded as {attempt.status}, but the log has no end of it")

    def _firsts(self, events: Sequence[LogEvent]) -> dict[str, Instant]:
        """Return the instant of the first line of each job."""
        firsts: dict[str, Instant] = {}
        for event in events:
            for track in self._by_name.get(event.name, [])[:1]:
                firsts.setdefault(track.attempt.job, event.at)
        return firsts

    def _jobs_with_ends(self) -> set[str]:
        return {track.attempt.job for track in self._tracks if track.end is not None}


def _misses(track: _Track, event: LogEvent) -> bool:
    """Return whether *event* can be the missing start, or the missing end, of an attempt."""
    if event.event == "start":
        return track.start is None
    return track.end is None


def _covers(attempt: RecordedAttempt, at: Instant) -> bool:
    ended = attempt.finished_at is not None and at > attempt.finished_at + TOLERANCE
    return at >= attempt.started_at - TOLERANCE and not ended


def _from_end(track: _Track, at: Instant) -> tuple[bool, float]:
    """Return how far *at* is from the end of an attempt; one with a start in the log comes first."""
    ended = track.attempt.finished_at
    return track.start is None, float("inf") if ended is None else abs(ended - at)


def _name(attempt: RecordedAttempt) -> str:
    return f"{attempt.run_id}, attempt {attempt.attempt},"


def _of_event(event: LogEvent, problem: str) -> Difference:
    return Difference(
        line=event.number,
        job=event.name,
        run_id=event.run_id,
        attempt=event.attempt,
        at=event.at,
        problem=problem,
    )


def _of_attempt(attempt: RecordedAttempt, problem: str) -> Difference:
    return Difference(
        line=None,
        job=attempt.job,
        target=attempt.target,
        run_id=attempt.run_id,
        attempt=attempt.attempt,
        at=attempt.started_at,
        problem=problem,
    )
