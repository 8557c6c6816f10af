"""The event bus: it calls the subscribers of each type of event and isolates their errors."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from scheduled.core.events import Event

Subscriber = Callable[[Event], None]


class Named(Protocol):
    """An event that can be published: it has a public name."""

    @property
    def name(self) -> str:
        """The event's name, for example `job_failed`."""
        ...


E = TypeVar("E", bound=Named)


class Bus:
    """Publishes events to the subscribers of their type, in the order of subscription.

    If a subscriber raises an exception, a message is passed to *report_error* and the next subscriber is
    called.
    """

    def __init__(self, report_error: Callable[[str], None]) -> None:
        self._subscribers: dict[type[Named], list[Callable[[Any], None]]] = {}
        self._report_error = report_error

    def subscribe(self, to: type[E], subscriber: Callable[[E], None]) -> None:
        """Call *subscriber* with every later event of exactly the type *to*; subclasses do not count."""
        self._subscribers.setdefault(to, []).append(subscriber)

    def publish(self, event: Named) -> None:
        """Call every subscriber of the event's type. An exception in a subscriber is reported, not raised."""
        for subscriber in self._subscribers.get(type(event), ()):
            try:
                subscriber(event)
            except Exception as error:  # noqa: BLE001 - a subscriber may be third-party code
                self._report_error(f"a subscriber of {event.name} failed: {type(error).__name__}: {error}")
