"""What every ledger must do with what people set by hand."""


def test_an_override_holds_until_it_is_changed_or_taken_back(ledger):
    seen = []
    for enabled in (True, False, None):
        with ledger.transaction():
            ledger.override("job", enabled)
        seen.append(ledger.overrides())

    assert seen == [{"job": True}, {"job": False}, {}]


def test_a_pause_holds_until_its_instant_or_for_ever(ledger):
    with ledger.transaction():
        ledger.pause("job", 100)
        ledger.pause("", None)

    assert [ledger.pauses(now) for now in (99, 100)] == [{"job": 100, "": None}, {"": None}]


def test_a_pause_is_replaced_by_a_later_one_and_ended_by_resuming(ledger):
    seen = []
    for change in (
        lambda: ledger.pause("job", 200),
        lambda: ledger.resume("job"),
        lambda: ledger.resume("job"),
    ):
        with ledger.transaction():
            ledger.pause("other", None)
            change()
        seen.append(ledger.pauses(0))

    assert seen == [{"job": 200, "other": None}, {"other": None}, {"other": None}]
