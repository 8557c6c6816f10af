"""The contract of every ledger for incidents and mutes."""

import pytest

from scheduled.core.incidents import Incident
from scheduled.core.keys import JobKey

FIRST = Incident(name="job:a", job="a", since=1.5, openings=(1.5,), text="a: failed", kind="failed", failed=3)


def test_an_incident_is_kept_until_it_is_replaced_or_dropped(ledger):
    other = Incident(name="job:b", since=2.0, noticed_at=3.25, closed=True, ended_at=4.0)
    seen = []
    for change in (
        lambda: (ledger.put_incident(other), ledger.put_incident(FIRST)),
        lambda: ledger.put_incident(Incident(name="job:a", since=9.0)),
        lambda: ledger.drop_incidents(["job:a", "unknown"]),
    ):
        with ledger.transaction():
            change()
        seen.append(ledger.incidents())

    assert seen == [
        {"job:a": FIRST, "job:b": other},
        {"job:a": Incident(name="job:a", since=9.0), "job:b": other},
        {"job:b": other},
    ]


def test_a_mute_holds_until_its_end_or_until_it_is_undone(ledger):
    target, job = JobKey("a", "x"), JobKey("b")
    with ledger.transaction():
        ledger.mute(target, 100)
        ledger.mute(job, None)
        ledger.mute(JobKey("c"), None)
        ledger.unmute(JobKey("c"))

    assert [ledger.mutes(now) for now in (99, 100)] == [{target: 100, job: None}, {job: None}]
    with ledger.transaction():
        ledger.mute(job, 7)
    assert ledger.mutes(0)[job] == 7


@pytest.mark.parametrize(
    "document",
    ["", "xx", "[]", "{}", '{"name": "job:a"}', '{"name": "job:a", "since": "x"}', '{"name": "job:b", "since": 1}',
     '{"name": "job:a", "since": 1e300}', '{"name": "job:a", "since": 1, "openings": [-1e300]}',
     '{"name": "job:a", "since": 1, "ended_at": 1e18}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_incident_is_dropped_by_name_and_the_others_stay(ledger, document):
    other = Incident(name="job:b", since=2.0)
    with ledger.transaction():
        ledger.put_incident(FIRST)
        ledger.put_incident(other)
        ledger._db.execute("UPDATE incidents SET incident = ? WHERE name = 'job:a'", (document,))

    assert ledger.incidents() == {"job:b": other}
    with ledger.transaction():
        assert [ledger.drop_damaged_incidents(), ledger.drop_damaged_incidents()] == [["job:a"], []]
    assert ledger.incidents() == {"job:b": other}
