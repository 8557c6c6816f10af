"""The start requests that wait, oldest first for each job or target, as a value."""

from collections.abc import Iterable, Iterator

from scheduled.core.keys import JobKey
from scheduled.core.runs import StartRequest


class RequestQueue:
    """Start requests in the order in which each job or target takes them.

    A queue does not change. `without` and `plus` return another one, at a cost that does not grow with the number of
    requests.
    """

    def __init__(self, rows: Iterable[StartRequest] = ()) -> None:
        self._rows: dict[JobKey, list[StartRequest]] = {}
        self._taken: dict[JobKey, int] = {}
        self._added: dict[JobKey, tuple[StartRequest, ...]] = {}
        for row in rows:
            self._rows.setdefault(row.key, []).append(row)

    def __iter__(self) -> Iterator[StartRequest]:
        for key in self.waiting():
            yield from self.of(key)

    def __bool__(self) -> bool:
        return bool(self.waiting())

    def waiting(self) -> list[JobKey]:
        """Return the jobs and targets that have a start request."""
        return [key for key in dict.fromkeys((*self._rows, *self._added)) if key in self]

    def __contains__(self, key: JobKey) -> bool:
        return self._taken.get(key, 0) < len(self._rows.get(key, ())) or key in self._added

    def of(self, key: JobKey) -> tuple[StartRequest, ...]:
        """Return the start requests of *key*, oldest first."""
        return (*self._rows.get(key, ())[self._taken.get(key, 0) :], *self._added.get(key, ()))

    def oldest(self, key: JobKey) -> StartRequest | None:
        """Return the oldest start request of *key*; None if it has none."""
        rows, taken = self._rows.get(key, ()), self._taken.get(key, 0)
        if taken < len(rows):
            return rows[taken]
        return self._added[key][0] if key in self._added else None

    def without(self, keys: Iterable[JobKey]) -> "RequestQueue":
        """Return the queue after each of *keys* has taken its oldest start request."""
        found = self._copy()
        for key in keys:
            found._take(key)  # noqa: SLF001 - a new queue, which has no other user yet
        return found

    def plus(self, rows: Iterable[StartRequest]) -> "RequestQueue":
        """Return the queue with *rows* at the end."""
        found = self._copy()
        for row in rows:
            found._added[row.key] = (*found._added.get(row.key, ()), row)  # noqa: SLF001 - see `without`
        return found

    def only(self, keys: Iterable[JobKey]) -> "RequestQueue":
        """Return the queue of *keys* alone."""
        if not (self._rows or self._added):
            return self
        return RequestQueue(row for key in keys for row in self.of(key))

    def _copy(self) -> "RequestQueue":
        found = RequestQueue()
        found._rows, found._taken, found._added = self._rows, dict(self._taken), dict(self._added)
        return found

    def _take(self, key: JobKey) -> None:
        if self._taken.get(key, 0) < len(self._rows.get(key, ())):
            self._taken[key] = self._taken.get(key, 0) + 1
        elif len(self._added.get(key, ())) > 1:
            self._added[key] = self._added[key][1:]
        else:
            self._added.pop(key, None)
