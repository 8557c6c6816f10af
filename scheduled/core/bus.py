"""Where what happens meets who reacts: subscribers to a type of event, none of which can hurt another."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from scheduled.core.events import Event

Subscriber = Callable[[Event], None]


class Named(Protocol):
    """What can be published: it has a public name."""

    @property
    def name(self) -> str:
        """The event's name (`job_failed`)."""
        ...


E = TypeVar("E", bound=Named)


class Bus:
    """Publishes events to the subscribers to their type, in order; the message of one that raises is given to *trouble*."""

    def __init__(self, trouble: Callable[[str], None]) -> None:
        self._subscribers: dict[type[Named], list[Callable[[Any], None]]] = {}
        self._trouble = trouble

    def subscribe(self, to: type[E], subscriber: Callable[[E], None]) -> None:
        """Have *subscriber* called with every event of the very type *to* from now on."""
        self._subscribers.setdefault(to, []).append(subscriber)

    def publish(self, event: Named) -> None:
        """Call every subscriber to the type of *event*; never raises for a subscriber's fault."""
        for subscriber in self._subscribers.get(type(event), ()):
            try:
                subscriber(event)
            except Exception as error:  # noqa: BLE001 - a subscriber may be anybody's code
                self._trouble(f"a subscriber of {event.name} failed: {type(error).__name__}: {error}")
