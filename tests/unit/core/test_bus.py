from scheduled.core.bus import Bus
from scheduled.core.events import Event


class Another(Event, frozen=True):
    """Another type of event."""


NEWS = Event(name="job_failed", payload={"job": "a"})


def test_subscribers_are_called_in_the_order_of_subscription():
    received, bus = [], Bus([].append)
    for name in ("first", "second"):
        bus.subscribe(Event, lambda event, name=name: received.append((name, event)))

    bus.publish(NEWS)

    assert received == [("first", NEWS), ("second", NEWS)]


def test_an_exception_in_a_subscriber_is_reported_and_the_others_are_still_called():
    errors, received = [], []
    bus = Bus(errors.append)
    bus.subscribe(Event, lambda event: {}[event.name])
    bus.subscribe(Event, received.append)

    bus.publish(NEWS)
    bus.publish(NEWS)

    assert received == [NEWS, NEWS]
    assert errors == ["a subscriber of job_failed failed: KeyError: 'job_failed'"] * 2


def test_without_subscribers_nothing_happens():
    errors = []

    Bus(errors.append).publish(NEWS)

    assert errors == []


def test_a_subscriber_receives_only_events_of_its_exact_type():
    received, bus = [], Bus([].append)
    bus.subscribe(Another, received.append)

    bus.publish(NEWS)
    bus.publish(Another(name="job_failed"))

    assert received == [Another(name="job_failed")]
