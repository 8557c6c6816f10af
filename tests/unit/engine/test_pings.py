"""What a tick records of its heartbeats, with a sender of the test in place of the process."""

import json
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from scheduled.core.bus import Bus
from scheduled.core.configured_jobs import Jobs
from scheduled.core.events import Event
from scheduled.core.incidents import Policy
from scheduled.core.jobs import Action, Job
from scheduled.core.pings import EVERY
from scheduled.engine import pings
from scheduled.engine.pings import FAILING, SENT_AT, WAITING, Pings
from scheduled.execution import ping_sender
from scheduled.execution.ping_sender import Answer
from scheduled.notify import incidents
from scheduled.notify.incident_texts import text
from scheduled.paths import Paths
from scheduled.schedules.schedule import Schedule
from scheduled.state.locks import inherited
from scheduled.state.sqlite.ledger import SqliteLedger

HOURLY = (Schedule(kind="cron", expression="0 * * * *", zone="UTC"),)


class Sender:
    """Answers what *replies* has for the orders so far, once each."""

    def __init__(self, *_):
        self.orders, self.replies, self.closed = [], [], False

    def send(self, *order, first=False):
        _, slug, signal, exit_code, *_ = order
        self.orders.append((slug, signal, exit_code, first))
        return len(self.orders)

    def answers(self, _wait):
        found, self.replies = self.replies, []
        return found

    def close(self):
        self.closed = True


class Ledger(SqliteLedger):
    """A ledger that has every run; that of a person is `by-hand`."""

    def run(self, run_id):
        return SimpleNamespace(trigger="manual" if run_id == "by-hand" else "schedule")


@pytest.fixture
def ledger(tmp_path):
    found = Ledger(tmp_path / "ledger.db")
    with found.transaction():
        yield found
    found.close()


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setattr(ping_sender, "PingSender", Sender)
    job = Job(name="a", schedules=HOURLY, action=Action("command", line="x"), heartbeat_url="https://m/{job}")
    log = []
    return SimpleNamespace(
        config=SimpleNamespace(jobs=Jobs({"a": job}), notify=SimpleNamespace(heartbeat_url="https://m/t")),
        paths=Paths(tmp_path),
        bus=Bus(log.append),
        log=log,
        log_line=lambda _level, text: log.append(text),
        zone="UTC",
    )


def event(name, run="a-1", **payload):
    return Event(name=name, payload={"job": "a", "run_id": run, "attempt": 1, **payload})


def fact(of, ledger, runtime, name, **payload):
    of.note(ledger, [event(name, **payload)])
    runtime.bus.publish(event(name, **payload))


def waiting(ledger):
    return [(entry[2], entry[4], entry[8]) for entry in json.loads(ledger.meta(WAITING) or "[]")]


def test_what_has_arrived_is_removed_with_the_next_fact(ledger, runtime):
    found = Pings(runtime, "t", sends=True)
    fact(found, ledger, runtime, "job_started")
    assert waiting(ledger) == [("a-1", "start", "t")]
    found._sender.replies = [Answer(1), Answer(2)]
    fact(found, ledger, runtime, "job_completed", status="success")

    assert waiting(ledger) == [("a-1", "success", "t")]
    assert found._sender.orders == [
        ("scheduled", "start", None, True),
        ("a", "start", None, False),
        ("a", "success", None, False),
    ]


def test_what_was_not_answered_is_left_to_the_next_tick(ledger, runtime):
    found = Pings(runtime, "t", sends=True)
    fact(found, ledger, runtime, "job_started")
    found._sender.replies = [Answer(2, "refused")]
    found._record(ledger, int(pings.clock.now()))

    assert waiting(ledger) == [("a-1", "start", "")]
    assert json.loads(ledger.meta(FAILING))["a"][1] == "refused"
    assert runtime.log == ["a: its heartbeat was not received: refused; it is repeated"]


def test_a_tick_of_a_person_records_and_sends_nothing(ledger, runtime):
    found = Pings(runtime, "t", sends=False)
    fact(found, ledger, runtime, "job_started")
    found.end(0, [])

    assert waiting(ledger) == [("a-1", "start", "")]
    assert pings.next_due(runtime, ledger, 1000) == [1000, EVERY]


def test_a_run_by_hand_and_a_job_without_a_monitor_are_not_recorded(ledger, runtime):
    found = Pings(runtime, "t", sends=True)
    found.note(ledger, [event("job_started", "by-hand"), event("job_started", job="other")])

    assert waiting(ledger) == []


def test_the_next_tick_of_cron_takes_over_and_the_one_after_it_does_not(ledger, runtime):
    person = Pings(runtime, "p", sends=False)
    person.note(ledger, [event("job_started"), event("job_failed", status="failed", exit_code=3)])
    found = Pings(runtime, "t", sends=True)
    found.note(ledger, [])
    runtime.bus.publish(Event(name="task_added"))

    assert waiting(ledger) == [("a-1", "fail", "t")]
    assert found._sender.orders[1:] == [("a", "fail", 3, False)]
    assert pings.next_due(runtime, ledger, 1000) == [EVERY]
    (runtime.paths.root / "results").mkdir()
    runtime.paths.results_of("t").touch()
    later = Pings(runtime, "u", sends=True)
    with inherited(runtime.paths.results_of("t"), 1.0):
        later.note(ledger, [])
    assert waiting(ledger) == [("a-1", "fail", "t")]


@pytest.mark.parametrize(("later", "kept"), [(3599, True), (3600, False), (-1, True), (-(10**6), True)])
def test_a_ping_is_repeated_for_an_hour_also_if_the_clock_is_set_back(
    ledger, runtime, monkeypatch, later, kept
):
    Pings(runtime, "p", sends=False).note(ledger, [event("job_completed", status="success")])
    at = pings.clock.now() + later
    monkeypatch.setattr(pings.clock, "now", lambda: at)
    found = Pings(runtime, "t", sends=True)
    found.note(ledger, [])

    assert bool(waiting(ledger)) == kept
    assert bool(runtime.log) != kept


def test_a_trouble_begins_after_an_hour_and_ends_with_the_key(ledger, runtime):
    ledger.remember(FAILING, json.dumps({"a": [1000, "refused"], "": [5000, "x"], "gone": [1, "x"]}))

    assert pings.troubles(runtime, ledger, 1000 + 3599) == {}
    (one,) = pings.troubles(runtime, ledger, 1000 + 3600).values()
    assert one.text.startswith("a: its heartbeat has not been received since 1970-01-01 00:16: refused")
    assert pings.troubles(runtime, ledger, 9000).keys() == {"heartbeat:a", "tick:heartbeat"}


def test_many_heartbeats_that_are_not_received_keep_their_troubles_and_share_notices(ledger, runtime):
    job = runtime.config.jobs["a"]
    runtime.config.jobs = Jobs({name: replace(job, name=name) for name in "abcd"})
    printed = []
    for now, names in ((9000, "abc"), (9300, "abcd"), (9600, "abc"), (9900, "")):
        ledger.remember(FAILING, json.dumps({name: [1000, f"refused {name}"] for name in names}))
        found = pings.troubles(runtime, ledger, now)
        messages = incidents.advance(ledger, runtime.config.jobs, found, Policy(), now, {})
        printed.append([text(message, now, "UTC") for message in messages])

    assert printed == [
        ["3 heartbeats are not received: a, b, c (scheduled incidents)"],
        ["d: its heartbeat has not been received since 1970-01-01 00:16: refused d (scheduled show d)"],
        ["d: over after 5m: its heartbeat has not been received since 1970-01-01 00:16: refused d"],
        ["3 heartbeats are received again: a, b, c: after 15m"],
    ]


def test_the_time_of_the_last_ping_of_the_tick_is_kept(ledger, runtime):
    ledger.remember(SENT_AT, "5000")

    assert pings.next_due(runtime, ledger, 1) == [5000 + EVERY]
