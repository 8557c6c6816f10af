"""A job that is at rest has no plan but its next slot."""

from hypothesis import given
from hypothesis import strategies as st

from scheduled.core.at_rest import is_at_rest
from scheduled.core.holds import Holds
from scheduled.core.job_plan import plan_job
from scheduled.core.jobs import Action, Job, Window
from scheduled.core.keys import ALL_JOBS
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, OpenRun, StartRequest
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import HOUR, MINUTE

BEGIN = 1_780_000_200  # ten minutes before a full hour
RUN = OpenRun(
    job="j", slot=BEGIN - 8 * HOUR, run_id="j-1", attempt=1, status="waiting_retry", slots=1, trigger="schedule",
    tick="", boot="", retry_at=BEGIN + HOUR,
)  # fmt: skip
REQUEST = StartRequest(id=1, job="j", event="e", payload={}, depth=0)

JOBS = st.builds(
    Job,
    name=st.just("j"),
    schedules=st.sampled_from(
        [
            (Schedule("cron", "0 * * * *"),),
            (Schedule("cron", "0 * * * *", delay=HOUR // 2),),
            (Schedule("every", str(20 * MINUTE)), Schedule("cron", "30 6 * * *")),
            (Schedule("at", anchor=BEGIN - HOUR),),
        ]
    ),
    action=st.just(Action("command", words=("true",))),
    catch_up=st.sampled_from(["latest", "all", "none"]),
    grace=st.sampled_from([None, 0, HOUR]),
    not_between=st.sampled_from([None, Window(0, 23 * 60)]),
    start_delay=st.sampled_from([0, HOUR]),
)
STATES = st.fixed_dictionaries(
    {
        "position": st.integers(-3 * HOUR, HOUR).map(lambda n: BEGIN + n),
        "open_run": st.sampled_from([None, None, RUN]),
        "others": st.sampled_from([(), (), (RUN,)]),
        "busy": st.sampled_from([False, False, True]),
    }
)


@given(
    JOBS,
    STATES,
    st.integers(0, 3 * HOUR),
    st.sampled_from([(), (REQUEST,)]),
    st.sampled_from([{}, {ALL_JOBS: None}]),
    st.booleans(),
)
def test_a_job_that_is_at_rest_has_no_plan_but_its_next_slot(job, state, later, rows, pauses, held):
    now, requests = BEGIN + later, RequestQueue(rows)
    job_state = JobState(job="j", epoch=BEGIN - 4 * HOUR, schedules=job.schedules, **state)

    plan = plan_job(job, job_state, now, held=held, holds=Holds(pauses=pauses, start_requests=requests))

    nothing = (plan.start, plan.waits, plan.skips) == (None, None, ())
    assert nothing or not is_at_rest(job_state, now, requests)


def test_a_job_is_at_rest_between_its_slots_and_until_the_next_one():
    job = Job(name="j", schedules=(Schedule("cron", "0 * * * *"),), action=Action("command", words=("true",)))
    state = JobState(job="j", epoch=BEGIN, position=BEGIN, schedules=job.schedules)
    hour = BEGIN - BEGIN % HOUR + HOUR

    found = [is_at_rest(state, now, RequestQueue()) for now in (BEGIN, hour - 1, hour)]

    assert found == [True, True, False]
