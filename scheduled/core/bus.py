"""Who hears of events: a list of subscribers, none of which can hurt another."""

from collections.abc import Callable

from scheduled.core.events import Event

Subscriber = Callable[[Event], None]


class Bus:
    """Publishes events to its subscribers in their order; the message of one that raises is given to *trouble*."""

    def __init__(self, trouble: Callable[[str], None]) -> None:
        self._subscribers: list[Subscriber] = []
        self._trouble = trouble

    def subscribe(self, subscriber: Subscriber) -> None:
        """Have *subscriber* called with every event from now on."""
        self._subscribers.append(subscriber)

    def publish(self, event: Event) -> None:
        """Tell everybody; never raises for a subscriber's fault."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception as error:  # noqa: BLE001 - a subscriber may be anybody's code
                self._trouble(f"a subscriber of {event.name} failed: {type(error).__name__}: {error}")
