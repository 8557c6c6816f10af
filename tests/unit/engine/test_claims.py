"""The open reasons that a tick records in the ledger when it plans and when it claims."""

from contextlib import closing

import msgspec
import pytest

from scheduled.config.files import load_config
from scheduled.core.configured_jobs import Jobs
from scheduled.core.records import Claimant
from scheduled.core.runs import Skip, Span
from scheduled.engine import claims, planning, registration
from scheduled.engine.settle import SettleContext, settle_superseded
from scheduled.schedules.zones import MINUTE
from scheduled.state.sqlite.ledger import SqliteLedger
from tests.fixtures.ledgers import an_attempt_result

NOON = 1_772_884_800
CLAIMANT = Claimant(tick="tick", boot="boot", host="host")


def superseded(ledger, settings, *, catch_up, attempts):
    """Claim the slot of NOON + 5 min while the run of NOON waits for a retry; return the events of that."""
    settings.jobs = Jobs(
        {name: msgspec.structs.replace(job, catch_up=catch_up) for name, job in settings.jobs.items()}
    )
    with ledger.transaction():
        registration.register(ledger, settings, NOON)
        (start,) = planning.plan_and_record(ledger, settings, NOON).starts
        claims.take(ledger, [start], CLAIMANT, NOON)
        if attempts:
            ledger.ended(
                an_attempt_result(start.claim.run_id, "failed", exit_code=3),
                "waiting_retry",
                NOON + 600,
                None,
            )
        else:
            ledger.unclaim(start.claim.run_id)
        ledger.remember("planned", str(NOON + 240))
        plan = planning.plan_and_record(ledger, settings, NOON + 300)
        taken = claims.take(ledger, plan.starts, CLAIMANT, NOON + 300)
        context = SettleContext(jobs=settings.jobs, now=NOON + 300, zone="UTC", compose=lambda *_: [])
        return [(event.name, event.payload) for event in settle_superseded(ledger, context, taken)]


NEWER = "job-20260307T120500Z"


def verdicts(ledger):
    return [(row.span.count, row.verdict, row.reason) for row in ledger.slot_rows()]


def test_a_run_that_a_newer_slot_supersedes_after_an_attempt_has_failed(tmp_path, found):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        ((name, payload),) = superseded(ledger, found, catch_up="latest", attempts=1)
        (row,) = ledger.job_rows()
        newer, old = ledger.history()
        slots = verdicts(ledger)

    assert (name, payload["status"], payload["reason"], payload["attempt"], payload["exit_code"]) == (
        "job_failed", "failed", f"superseded by {NEWER}", 1, 3,
    )  # fmt: skip
    assert (old.status, old.reason, newer.attempt) == ("failed", f"superseded by {NEWER}", 1)
    assert (old.slots, newer.slots) == (0, 6)
    assert (row.last_run_id, row.last_status, row.failure_count) == (old.run_id, "failed", 1)
    assert slots == [(1, "coalesced", ""), (4, "coalesced", ""), (1, None, "")]


def test_a_run_that_is_superseded_before_its_first_attempt_is_only_coalesced(tmp_path, found):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        events = superseded(ledger, found, catch_up="latest", attempts=0)
        (row,) = ledger.job_rows()
        _, old = ledger.history()
        slots = verdicts(ledger)

    assert (events, old.status, row.run_count, row.last_status) == ([], "skipped", 0, None)
    assert slots == [(1, "coalesced", ""), (4, "coalesced", ""), (1, None, "")]


@pytest.mark.parametrize(
    ("attempts", "verdict"), [(1, ("failed", f"superseded by {NEWER}")), (0, ("skipped", "superseded"))]
)
def test_with_none_the_slot_of_a_superseded_run_is_not_coalesced(tmp_path, found, attempts, verdict):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        events = superseded(ledger, found, catch_up="none", attempts=attempts)
        slots, newer, old = verdicts(ledger), ledger.open_run(NEWER), ledger.history()[1]

    assert slots == [(1, *verdict), (4, "skipped", "superseded"), (1, None, "")]
    assert (old.slots, newer.slots) == (1, 1)
    assert [name for name, _ in events] == ["job_failed" if attempts else "job_skipped", "job_skipped"]
    assert (events[1][1]["reason"], events[1][1]["slots"]) == ("superseded", 4)


@pytest.fixture
def found(tmp_path):
    """Return a configuration with one job that is due every minute and runs every slot."""
    path = tmp_path / "scheduled.toml"
    path.write_text('timezone = "UTC"\n[jobs.job]\ncron = "* * * * *"\ncommand = "true"\ncatch_up = "all"\n')
    return load_config(path)


def test_later_slots_are_queued_once_an_earlier_one_is_claimed(tmp_path, found):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        with ledger.transaction():
            registration.register(ledger, found, NOON)
            planned = planning.plan_and_record(ledger, found, NOON + 5 * MINUTE)
        before = [row.open_reason for row in ledger.job_rows()]
        with ledger.transaction():
            taken = claims.take(ledger, planned.starts, CLAIMANT, NOON + 5 * MINUTE)
        after = [row.open_reason for row in ledger.job_rows()]

    assert (before, len(taken), after) == ([None], 1, ["queued"])


def test_slots_that_a_start_skips_have_an_event_also_if_it_supersedes_no_run(tmp_path, found):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger, ledger.transaction():
        registration.register(ledger, found, NOON)
        (start,) = planning.plan_and_record(ledger, found, NOON).starts
        skip = Skip(Span(NOON - 60, NOON - 60, 1), "catch_up_limit")
        context = SettleContext(jobs=found.jobs, now=NOON, zone="UTC", compose=lambda *_: [])
        ((name, payload),) = [
            (event.name, event.payload)
            for event in settle_superseded(ledger, context, [msgspec.structs.replace(start, skips=(skip,))])
        ]

    assert (name, payload["job"], payload["reason"], payload["slots"]) == (
        "job_skipped",
        "job",
        "catch_up_limit",
        1,
    )
