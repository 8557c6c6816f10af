"""The notices about events: their recipients, with which headline, sentence, priority and link."""

import pytest

from scheduled.core.event_notices import EventRoutes, event_routes, link
from scheduled.core.events import Event
from scheduled.core.routing import Rule

END = {
    "job": "backup", "target": "nas", "run_id": "backup@nas-1", "scheduled_for": "2026-03-01T03:00:00+00:00", "attempt": 2,
    "status": "timed_out", "reason": "no end within 5m", "duration_ms": 300_200, "exit_code": None,
}  # fmt: skip


def notices(event, *rules, url=""):
    return list(EventRoutes(rules=rules, external_url=url).notices(event))


def test_a_notice_about_a_failed_job_has_a_headline_and_a_sentence():
    rule = Rule(on=("job_failed",), to=("ops",))
    (found,) = notices(Event(name="job_failed", payload=END), rule, url="https://x.example/y/")

    assert found.subject == "backup@nas failed"
    assert found.body == (
        "no end within 5m, after 5m, scheduled for 2026-03-01T03:00:00+00:00, attempt 2, status timed_out"
    )
    assert (found.priority, found.kind, found.job, found.target, found.verdict) == (
        "high", "job_failed", "backup", "nas", "timed_out",
    )  # fmt: skip
    assert found.link == "https://x.example/y/runs/backup%40nas-1"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(on=("job_*",), to=("a", "b", "a")), ["a", "b"]),
        (Rule(on=("*",), jobs=("backup@n*",), to=("a",)), ["a"]),
        (Rule(on=("*",), jobs=("other",), to=("a",)), []),
        (Rule(on=("job_failed",), priority="critical", to=("a",)), []),
        (Rule(on=("job_completed",), to=("a",)), []),
        (Rule(to=("a",)), []),
    ],
)
def test_the_recipients_follow_from_the_rules(rule, expected):
    assert [one.recipient for one in notices(Event(name="job_failed", payload=END), rule)] == expected


def test_an_event_of_the_user_has_its_own_priority_and_fields():
    rule = Rule(on=("disk_*",), priority="high", to=("ops",))
    event = Event(name="disk_full", payload={"free": "3 MB", "deep": {"a": [1]}, "priority": "critical"})
    (found,) = notices(event, rule)

    assert (found.subject, found.body, found.priority) == (
        "disk full",
        'free 3 MB, deep {"a":[1]}',
        "critical",
    )
    assert notices(Event(name="disk_full", payload={"priority": "none"}), rule) == []


def test_long_and_odd_values_are_bounded_and_escaped():
    event = Event(name="disk_full", payload={"job": 7, "text": "\x1b" + "x" * 999})
    (found,) = notices(event, Rule(on=("*",), to=("ops",)))

    assert found.subject == "disk full: 7"
    assert found.body.startswith("text \\x1bxxx") and len(found.body) < 250


def test_rules_about_incidents_alone_are_no_routes_of_events():
    assert event_routes([Rule(to=("a",))], "") is None
    assert event_routes([Rule(to=("a",)), Rule(on=("incident", "job_failed"), to=("b",))], "").rules == (
        Rule(on=("incident", "job_failed"), to=("b",)),
    )


def test_a_link_needs_an_address_and_a_run():
    assert (link("", "r"), link("https://x", "")) == ("", "")


def test_a_notice_about_the_end_of_a_run_has_its_last_lines():
    asked = []

    def output(run_id, attempt):
        asked.append((run_id, attempt))
        return "disk is full"

    routes = EventRoutes(rules=(Rule(on=("job_*",), to=("a", "b")),), output=output)
    ended = list(routes.notices(Event(name="job_failed", payload=END)))
    started = list(routes.notices(Event(name="job_started", payload=END)))
    forged = list(routes.notices(Event(name="job_failed", payload={"run_id": "x"})))

    assert [one.output for one in (*ended, *started, *forged)] == ["disk is full"] * 2 + [""] * 4
    assert asked == [("backup@nas-1", 2)]
