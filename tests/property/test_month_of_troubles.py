"""A month of troubles: what a careful person wants to read about it, and when; each once."""

import msgspec
import pytest

from scheduled.core.keys import JobKey
from tests.fixtures.month import Month, instant

FLAPS = [f"3 {hour:02}:{minute:02}" for hour in range(10, 16) for minute in (0, 40)]
NAS = ("nas-home", "nas-mail", "nas-music", "nas-photos", "nas-video")
NO_ROUTE = "mount: nas: no route to host\n"
JOBS = """
timezone = "Europe/Berlin"

[notify]
quiet = ["22:00", "07:00"]
digest = "08:00"

[jobs.fetch]
command = ["true"]
cron = "*/20 * * * *"
[jobs.nas-home]
command = ["true"]
cron = "5 * * * *"
[jobs.nas-mail]
command = ["true"]
cron = "5 * * * *"
[jobs.nas-music]
command = ["true"]
cron = "5 * * * *"
[jobs.nas-photos]
command = ["true"]
cron = "5 */2 * * *"
[jobs.nas-video]
command = ["true"]
cron = "5 */3 * * *"
[jobs.pack]
command = ["true"]
[jobs.push]
command = ["true"]
[jobs.nightly]
cron = "0 2 * * *"
chain = ["pack", "push"]
[jobs.verify]
command = ["true"]
cron = "30 2 * * *"
after = ["nightly"]
[jobs.retried]
command = ["true"]
cron = "0 9 * * *"
retry = {max_attempts = 4, delay = "10m"}
[jobs.muted]
command = ["true"]
cron = "15 * * * *"
[jobs.known]
command = ["true"]
cron = "20 * * * *"
[jobs.vital]
command = ["true"]
cron = "25 * * * *"
priority = "critical"
[jobs.minor]
command = ["true"]
cron = "40 * * * *"
priority = "low"
[jobs.old]
command = ["true"]
cron = "50 * * * *"
[jobs.broken]
command = ["true"]
cron = "0 11 * * *"
"""
TROUBLES = [
    ("broken", "1 10:00", "31 23:00", 2, "broken\n"),
    *[("fetch", at, f"{at[:-1]}9", 7, "curl: (7) no network\n") for at in FLAPS],
    *[(name, "5 10:00", "5 22:00", 32, NO_ROUTE) for name in NAS],
    ("push", "7 01:00", "9 01:00", 1, "push: denied\n"),
    ("retried", "10 08:59", "10 09:25", 4, "not yet\n"),  # heals before its last attempt
    ("retried", "11 08:59", "11 20:00", 4, "not yet\n"),
    ("muted", "12 10:00", "13 15:00", 1, "m\n"),
    ("known", "14 10:00", "18 15:00", 1, "known\n"),
    ("vital", "15 02:00", "15 03:00", 1, "vital\n"),
    ("old", "15 23:00", "16 05:00", 1, "at night\n"),
    ("fetch", "15 23:00", "16 09:00", 7, "curl: (7) no network\n"),
    ("minor", "17 10:00", "17 12:00", 1, "minor\n"),
    ("old", "19 10:00", "30 12:00", 1, "old\n"),
    ("fetch", "21 10:00", "21 12:00", 7, "curl: (7) no network\n"),
    ("fetch", "22 10:00", "22 12:00", 7, "curl: (7) no network\n"),
    ("fetch", "23 09:55", "23 12:10", 7, "curl: (7) no network\n"),
    ("nas-home", "24 10:00", "28 10:00", 32, NO_ROUTE),
]


def reminder(at, runs):
    text = f"broken: failed: exit code 2; since 2026-03-01 11:00, {runs} failed runs (scheduled logs broken)"
    return f"{at} {text}"


FETCH = "fetch: failed: exit code 7"
WANTED = [
    "1 11:00 broken: failed: exit code 2 (scheduled logs broken)",
    # The network comes and goes for six hours.
    f"3 10:00 {FETCH} (scheduled logs fetch)",
    "3 10:20 fetch: up again after 20m, 1 failed run",
    f"3 10:40 {FETCH} (scheduled logs fetch)",
    "3 11:20 fetch: up again after 40m, 2 failed runs",
    f"3 11:40 {FETCH}; flapping: 3 times in 1h40m; the next notice comes when it has been away for 2h (scheduled logs fetch)",
    "3 18:00 fetch: up again since 2026-03-03 16:00, after 4h20m, 9 failed runs",
    # The NAS is dead for half a day; that it is back is no news for the night.
    "5 10:05 4 jobs at once: nas-home, nas-mail, nas-music, nas-photos: failed: exit code 32 (scheduled incidents)",
    "5 12:05 nas-video: failed: exit code 32 (scheduled logs nas-video)",
    "6 07:00 5 jobs up again: nas-home, nas-mail, nas-music, nas-photos, nas-video: since 2026-03-06 00:05, after 12h, 46 failed runs",
    # A step of a chain fails at night, and with it the chain and the job after it.
    "7 07:00 push: failed: exit code 1; since 2026-03-07 02:00, 1 failed run; because of it also: nightly, verify (scheduled logs push)",
    "8 07:00 push: failed: exit code 1; since 2026-03-07 02:00, 2 failed runs; because of it also: nightly, verify (scheduled logs push)",
    "9 07:00 push: up again since 2026-03-09 02:00, after 2d, 2 failed runs",
    "11 09:45 retried: failed: exit code 4 (scheduled logs retried)",
    "12 09:00 retried: up again after 23h15m, 1 failed run",
    # It is acknowledged: no reminders.
    "14 10:20 known: failed: exit code 1 (scheduled logs known)",
    "18 15:20 known: up again after 4d5h, 101 failed runs",
    "15 02:25 vital: failed: exit code 1 (scheduled logs vital)",
    "15 03:25 vital: up again after 1h, 1 failed run",
    f"16 07:00 {FETCH}; since 2026-03-15 23:00, 25 failed runs (scheduled logs fetch)",
    "16 09:00 fetch: up again after 10h, 30 failed runs",
    "17 10:40 minor: failed: exit code 1 (scheduled logs minor)",
    "17 12:40 minor: up again after 2h, 2 failed runs",
    "19 10:50 old: failed: exit code 1 (scheduled logs old)",  # and then it is disabled
    # The tick that announces it is killed before its commit, after it, and then the machine loses power meanwhile.
    f"21 10:05 {FETCH} (scheduled logs fetch)",
    "21 12:00 fetch: up again after 1h54m, 6 failed runs",
    f"22 10:05 {FETCH} (scheduled logs fetch)",
    "22 12:00 fetch: up again after 2h, 6 failed runs",
    f"23 10:00 {FETCH} (scheduled logs fetch)",
    "23 12:20 fetch: up again after 2h20m, 7 failed runs",
    # The machine is off for three days.
    "24 10:05 nas-home: failed: exit code 32 (scheduled logs nas-home)",
    "28 09:00 nas-home: failed: exit code 32; since 2026-03-24 10:05, 24 failed runs (scheduled logs nas-home)",
    "28 10:05 nas-home: up again after 4d, 25 failed runs",
    *[reminder(f"{day} 11:00", day) for day in range(2, 25)],
    reminder("28 09:00", 25),
    # Summer time has begun: a day has 23 hours. At 11:00 the job has failed again.
    *[reminder(f"{day} 10:00", day - 3) for day in range(29, 32)],
]  # fmt: skip
DIGEST = (
    "18 08:00 2026-03-17 10:40 minor: failed: exit code 1 (scheduled logs minor)\n"
    "2026-03-17 12:40 minor: up again after 2h, 2 failed runs"
)


@pytest.fixture
def month(tmp_path, monkeypatch):
    found = Month(tmp_path, monkeypatch, JOBS, TROUBLES)
    yield found
    found.ledger.end()


def acknowledge(month, name):
    one = month.ledger.incidents()[name]
    month.change("put_incident", msgspec.structs.replace(one, acknowledged_at=month.machine.wall()))


def plan(month):
    """Let happen what is no failure of a job."""
    month.at("12 09:00", month.change, "mute", JobKey("muted"), int(instant("14 09:00")))
    month.at("14 12:00", acknowledge, month, "job:known")
    month.at("20 10:00", month.configure, JOBS.replace("[jobs.old]", "[jobs.old]\nenabled = false"))
    month.at("21 09:59", setattr, month.ledger, "doom", "before")
    month.at("22 09:59", setattr, month.ledger, "doom", "after")
    month.at("23 11:10", month.machine.power_cut)
    month.at("25 09:00", month.off, "28 09:00")


def in_time(text):
    day, time = text.split(" ")[:2]
    return int(day), time, text


@pytest.mark.timeout(300)
def test_a_month_of_troubles_gives_the_notices_that_a_careful_person_wants(month):
    plan(month)
    month.go_to("31 23:30")
    lines = [f"{at} {text}" for at, printed in month.printed for text in printed.splitlines()]
    announced = [line.replace("scheduled: ", "", 1) for line in lines if " scheduled: " in line]
    delivered = [f"{at} {notice.body}" for at, notice in month.delivered]
    print(*(text for _, printed in month.printed for text in printed.splitlines()), sep="\n")

    assert sorted(announced, key=in_time) == sorted(WANTED, key=in_time)
    assert sorted(delivered, key=in_time) == sorted(
        [*(text for text in WANTED if "minor: " not in text), DIGEST], key=in_time
    )
    assert [notice.priority for at, notice in month.delivered if at == "15 02:25"] == ["critical"]
    assert dict(month.printed)["5 10:05"].endswith(f"(scheduled incidents)\n    {NO_ROUTE}")


def test_a_notice_has_no_control_characters_of_the_output(tmp_path, monkeypatch):
    jobs = 'timezone = "Europe/Berlin"\n[jobs.bad]\ncron = "0 9 * * *"\ncommand = ["true"]\n'
    month = Month(tmp_path, monkeypatch, jobs, [("bad", "1 00:00", "2 00:00", 3, "\x1b[2Jred\x07\r\nmore\n")])
    month.go_to("1 09:10")
    month.ledger.end()
    (notice,) = (notice for _, notice in month.delivered)

    assert notice.output == "\\x1b[2Jred\\x07\nmore"
    assert month.printed[0][1].splitlines()[1:] == ["    \\x1b[2Jred\\x07", "    more"]
