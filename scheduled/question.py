"""The limits of a read-only question of an interface: processor time, entries of its answer, and no commands.

An interface opens `limited` around a question. The loops of the queries and the reads of the ledger call `check`, so that
a question ends soon after it has used up its time. Outside of `limited` there are no limits: the command line has none.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import thread_time
from typing import TypeVar

from scheduled.errors import TooLongError

SECONDS = 1.5  # of processor time; to encode MOST_ENTRIES takes less than half a second
MOST_ENTRIES = 50_000  # of an answer that is a list
BETWEEN_CHECKS = 16  # entries: reading the clock takes about as long as a hundredth of a step of a simulation
ADVICE = "use the command line, which has no such limit; a question with a span, a number of entries or a job can ask for less"

Entry = TypeVar("Entry")


class _Question:
    """A question that began now, with its limit of processor time *seconds*; *used* is a clock of the thread."""

    def __init__(self, seconds: float, used: Callable[[], float]) -> None:
        self.seconds, self.used, self.began = seconds, used, used()

    def is_over(self) -> bool:
        """Return whether the processor time is used up."""
        return self.used() - self.began > self.seconds


_asked: ContextVar[_Question | None] = ContextVar("question", default=None)


@contextmanager
def limited(seconds: float | None = None, used: Callable[[], float] = thread_time) -> Iterator[None]:
    """Limit what happens in this context, or in the decorated function, to *seconds* of processor time and to no commands.

    *seconds* is SECONDS by default. *used* measures them; the context must be entered in the thread that answers the question.
    """
    token = _asked.set(_Question(SECONDS if seconds is None else seconds, used))
    try:
        yield
    finally:
        _asked.reset(token)


def is_limited() -> bool:
    """Return whether an interface asks: nothing that the user configured is executed then."""
    return _asked.get() is not None


def is_over() -> bool:
    """Return whether the question has used up its processor time."""
    asked = _asked.get()
    return asked is not None and asked.is_over()


def check() -> None:
    """Raise TooLongError if the question has used up its processor time."""
    asked = _asked.get()
    if asked is not None and asked.is_over():
        raise too_long()


def too_long() -> TooLongError:
    """Return the error for a question that has used up its processor time."""
    asked = _asked.get()
    seconds = SECONDS if asked is None else asked.seconds
    return TooLongError(f"the answer takes more than {seconds:g} seconds of processor time; {ADVICE}")


def each(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Return an iterator of *entries*, with a `check` between them while an interface asks."""
    return iter(entries) if _asked.get() is None else _checked(entries)


def _checked(entries: Iterable[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        if not number % BETWEEN_CHECKS:
            check()
        yield entry


def refuse_long(entries: int) -> None:
    """Raise TooLongError if an interface asks and its answer has more than MOST_ENTRIES *entries*."""
    if is_limited() and entries > MOST_ENTRIES:
        raise TooLongError(f"the answer has more than {MOST_ENTRIES:,} entries; {ADVICE}")
