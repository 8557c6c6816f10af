import pytest

from scheduled.core.keys import JobKey
from tests.fixtures.ledgers import HOURLY, LEDGERS


@pytest.fixture(params=LEDGERS)
def open_ledger(request, tmp_path):
    """Return a function that opens the same ledger each time; once for each implementation."""
    return lambda: LEDGERS[request.param](tmp_path)


@pytest.fixture
def ledger(open_ledger):
    """A ledger with one hourly job, its epoch starting at instant 0."""
    ledger = open_ledger()
    with ledger.transaction():
        ledger.begin_epoch(JobKey("job"), HOURLY, 0)
    yield ledger
    ledger.close()
