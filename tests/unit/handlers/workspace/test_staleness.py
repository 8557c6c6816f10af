"""The rules for stale mail: the fast choice of the mails to judge agrees with the judgement of every mail."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduled.handlers.formats.message import mail_of
from scheduled.handlers.workspace.staleness import MailAction, Options, Rule

NOW = datetime(2026, 10, 27, 0, 30, tzinfo=UTC)  # 48 hours after the hour that Berlin has twice
ZONES = ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Kiritimati", "UTC"]
AGES = st.one_of(
    st.timedeltas(timedelta(days=-40), timedelta(days=40)),
    st.sampled_from([timedelta(hours=48), timedelta(days=7), timedelta(days=30)]).flatmap(
        lambda age: st.timedeltas(timedelta(hours=-3), timedelta(hours=3)).map(lambda more: age + more)
    ),
)
FORMS = st.sampled_from(
    [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S.%f",
        "%Y-%m-%d",
        "%Y%m%dT%H%M%S",
        "%G-W%V-%u",
        "%Y-%m-%d %H:%M:%S+14:00",
        "%Y-%m-%dT%H:%M:%SZ",
        " %Y-%m-%d %H:%M:%S\n",
        "%Y-%m-%d %H:%M:%S and more",
        "%d.%m.%Y",
    ]
)
STAMPS = st.one_of(
    st.none(),
    st.builds(lambda age, form: (NOW - age).strftime(form), AGES, FORMS),
    st.sampled_from(
        ["", 5, True, ["2026-10-20"], "2026-99-99 00:00:00", "9999-12-31 23:59:59", "0001-01-01"]
    ),
)
MAILS = st.one_of(
    st.just("not a message"),
    st.fixed_dictionaries(
        {"id": st.sampled_from(["a", "b", None, 7]), "timestamp": STAMPS},
        optional={
            "status": st.sampled_from(["new", "opened", "closed", None, 5, ["new"]]),
            "read": st.booleans(),
            "auto_execute": st.booleans(),
            "auto_opened_at": STAMPS,
            "opened_at": STAMPS,
            "last_updated": STAMPS,
            "subject": st.sampled_from(["Hello", "[SCHEDULED] Notice", 5]),
            "from": st.sampled_from(["@flow", "@trigger", None]),
        },
    ),
)
SEEN = st.none() | st.dictionaries(
    st.sampled_from(["a", "b", "7"]), st.none() | AGES.map(lambda age: (NOW - age).timestamp())
)


# Its text is from long before the time at which it was sent.
OLD_NOTICE = {
    "timestamp": "2026-10-27",
    "status": "new",
    "from": "@trigger",
    "subject": "[DAILY] Report",
    "last_updated": "2026-01-01",
}


def judged(rule, mail, seen):
    """Return the action for *mail*, or the text of the error that names its problem."""
    try:
        return rule.action(mail, seen)
    except ValueError as error:
        return str(error)


@given(st.lists(MAILS, max_size=5), SEEN, st.sampled_from(ZONES), st.sampled_from([0, 1, 48, 10**7]))
@example([{"timestamp": "2026-10-25 02:29:00", "status": "new"}], None, "Europe/Berlin", 48)
@example([{"timestamp": "2026-10-25 03:29:00", "status": "new"}], None, "Europe/Berlin", 48)
@example([{"timestamp": "9999-12-31 23:59:59", "status": "new"}], None, "America/Havana", 48)
@example([{"id": "a", "timestamp": "2026-99-99", "status": "opened"}], {"a": None}, "UTC", 48)
@example([OLD_NOTICE], None, "UTC", 48)
def test_every_mail_that_is_not_judged_would_be_kept(messages, seen, zone, hours):
    rule = Rule(Options(new_hours=hours), NOW, ZoneInfo(zone), "@trigger")
    mails = [mail_of(message) for message in messages]
    chosen = set(rule.to_judge(mails, seen))

    others = [judged(rule, mail, seen) for place, mail in enumerate(mails) if place not in chosen]

    assert [MailAction.KEEP] * len(others) == others


@pytest.mark.parametrize("zone", ZONES)
def test_recent_mails_are_not_judged(zone):
    rule = Rule(Options(), NOW + timedelta(days=10), ZoneInfo(zone), "@trigger")
    stamp = f"{NOW + timedelta(days=9):%Y-%m-%d %H:%M:%S}"
    mails = [mail_of({"timestamp": stamp, "status": status}) for status in ("new", "opened", "closed", None)]

    assert list(rule.to_judge(mails)) == []
