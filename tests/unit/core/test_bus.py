from scheduled.core.bus import Bus
from scheduled.core.events import Event


class Another(Event, frozen=True):
    """An event of a type of its own."""


NEWS = Event(name="job_failed", payload={"job": "a"})


def test_everybody_hears_in_the_order_of_subscription():
    heard, bus = [], Bus([].append)
    for name in ("first", "second"):
        bus.subscribe(Event, lambda event, name=name: heard.append((name, event)))

    bus.publish(NEWS)

    assert heard == [("first", NEWS), ("second", NEWS)]


def test_a_subscriber_that_raises_is_told_and_the_others_still_hear():
    troubles, heard = [], []
    bus = Bus(troubles.append)
    bus.subscribe(Event, lambda event: {}[event.name])
    bus.subscribe(Event, heard.append)

    bus.publish(NEWS)
    bus.publish(NEWS)

    assert heard == [NEWS, NEWS]
    assert troubles == ["a subscriber of job_failed failed: KeyError: 'job_failed'"] * 2


def test_without_subscribers_nothing_happens():
    troubles = []

    Bus(troubles.append).publish(NEWS)

    assert troubles == []


def test_events_of_another_type_are_not_heard():
    heard, bus = [], Bus([].append)
    bus.subscribe(Another, heard.append)

    bus.publish(NEWS)
    bus.publish(Another(name="job_failed"))

    assert heard == [Another(name="job_failed")]
