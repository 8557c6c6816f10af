"""An edit takes effect when it is made; the zone of the host is no edit."""

import os
from contextlib import closing
from datetime import datetime

import msgspec
import pytest

from scheduled.config.files import load_config
from scheduled.core import epochs
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span, StartRequest
from scheduled.engine import dropped, edits, registration
from scheduled.engine.planning import plan_and_record
from scheduled.notify.problems import OWNER
from scheduled.paths import Paths
from scheduled.state.binding import bind
from scheduled.state.sqlite.ledger import SqliteLedger
from scheduled.state.verdicts import record_verdict
from tests.fixtures.ledgers import CLAIMANT, a_claim, a_condition, an_attempt_result, end

JOB = JobKey("job")


def at(text, day=3):
    return int(datetime.fromisoformat(f"2026-02-{day:02}T{text}+00:00").timestamp())


@pytest.fixture
def ledger(tmp_path):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as found:
        yield found


@pytest.fixture
def config(tmp_path):
    (tmp_path / "etc").mkdir(mode=0o700)
    return tmp_path / "etc" / "scheduled.toml"


class Host:
    """A configuration that ticks read in the *zone* of the host. The real ctime of its files is later than all instants."""

    def __init__(self, ledger, path):
        self.ledger, self.path, self.zone = ledger, path, "UTC"

    def write(self, text, written):
        self.path.write_text(text)
        os.utime(self.path, (written, written))

    def read(self, now, **values):
        found = load_config(self.path, kept_zone=lambda: self.zone)
        return msgspec.structs.replace(found, kept=False, read_at=now, **values)

    def register(self, now, **values):
        with self.ledger.transaction():
            registration.register(self.ledger, self.read(now), now, **values)

    def started(self, now, **values):
        """Return the slots that start in a tick at *now*."""
        config = self.read(now)
        with self.ledger.transaction():
            registration.register(self.ledger, config, now, **values)
            plan = plan_and_record(self.ledger, config, now)
        return [start.claim.slot for start in plan.starts]

    def next(self):
        job_state = self.ledger.job_states()[JOB]
        return epochs.open_slots_of(job_state).next_after(job_state.position)

    def verdicts(self):
        return [(row.span.first, row.span.last, row.verdict, row.reason) for row in self.ledger.slot_rows()]


@pytest.fixture
def host(ledger, config):
    return Host(ledger, config)


def cron(expression, more=""):
    return f'[jobs.job]\ncron = "{expression}"\ncommand = "true"\n{more}'


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("22:51:00", [at("23:10:00")]),
        ("23:09:59", [at("23:10:00")]),
        ("23:11:00", []),
        ("11:00:00", [at("23:10:00")]),  # it is older than the tick that did not see it
    ],
)
def test_a_slot_between_a_manual_edit_and_the_next_tick_is_caught_up(host, written, expected):
    host.write(cron("30 1 * * *"), at("11:00:00"))
    host.register(at("12:00:05"))
    host.write(cron("10 23 * * *"), at(written))

    assert host.started(at("08:00:05", 4)) == expected


@pytest.mark.parametrize("written", [at("22:00:00", 4), at("00:00:00", 20)])
def test_a_time_in_the_future_is_ignored(host, written):
    host.write(cron("30 1 * * *"), at("11:00:00"))
    host.register(at("12:00:05"))
    host.write(cron("10 23 * * *"), written)

    assert host.started(at("08:00:05", 4)) == []
    assert host.next() == at("23:10:00", 4)


def test_without_an_earlier_tick_the_moment_of_an_edit_is_now(host):
    host.write(cron("10 23 * * *"), at("11:00:00"))

    assert host.started(at("08:00:05", 4)) == []


def test_a_job_in_jobs_d_is_edited_when_its_own_file_is_or_else_when_the_settings_are(host):
    host.write('timezone = "UTC"\n', at("11:00:00"))
    host.register(at("12:00:05"))
    (host.path.parent / "jobs.d").mkdir()
    own = host.path.parent / "jobs.d" / "job.toml"
    own.write_text(cron("10 23 * * *"))
    os.utime(own, (at("22:00:00"), at("22:00:00")))
    host.write('timezone = "UTC" # ours\n', at("23:30:00"))

    assert host.started(at("08:00:05", 4)) == [at("23:10:00")]
    host.write('timezone = "Europe/Berlin"\n', at("08:30:00", 4))
    assert host.started(at("12:00:05", 4)) == []
    assert host.next() == at("22:10:00", 4)
    assert host.ledger.job_states()[JOB].epoch == at("08:30:00", 4) - 1


def test_an_edit_by_a_command_begins_when_it_is_made(host):
    host.write(cron("30 1 * * *"), at("11:00:00"))
    host.register(at("12:00:05"))
    host.write(cron("10 23 * * *"), at("13:00:00"))

    host.register(at("23:20:00"), made_now=["job"])

    assert host.next() == at("23:10:00", 4)


def test_an_older_configuration_never_replaces_a_newer_one(host):
    host.write(cron("30 1 * * *"), at("11:00:00"))
    old = host.read(at("12:00:05"))
    host.write(cron("10 23 * * *"), at("12:00:30"))
    host.register(at("12:00:40"))

    with host.ledger.transaction():
        registration.register(host.ledger, old, at("12:00:50"))

    assert host.next() == at("23:10:00")
    assert host.verdicts() == []


def test_after_the_clock_went_back_a_configuration_is_not_outdated(host):
    host.write(cron("30 1 * * *"), at("11:00:00"))
    host.register(at("12:00:05", 20))
    host.write(cron("10 23 * * *"), at("11:30:00"))

    host.register(at("12:00:05"))

    assert host.ledger.job_states()[JOB].schedules[0].expression == "10 23 * * *"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda host: host.write(cron("30 * * * *"), at("14:00:20")), "edited"),
        (lambda host: host.write(cron("0 * * * *", "enabled = false"), at("14:00:20")), "disabled"),
        (lambda host: host.write("", at("14:00:20")), "removed"),
    ],
)
def test_open_slots_of_a_schedule_that_ends_have_the_reason(host, change, reason):
    host.write(cron("0 * * * *"), at("11:00:00"))
    host.register(at("12:10:00"))
    change(host)

    host.register(at("14:05:00"))

    assert host.verdicts() == [(at("13:00:00"), at("14:00:00"), "skipped", reason)]


def test_an_epoch_never_begins_before_the_one_that_ended_in_the_same_minute(host):
    host.write(cron("* * * * *"), at("11:00:00"))
    host.register(at("14:00:05"))
    with host.ledger.transaction():
        record_verdict(
            host.ledger, JOB, epochs.Span(at("14:00:00"), at("14:00:00"), 1), "success", "", None, 0
        )
        host.ledger.advance(JOB, at("14:00:00"))
    host.write("", at("14:00:20"))
    host.register(at("14:00:20"), made_now=["job"])
    host.write(cron("0 4 * * *"), at("14:00:25"))
    host.register(at("14:00:30"), made_now=["job"])

    ended, begun = host.ledger.epochs()
    assert (ended.ends_at, begun.starts_at) == (at("14:00:00"), at("14:00:00"))


INTERVAL = '[jobs.job]\nevery = "6h"\ncommand = "true"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (INTERVAL.replace("6h", "4h"), "22:00:00"),
        (INTERVAL + 'jitter = "90s"\n', "00:00:00"),
        (INTERVAL.replace("6h", "1d"), "18:00:00"),
    ],
)
def test_an_interval_continues_from_its_last_slot_after_an_edit(host, text, expected):
    host.write(INTERVAL, at("11:00:00"))
    host.register(at("12:00:00"))
    assert host.started(at("18:00:30")) == [at("18:00:00")]
    host.write(text, at("19:10:00"))

    host.register(at("19:20:00"))

    assert host.next() == at(expected, 3 if expected == "22:00:00" else 4)


def test_an_interval_keeps_its_phase_while_it_is_disabled(host):
    host.write(INTERVAL, at("11:00:00"))
    host.register(at("12:00:00"))
    host.write(INTERVAL + "enabled = false\n", at("19:10:00"))
    host.register(at("19:20:00"))
    host.write(INTERVAL, at("21:10:00"))

    host.register(at("21:20:00"))

    assert host.next() == at("00:00:00", 4)


@pytest.mark.parametrize("name", ["Etc/UTC", "Zulu", "Africa/Abidjan"])
def test_zones_with_the_same_rules_are_the_same_zone(host, name):
    host.write(cron("0 * * * *"), at("07:00:00"))
    host.register(at("08:58:00"))
    before = host.ledger.epochs()
    host.zone = name

    assert host.started(at("11:35:00")) == [at("11:00:00")]
    assert host.ledger.epochs() == before


def test_open_slots_and_retries_stay_when_the_zone_of_the_host_changes(host):
    host.write(cron("0 9 * * *"), at("07:00:00"))
    host.zone = "Europe/Paris"
    host.register(at("07:50:00"))
    host.zone = "America/New_York"

    assert host.started(at("18:00:05")) == [at("08:00:00")]
    assert host.verdicts() == []
    assert [(one.schedules[0].zone, one.ends_at) for one in host.ledger.epochs()] == [
        ("Europe/Paris", at("18:00:05")),
        ("America/New_York", None),
    ]
    job_state = host.ledger.job_states()[JOB]
    assert list(epochs.open_slots_of(job_state).between(at("07:00:00"), at("18:00:00", 4))) == [
        at("08:00:00"),
        at("14:00:00", 4),
    ]


def test_a_span_of_slots_of_two_zones_is_recorded_for_each_epoch(host):
    host.write(cron("0 9 * * *"), at("07:00:00"))
    host.zone = "Europe/Paris"
    host.register(at("07:50:00"))
    host.zone = "America/New_York"
    host.register(at("18:00:05"))
    span = epochs.Span(at("08:00:00"), at("14:00:00", 5), 3)

    with host.ledger.transaction():
        record_verdict(host.ledger, JOB, span, "coalesced", "", "r", 0)

    assert [row.span for row in host.ledger.slot_rows()] == [
        epochs.Span(at("08:00:00"), at("08:00:00"), 1),
        epochs.Span(at("14:00:00", 4), at("14:00:00", 5), 2),
    ]


@pytest.mark.parametrize(
    ("schedule", "following"),
    [
        ('every = "6h"', ["13:50:00", "19:50:00"]),
        ('every = "6h"\nanchor = "2026-02-03T09:00"', ["08:00:00", "14:00:00"]),
        ('at = "2026-02-03T09:00"', ["08:00:00"]),  # it has passed
        # In New York; in Tokyo it would have passed without a run.
        ('at = "2026-02-03T23:00"', ["04:00:00"]),
    ],
)
def test_a_new_zone_of_the_host_moves_no_interval_and_no_instant_that_has_passed(host, schedule, following):
    host.write(f'[jobs.job]\n{schedule}\ncommand = "true"\n', at("07:00:00"))
    host.zone = "Europe/Paris"
    host.register(at("07:50:00"))
    for zone in ("America/New_York", "America/New_York", "Asia/Tokyo", "America/New_York"):
        host.zone = zone
        host.register(at("18:00:05"))

    times = epochs.open_slots_of(host.ledger.job_states()[JOB])
    day = 4 if following == ["04:00:00"] else 3
    assert next(times.between(at("07:50:00"), at("23:00:00", 6))) == at(following[0], day)
    assert list(times.between(at("07:50:00"), at("20:00:00")))[:2] == [
        at(slot) for slot in following if day == 3
    ]


def test_an_edit_and_a_new_zone_in_one_tick_are_distinguished(host):
    host.write(cron("0 9 * * *"), at("07:00:00"))
    host.zone = "Europe/Paris"
    host.register(at("07:50:00"))
    host.write(cron("0 10 * * *"), at("08:30:00"))
    host.zone = "America/New_York"

    assert host.started(at("18:00:05")) == [at("09:00:00")]
    assert host.verdicts() == [(at("08:00:00"), at("08:00:00"), "skipped", "edited")]


def test_a_zone_that_the_user_writes_is_an_edit(host):
    host.write(cron("0 9 * * *"), at("07:00:00"))
    host.register(at("07:50:00"))
    host.write('timezone = "America/New_York"\n' + cron("0 9 * * *"), at("17:00:00"))

    assert host.started(at("18:00:05")) == []
    assert host.verdicts() == [(at("09:00:00"), at("09:00:00"), "skipped", "edited")]


def test_a_command_reads_the_configuration_in_the_zone_of_the_ticks(host):
    host.write(cron("0 9 * * *"), at("07:00:00"))
    host.register(at("07:50:00"))
    host.zone = "America/New_York"
    config = msgspec.structs.replace(host.read(at("08:00:00")), kept=True)

    with host.ledger.transaction():
        registration.register(host.ledger, config, at("08:00:00"))

    assert (host.next(), host.ledger.meta("zone")) == (at("09:00:00"), "UTC")


def test_the_log_has_a_line_about_a_new_zone():
    assert edits.zone_remark("UTC", "UTC") is None
    assert edits.zone_remark(None, "UTC") is None
    assert "from UTC to Asia/Tokyo" in (edits.zone_remark("UTC", "Asia/Tokyo") or "")


def requested(ledger, event="go"):
    with ledger.transaction():
        ledger.request_start(StartRequest(id=0, job="job", event=event, payload={}, depth=1), at("12:00:10"))


def skipped_runs(ledger):
    return [(row.status, row.reason) for row in ledger.history(job="job")]


ON = '[jobs.job]\non = "{}"\ncommand = "true"\n'


@pytest.mark.parametrize(
    ("after", "reason"),
    [("", "removed"), (ON.format("other"), "edited"), (cron("0 0 * * *"), "edited")],
)
def test_a_start_request_does_not_outlive_the_definition_of_its_job(host, ledger, after, reason):
    host.write(ON.format("go"), at("11:00:00"))
    host.register(at("12:00:00"))
    requested(ledger)
    host.write(after, at("12:00:20"))
    host.register(at("12:00:30"))

    assert ledger.start_requests() == []
    assert skipped_runs(ledger) == [("skipped", reason)]


@pytest.mark.parametrize("after", ["", ON.format("go") + "enabled = false\n"], ids=["removed", "disabled"])
def test_many_start_requests_are_dropped_in_portions(host, ledger, after, monkeypatch):
    monkeypatch.setattr(dropped, "PORTION", 2)
    host.write(ON.format("go"), at("11:00:00"))
    host.register(at("12:00:00"))
    for _ in range(5):
        requested(ledger)
    host.write(after, at("12:00:20"))
    host.register(at("12:00:30"))

    left, portions = (
        len(ledger.start_requests()),
        dropped.rest(ledger, host.read(at("12:00:30")), at("12:00:30")),
    )

    assert (left, [len(events) for events in portions]) == (3, [2, 1])
    reason = "disabled" if after else "removed"
    assert skipped_runs(ledger) == [("skipped", reason)] * 5


HANDLED = '[jobs.job]\nhandler = "health"\nfor_each = ["a", "b"]\n'
PART = '[jobs.part]\nhandler = "health"\n'
A, B, PARTED = JobKey("job", "a"), JobKey("job", "b"), JobKey("part")


@pytest.mark.parametrize(
    ("after", "stays"),
    [
        (HANDLED + PART, [A, B, PARTED]),
        (HANDLED.replace(', "b"', "") + PART, [A, PARTED]),
        (HANDLED.replace('"a", "b"', '"z"'), []),
        (HANDLED + "enabled = false\n", [A, B]),
        ('[jobs.job]\ncommand = "true"\n', []),
        ("[jobs.job]\ncommand = 5\n", [A, B, PARTED]),  # a definition that can't be read may still have them
    ],
)
def test_conditions_end_with_the_target_or_the_job_or_the_handler_that_reported_them(
    host, ledger, after, stays, monkeypatch
):
    monkeypatch.setattr(dropped, "PORTION", 2)
    host.write(HANDLED + PART, at("11:00:00"))
    host.register(at("12:00:00"))
    with ledger.transaction():
        for key in (OWNER, A, B, PARTED):
            for name in ("1", "2", "3"):
                ledger.put_condition(key, a_condition(name), 1.0)
    host.write(after, at("12:00:20"))
    host.register(at("12:00:30"))

    list(dropped.rest(ledger, host.read(at("12:00:30")), at("12:00:30")))

    assert ledger.condition_keys() == [OWNER, *stays]
    assert {ledger.condition_count(key) for key in stays} <= {3}
    assert ledger.outbox() == []


def test_the_run_of_a_dropped_start_request_has_the_host(host, ledger, tmp_path):
    host.write(ON.format("go"), at("11:00:00"))
    host.register(at("12:00:00"))
    bound = bind(ledger, Paths(tmp_path), tmp_path / "scheduled.toml", boot="", name="here")
    requested(ledger)
    host.write("", at("12:00:20"))
    host.register(at("12:00:30"))

    assert [row.host for row in ledger.history()] == [bound.host]


def test_a_start_request_stays_after_an_edit_of_something_else(host, ledger):
    host.write(ON.format("go"), at("11:00:00"))
    host.register(at("12:00:00"))
    requested(ledger)
    host.write(ON.format("go") + "timeout = 5\n", at("12:00:20"))
    host.register(at("12:00:30"))

    assert len(ledger.start_requests()) == 1


def test_a_run_of_an_event_that_waits_for_a_retry_ends_with_its_job(host, ledger):
    host.write(ON.format("go"), at("11:00:00"))
    host.register(at("12:00:00"))
    with ledger.transaction():
        ledger.claim(a_claim(None, run_id="job-go", trigger="event", event="go", slots=0), CLAIMANT, 5.5)
    end(ledger, an_attempt_result("job-go", "failed"), "waiting_retry", at("12:05:00"))
    host.write("", at("12:00:20"))
    host.register(at("12:00:30"))

    assert skipped_runs(ledger) == [("skipped", "removed")]


def test_a_slot_skipped_in_advance_that_is_none_in_a_new_zone_is_not_recorded_any_more(host):
    host.write(cron("0 * * * *"), at("11:00:00"))
    host.register(at("12:00:05"))
    with host.ledger.transaction():
        for slot in (at("15:00:00"), at("17:00:00")):
            record_verdict(host.ledger, JOB, Span(slot, slot, 1), "skipped", "by hand", None, slot)
    assert host.ledger.job_states()[JOB].decided == (at("15:00:00"), at("17:00:00"))

    host.zone = "Asia/Kolkata"  # its full hours are the half hours of UTC
    host.register(at("15:20:05"))
    assert host.verdicts() == [(at("15:00:00"), at("15:00:00"), "skipped", "by hand")]

    host.zone = "Europe/Berlin"
    with host.ledger.transaction():
        slot = at("18:30:00")
        record_verdict(host.ledger, JOB, Span(slot, slot, 1), "skipped", "by hand", None, slot)
    host.register(at("15:40:05"))
    assert [first for first, *_ in host.verdicts()] == [at("15:00:00")]
