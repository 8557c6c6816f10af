"""The comparison of a log in which jobs write their own starts and ends with the recorded attempts."""

import re

import pytest

from scheduled.core.job_log import RecordedAttempt, compare
from scheduled.core.job_log_lines import LogEvent, read_line

NOON = 1_772_884_800  # 7 March 2026, 12:00 UTC
STAMP = "2026-03-07T12:00:00+00:00"


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (f"{STAMP} start a", {}),
        ("2026-03-07T13:00:00 start a", {}),  # local time of the zone, Europe/Berlin
        ("2026-03-07 13:00:00 start a", {}),
        ("2026-03-07 12:00:00+00:00 end a", {"event": "end"}),
        ("2026-03-07T12:00:00,123456789+00:00 END a", {"event": "end"}),
        ("1772884800 start a", {}),
        ("1772884800.75 start a", {}),
        (f"{STAMP} start a@x", {"name": "a@x"}),
        (f"{STAMP} start a a-1", {"run_id": "a-1"}),
        (f"{STAMP} start a a@x-1 2", {"run_id": "a@x-1", "attempt": 2}),
        (f"{STAMP} start a@b a@@b-1 2", {"name": "a@b", "run_id": "a@@b-1", "attempt": 2}),
        (f"{STAMP} start a a-1 2 {STAMP} more", {"run_id": "a-1", "attempt": 2, "slot": NOON}),
        (f"{STAMP} start a {STAMP}", {"slot": NOON}),
        (f"{STAMP} end a 0", {"event": "end"}),  # an exit code, as SCHEDULED_RUN_ID is empty or not written
        (f"{STAMP} end a exit 0", {"event": "end"}),
        (f"  {STAMP}\tstart  a \r", {}),
    ],
)
def test_a_line_is_read(line, values):
    expected = {"number": 7, "at": NOON, "event": "start", "name": "a", **values}
    assert read_line(line, 7, "Europe/Berlin") == LogEvent(**expected)


@pytest.mark.parametrize("line", ["", "  \t", "# a comment", "#"])
def test_an_empty_line_and_a_comment_are_no_events(line):
    assert read_line(line, 1, "UTC") is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("backup done", "'backup' is not an instant: write INSTANT start|end JOB"),
        ("2026-03-07 start a", "'2026-03-07' is not an instant"),
        ("2026-13-07T12:00:00 start a", "'2026-13-07T12:00:00' is not an instant"),
        ("9999999999999999999999999 start a", "is not an instant"),
        (f"{STAMP} began a", "'began' is neither start nor end: write INSTANT"),
        (STAMP, "neither start nor end"),
        (f"{STAMP} start", "names no job"),
        ("\x1b[31m start a", r"'\x1b[31m' is not an instant"),
        ("x" * 100, f"'{'x' * 40}...' is not an instant"),
        ("x " * 3000, "longer than 4096 characters"),
    ],
)
def test_another_line_is_refused_with_the_reason(line, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_line(line, 1, "UTC")


def attempt(at=0, until=10, run="a-1", number=1, **values):
    """Return an attempt from *at* to *until* (seconds after noon; None: under way)."""
    finished = None if until is None else NOON + until
    ended = until is not None
    values = {"status": "success" if ended else "running", "has_start": ended, "has_end": ended, **values}
    return RecordedAttempt(
        job=run[0], run_id=run, attempt=number, slot=NOON, started_at=NOON + at + 0.5, finished_at=finished,
        **values,
    )  # fmt: skip


def differences(log, *attempts, since=NOON, judged=99):
    """Compare a log, of which each line begins with the seconds after noon, and return lines and problems."""
    events = []
    for number, line in enumerate(log, 1):
        seconds, rest = line.split(" ", 1)
        events.append(read_line(f"{NOON + int(seconds)} {rest}", number, "UTC"))
    found = compare(events, attempts, {"": since, "old": NOON + 100}, judged)
    return [(one.line or one.run_id, one.problem) for one in found]


@pytest.mark.parametrize(
    "log",
    [
        ["0 start a a-1 1", "10 end a a-1 1"],
        ["0 start a a-1", "10 end a a-1"],
        ["0 start a", "10 end a"],
        ["1 start a 2026-03-07T12:00:00Z", "9 end a 2026-03-07T12:00:00Z"],
        ["0 start a"],  # a log without ends
        ["10 end a"],  # it begins during the attempt
        [],
    ],
)
def test_a_log_agrees_with_an_attempt(log):
    assert differences(log, attempt()) == []


UNKNOWN = "start at this instant, but no such attempt is recorded"


@pytest.mark.parametrize(
    ("log", "wrong"),
    [
        (["0 start a a-1 1", "5 start a a-1 1", "10 end a a-1 1"], [(2, "second start of an attempt that starts in line 1")]),
        (["0 start a a-1", "5 start a a-1", "10 end a"], [(2, "second start of an attempt that starts in line 1")]),
        (["0 start a", "5 start a", "10 end a"], [(2, UNKNOWN)]),
        (["0 start a a-1 1", "10 end a a-1 1", "20 start a a-1 2"], [(3, UNKNOWN)]),
        (["0 start a a-1 1", "10 end a a-1 1", "20 start a a-2"], [(3, UNKNOWN)]),
        (["0 start a", "10 end a", "20 start a"], [(3, UNKNOWN)]),
        (["0 start a", "10 end a", "20 end a"], [(3, UNKNOWN.replace("start", "end", 1))]),
        (["0 start a 2026-03-07T11:00:00Z"], [(1, UNKNOWN), ("a-1", "is recorded, but the log has no start of it")]),
        (["0 start b"], [(1, UNKNOWN)]),
        (["-60 start a", "20 start old", "10 start b b-1"], [(3, UNKNOWN), ("a-1", "is recorded, but the log has no start of it")]),
    ],
)  # fmt: skip
def test_a_line_without_an_attempt_is_a_difference(log, wrong):
    assert differences(log, attempt()) == wrong


def test_a_line_that_was_written_after_the_ledger_was_read_is_only_evidence():
    log = ["0 start a a-1 1", "10 end a a-1 1", "20 start a a-2 1"]

    assert differences(log, attempt(), judged=2) == []
    assert (
        differences(["0 start a", "20 start a", "25 end a"], attempt(20, 25), judged=1, since=NOON + 1) == []
    )


def test_an_attempt_without_its_start_or_its_end_is_a_difference():
    log = ["0 start a a-1", "10 end a a-1", "40 start a a-3"]
    attempts = [attempt(), attempt(20, 30, "a-2"), attempt(40, 50, "a-3"), attempt(0, 10, "b-1")]

    assert differences(log, *attempts) == [
        ("a-2", "is recorded, but the log has no start of it"),
        ("a-3", "is recorded as success, but the log has no end of it"),
    ]


def test_an_attempt_before_the_first_line_of_its_job_is_not_in_the_log():
    assert differences(["20 start a a-2", "30 end a a-2"], attempt(), attempt(20, 30, "a-2")) == []


def test_an_attempt_that_may_have_been_killed_before_it_wrote_a_line_needs_none():
    killed = attempt(20, 30, "a-2", status="interrupted", has_start=False, has_end=False)

    assert differences(["0 start a a-1", "10 end a a-1"], attempt(), killed, attempt(40, None, "a-3")) == []


def test_two_attempts_of_a_job_at_once_are_a_difference():
    log = ["0 start a a-1 1", "5 start a a-2 1", "5 start b b-1 1", "10 end a a-1 1", "15 end a a-2 1"]
    attempts = [attempt(), attempt(5, 15, "a-2"), attempt(5, None, "b-1")]

    assert differences(log, *attempts) == [(2, "starts while a-1, attempt 1, runs, which starts in line 1")]
    assert differences(log[:2], attempt(0, None), attempt(5, None, "a-2")) == [
        (2, "starts while a-1, attempt 1, runs, which starts in line 1")
    ]


def test_an_attempt_that_was_killed_does_not_overlap_the_next_one():
    killed = attempt(status="interrupted", has_end=False)

    assert (
        differences(
            ["0 start a a-1 1", "20 start a a-1 2", "30 end a a-1 2"], killed, attempt(20, 30, number=2)
        )
        == []
    )


def test_the_estimated_end_of_a_killed_attempt_is_no_limit_for_its_lines():
    killed = attempt(0, 1, status="interrupted", has_start=False, has_end=False, is_certain=False)

    assert (
        differences(["0 start a", "50 end a", "60 start a", "70 end a"], killed, attempt(60, 70, "a-2")) == []
    )


def test_an_end_is_not_judged_a_second_time_with_its_start():
    log = ["0 start a", "10 end a", "20 start a a-2 1", "30 end a a-2 1"]

    assert differences(log) == [(1, UNKNOWN), (3, UNKNOWN)]
    assert differences(log, since=NOON + 5) == [(3, UNKNOWN)]


def test_a_slot_that_runs_again_after_the_ledger_was_lost_has_one_start():
    log = ["0 start a a-1 1", "20 start a a-1 1", "30 end a a-1 1"]

    assert differences(log, attempt(20, 30), since=NOON + 15) == []
    assert differences(log, attempt(20, 30)) == [(2, "second start of an attempt that starts in line 1")]


def test_lines_of_a_clock_that_was_ahead_are_from_before_a_later_line_that_is_too_old():
    log = ["500 start a a-1 1", "505 end a a-1 1", "3 start b b-1 1", "20 start a a-2 1"]

    assert differences(log, since=NOON + 5) == [(4, UNKNOWN)]
