"""The open reasons that a tick records in the ledger when it plans and when it claims."""

from contextlib import closing

import pytest

from scheduled.config.files import load_config
from scheduled.core.records import Claimant
from scheduled.engine import claims, planning
from scheduled.schedules.zones import MINUTE
from scheduled.state.sqlite.ledger import SqliteLedger

NOON = 1_772_884_800
CLAIMANT = Claimant(tick="tick", boot="boot", host="host")


@pytest.fixture
def found(tmp_path):
    """Return a configuration with one job that is due every minute and runs every slot."""
    path = tmp_path / "scheduled.toml"
    path.write_text('timezone = "UTC"\n[jobs.job]\ncron = "* * * * *"\ncommand = "true"\ncatch_up = "all"\n')
    return load_config(path)


def test_later_slots_are_queued_once_an_earlier_one_is_claimed(tmp_path, found):
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        with ledger.transaction():
            planning.register(ledger, found, NOON)
            planned = planning.plan_and_record(ledger, found, NOON + 5 * MINUTE)
        before = [row.open_reason for row in ledger.job_rows()]
        with ledger.transaction():
            taken = claims.take(ledger, planned.starts, CLAIMANT, NOON + 5 * MINUTE)
        after = [row.open_reason for row in ledger.job_rows()]

    assert (before, len(taken), after) == ([None], 1, ["queued"])
