"""The payloads of events have the fields that `core.events` lists, so that `check` is right about the keys of `where`.

The events of handlers are compared with it in the tests of the handlers.
"""

from types import SimpleNamespace

import pytest

from scheduled.commands import approvals as answers
from scheduled.commands import overrides, unskip
from scheduled.config.files import load_config
from scheduled.core.configured_jobs import Jobs
from scheduled.core.events import PUBLISHED, Event
from scheduled.core.jobs import Action, Job
from scheduled.core.judgement import Judgement
from scheduled.core.keys import ALL_JOBS, JobKey
from scheduled.core.records import SlotRow
from scheduled.core.runs import OpenRun, Span
from scheduled.core.starts import Start
from scheduled.engine import approvals, config_changes, intake, settle, skips, start_requests, supervised
from tests.fixtures.ledgers import HOUR, LEDGERS, a_claim, an_attempt_result

ELSEWHERE = {"health_check_complete", "memory_threshold_exceeded", "mail_cleanup_complete"}
SPAN = Span(HOUR, 3 * HOUR, 3)
RUN = OpenRun(run_id="run-1", job="job", target="blue", slot=HOUR, status="running", attempt=2, slots=1,
              trigger="schedule", tick="tick-1", boot="boot-1", depth=start_requests.MAX_DEPTH)  # fmt: skip


class Meta(dict):
    meta = dict.get
    remember = dict.__setitem__


def ends():
    """Yield an event for each way in which an attempt can end."""
    for verdict, status, retry_at in (
        ("success", "success", None),
        ("failed", "failed", None),
        ("skipped", "skipped", None),
        (None, "waiting_retry", None),
        (None, "waiting_retry", 2 * HOUR),
    ):
        judgement = Judgement(status=status, verdict=verdict, retry_at=retry_at, reason="why")
        yield settle._end_event(RUN, an_attempt_result("run-1", attempt=2), judgement, "UTC")


def refused(ledger):
    """Return the event about a start that is refused: too many starts triggered one another."""
    listener = Job(name="loop", schedules=(), action=Action("handler", name="x"), on="disk_full")
    context = settle.SettleContext(jobs=Jobs({"loop": listener}), now=HOUR, zone="UTC", compose=lambda *_: [])
    judgement = Judgement(status="failed", verdict="failed")
    return settle._start_followers(ledger, context, RUN, judgement, [Event(name="disk_full")])


def changes_of_configuration(tmp_path):
    path, ledger, found = tmp_path / "scheduled.toml", Meta(), []
    job = "[jobs.{}]\ncommand = '{}'\n"
    for text in (
        job.format("a", "x") + job.format("b", "x"),
        "max_parallel = 2\n" + job.format("a", "y") + job.format("c", "x"),
    ):
        path.write_text(text)
        found += config_changes.note(ledger, load_config(path))
    return found


def switched():
    runtime = SimpleNamespace(config=SimpleNamespace(jobs=Jobs()))
    return overrides._toggled(None, runtime, [ALL_JOBS], enabled=False)


@pytest.fixture
def published(tmp_path):
    """All events that the engine and the commands can build, each with every field that it can have."""
    ledger = LEDGERS["sqlite"](tmp_path)
    with ledger.transaction():
        found = refused(ledger)
    ledger.close()
    row = SlotRow(job="job", target="blue", span=SPAN, verdict="skipped", reason="by hand", run_id=None)
    return [
        *found,
        *ends(),
        *changes_of_configuration(tmp_path),
        *switched(),
        *intake.boot_since(Meta(boot="boot-1"), "boot-2"),
        skips.skipped(JobKey("job", "blue"), SPAN, "late", "UTC"),
        skips.of_run(RUN, "stopped", "UTC"),
        supervised._started_event(a_claim(HOUR, target="blue"), "UTC"),
        unskip._event(row, "UTC"),
        approvals._event(Start(claim=a_claim(HOUR, target="blue")), "UTC"),
        answers._approved(RUN, "UTC"),
    ]


def test_each_event_has_exactly_the_fields_that_are_listed(published):
    fields = {}
    for event in published:
        fields.setdefault(event.name, set()).update(event.payload)

    # The payload of `task_added` is that of a start request: it has the instant of a task, if that has passed.
    assert set(PUBLISHED) == {*fields, *ELSEWHERE, "task_added"}
    assert fields == {name: set(PUBLISHED[name]) for name in fields}
