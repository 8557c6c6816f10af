"""The contract of every ledger for overrides and pauses."""

from scheduled.core.keys import JobKey


def test_an_override_holds_until_it_is_changed_or_removed(ledger):
    seen = []
    for enabled in (True, False, None):
        with ledger.transaction():
            ledger.override(JobKey("job"), enabled)
        seen.append(ledger.overrides())

    job = JobKey("job")
    assert seen == [{job: True}, {job: False}, {}]


def test_a_pause_holds_until_its_end_or_without_end(ledger):
    with ledger.transaction():
        ledger.pause(JobKey("job"), 100)
        ledger.pause(JobKey(""), None)

    every = JobKey("")
    assert [ledger.pauses(now) for now in (99, 100)] == [{JobKey("job"): 100, every: None}, {every: None}]


def test_a_pause_is_replaced_by_a_later_one_and_ended_by_resuming(ledger):
    seen = []
    for change in (
        lambda: ledger.pause(JobKey("job"), 200),
        lambda: ledger.resume(JobKey("job")),
        lambda: ledger.resume(JobKey("job")),
    ):
        with ledger.transaction():
            ledger.pause(JobKey("other"), None)
            change()
        seen.append(ledger.pauses(0))

    job, other = JobKey("job"), JobKey("other")
    assert seen == [{job: 200, other: None}, {other: None}, {other: None}]
