"""A skip or a stop by hand decides a slot now: the next interval of a job with `from = "end"` begins at that moment."""

from contextlib import closing

import pytest

from scheduled import service
from scheduled.config.files import load_config
from scheduled.core.audit import audit
from scheduled.core.epochs import open_slots_of
from scheduled.core.keys import JobKey
from scheduled.engine import expiry
from scheduled.engine.runtime import open_runtime
from scheduled.engine.settle import SettleContext, settle_attempt
from scheduled.execution.report_file import Reported
from scheduled.instance import Instance
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR, MINUTE
from tests.fixtures.ledgers import CLAIMANT, LEDGERS, a_claim, an_attempt_result

NOON = 1_772_884_800  # 7 March 2026, 12:00 UTC
SLOT = NOON + HOUR
KEY = JobKey("job")
JOB = """timezone = "UTC"
[jobs.job]
every = "1h"
from = "end"
command = "true"
retry = { max_attempts = 3, delay = "2h" }
"""


@pytest.fixture
def instance(tmp_path, monkeypatch):
    (tmp_path / "scheduled.toml").write_text(JOB)
    found = Instance(str(tmp_path / "scheduled.toml"), str(tmp_path / "state"))
    found.paths.root.mkdir(mode=0o700)
    monkeypatch.setattr("scheduled.clock.now", lambda: SLOT + 5 * MINUTE + 0.5)
    with ledger_of(found) as ledger, ledger.transaction():
        ledger.begin_epoch(KEY, (Schedule("every", str(HOUR), "UTC", from_end=True),), NOON - 1)
    return found


def ledger_of(instance):
    return closing(LEDGERS["sqlite"](instance.paths.root))


def a_failed_run(instance, status):
    """Claim the slot, and settle its first attempt: it waits for the next one."""
    with ledger_of(instance) as ledger, ledger.transaction():
        ledger.claim(a_claim(SLOT, run_id="run"), CLAIMANT, SLOT)
        jobs = load_config(instance.paths.config).jobs
        context = SettleContext(jobs=jobs, now=float(SLOT + 1), zone="UTC", compose=lambda *_: [])
        times = {"started_at": SLOT + 0.0, "finished_at": SLOT + 1.0}
        result = an_attempt_result("run", status, exit_code=1, **times)
        settle_attempt(ledger, context, ledger.open_run("run"), result, Reported())
        assert ledger.open_run("run").status == "waiting_retry"


def next_slot(instance):
    with ledger_of(instance) as ledger:
        state = ledger.job_states()[KEY]
        rows, jobs = list(ledger.slot_rows()), ledger.job_rows()
        assert audit(ledger.epochs(), rows, jobs, [], SLOT + 5 * MINUTE).problems == []
        assert [row.verdict for row in rows] == ["skipped"]
        return open_slots_of(state).next_after(state.position)


@pytest.mark.parametrize("status", ["failed", "deferred"])
@pytest.mark.parametrize("command", ["skip", "stop"])
def test_the_interval_counts_from_the_moment_at_which_a_waiting_run_is_given_up(instance, status, command):
    a_failed_run(instance, status)

    getattr(service, command)(instance, "job" if command == "skip" else "run")

    assert next_slot(instance) == SLOT + 5 * MINUTE + HOUR


def test_the_interval_counts_from_the_skip_of_a_due_slot(instance):
    service.skip(instance, "job")

    assert next_slot(instance) == SLOT + 5 * MINUTE + HOUR


def test_the_interval_counts_from_the_moment_at_which_a_tick_gives_up_a_deferred_run(instance):
    instance.paths.config.write_text(f'{JOB}grace = "3m"\n')
    a_failed_run(instance, "deferred")

    with ledger_of(instance) as ledger, ledger.transaction():
        expiry.give_up_deferred(ledger, open_runtime(instance), SLOT + 4 * MINUTE)

    assert next_slot(instance) == SLOT + 4 * MINUTE + HOUR
