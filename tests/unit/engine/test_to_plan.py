"""Which jobs a tick plans: a plan of these records the same as a plan of all."""

import pytest

from scheduled.config.files import load_config
from scheduled.config.kept_zone import ZONE
from scheduled.core.keys import JobKey
from scheduled.engine import gaps, planning, registration, to_plan
from scheduled.schedules.zones import HOUR, MINUTE
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import CLAIMANT, a_claim

NOON = 1_772_884_800  # 7 March 2026, 12:00 UTC
TEXT = """
timezone = "UTC"
[jobs.often]
cron = "*/2 * * * *"
command = "true"
[jobs.hourly]
cron = "30 * * * *"
command = "true"
[jobs.listens]
on = "ping"
command = "true"
"""
OFTEN, HOURLY, LISTENS = map(JobKey, ("often", "hourly", "listens"))


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def configured(tmp_path):
    def write(text=TEXT):
        path = tmp_path / "scheduled.toml"
        path.write_text(text)
        return load_config(path)

    return write


def plan_all(ledger, config, now):
    """Plan all jobs, as a tick does, and record that."""
    with ledger.transaction():
        config.override(ledger.overrides())
        registration.register(ledger, config, now)
        found = planning.plan_and_record(ledger, config, now)
        to_plan.remember(ledger, config, now)
        gaps.remember_tick(ledger, config.jobs, now)
    return found


def test_a_tick_plans_what_is_due(ledger, configured):
    config = configured()
    first = to_plan.keys(ledger, config, NOON)
    plan_all(ledger, config, NOON + 70)

    assert (first, to_plan.keys(ledger, config, NOON + 80)) == (None, set())
    assert to_plan.keys(ledger, config, NOON + 120) == {OFTEN}
    assert to_plan.keys(ledger, config, NOON + 120, also=[HOURLY]) == {OFTEN, HOURLY}


def test_all_jobs_are_planned_while_the_schedules_in_force_are_those_of_another_zone(ledger, configured):
    config = configured(TEXT.replace('timezone = "UTC"', ""))
    config.of_host, config.timezone = True, "Asia/Kolkata"
    plan_all(ledger, config, NOON + 70)
    with ledger.transaction():
        ledger.remember(ZONE, "Asia/Kolkata")
    same = to_plan.keys(ledger, config, NOON + 80)
    with ledger.transaction():
        ledger.remember(ZONE, "UTC")

    assert (same, to_plan.keys(ledger, config, NOON + 80)) == (set(), None)


def test_a_tick_plans_what_has_an_open_slot_a_run_or_a_start_request(ledger, configured):
    config = configured()
    plan_all(ledger, config, NOON + 70)
    with ledger.transaction():
        ledger.wait(HOURLY, "due", NOON + HOUR)
        waiting = to_plan.keys(ledger, config, NOON + 80)
        ledger.wait(HOURLY, None, NOON + HOUR)
        ledger.claim(a_claim(NOON + 30 * MINUTE, job="hourly"), CLAIMANT, NOON)
        running = to_plan.keys(ledger, config, NOON + 80)
        ledger.request_start(_request(), NOON)

    assert (waiting, running) == ({HOURLY}, {HOURLY})
    assert to_plan.keys(ledger, config, NOON + 80) == {HOURLY, LISTENS}


def _request():
    from scheduled.core.runs import StartRequest

    return StartRequest(id=0, job="listens", target="", event="ping", payload={}, depth=1)


def test_a_slot_in_its_jitter_is_planned_before_it_is_due(ledger, configured):
    config = configured(TEXT.replace('cron = "30', 'jitter = "20m"\ncron = "30'))
    delay = config.jobs["hourly"].delay
    plan_all(ledger, config, NOON + 29 * MINUTE)

    assert delay > MINUTE
    assert HOURLY in to_plan.keys(ledger, config, NOON + 30 * MINUTE)


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: ledger.pause(HOURLY, None),
        lambda ledger: ledger.override(HOURLY, False),
        lambda ledger: ledger.remember("cadence", "60"),
        to_plan.forget,
        lambda ledger: ledger.remember(gaps.PLANNED, str(NOON + HOUR)),
        lambda ledger: ledger.remember(gaps.PLANNED, str(NOON - HOUR)),
        lambda ledger: ledger.remember(gaps.PLANNED, "0"),
        lambda ledger: ledger.remember(gaps.GAPS, f"[[{NOON - HOUR}, {NOON}]]"),
    ],
)
def test_a_tick_plans_all_jobs_after_a_change_of_what_applies_to_them(ledger, configured, change):
    config = configured()
    plan_all(ledger, config, NOON + 70)
    with ledger.transaction():
        change(ledger)

    assert to_plan.keys(ledger, config, NOON + 80) is None


def test_a_tick_plans_all_jobs_when_a_pause_ends(ledger, configured):
    config = configured()
    with ledger.transaction():
        ledger.pause(HOURLY, NOON + 90)
    plan_all(ledger, config, NOON + 70)

    assert (to_plan.keys(ledger, config, NOON + 80), to_plan.keys(ledger, config, NOON + 90)) == (set(), None)


def test_a_tick_plans_all_jobs_after_an_edit(ledger, configured):
    plan_all(ledger, configured(), NOON + 70)

    assert to_plan.keys(ledger, configured(TEXT.replace("30 *", "31 *")), NOON + 80) is None


@pytest.mark.parametrize(
    "text",
    [
        'only_if = {path = "/"}\ncron = "30',
        'start_delay = "5m"\ncron = "30',
        'wake = true\ncron = "30',
        'for_each = {command = "true"}\ncron = "30',
        'tymeout = 3\ncron = "30',
    ],
)
def test_a_tick_plans_all_jobs_if_any_depends_on_more(ledger, configured, text):
    config = configured(TEXT.replace('cron = "30', text))
    plan_all(ledger, config, NOON + 70)

    assert to_plan.keys(ledger, config, NOON + 80) is None


def test_an_interval_from_the_last_end_makes_a_tick_plan_all_jobs(ledger, configured):
    config = configured(TEXT.replace('cron = "30 * * * *"', 'every = "1h"\nfrom = "end"'))
    plan_all(ledger, config, NOON + 70)

    assert to_plan.keys(ledger, config, NOON + 80) is None
