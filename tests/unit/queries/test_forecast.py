"""A forecast has the same result as executing every tick."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduled.config.config import Config
from scheduled.config.tables import NotifyTable
from scheduled.core.configured_jobs import Jobs
from scheduled.core.holds import Holds
from scheduled.core.job_plan import plan_job
from scheduled.core.jobs import Action, Job, Window
from scheduled.core.keys import JobKey
from scheduled.core.request_queue import RequestQueue
from scheduled.core.runs import JobState, OpenRun, StartRequest
from scheduled.errors import ConfigError
from scheduled.queries import forecast
from scheduled.queries.calendar import document, escape, fold
from scheduled.queries.forecast import Ticks
from scheduled.queries.next_run import next_run
from scheduled.queries.simulation.own_retries import OwnRetry
from scheduled.queries.simulation.steps import steps
from scheduled.queries.view import View
from scheduled.schedules.schedule import Schedule
from scheduled.schedules.zones import DAY, HOUR, MINUTE

ZONE = "Europe/Berlin"


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp())


START = at("2026-03-28")


def a_job(cron="0 * * * *", delay=0, name="job", **values):
    schedule = Schedule("cron", cron, ZONE, delay=delay)
    return Job(name=name, schedules=(schedule,), action=Action("command", line="true"), **values)


def a_view(*jobs, now=START, pauses=None, max_runs=None):
    config = Config(
        path=Path("x"), timezone=ZONE, workspace=None, max_parallel=2, max_runs=max_runs, max_minutes=None,
        max_sessions=None, keep_days=90, keep_runs=1000, notify=NotifyTable(), jobs=Jobs({job.name: job for job in jobs}), problems=[], warnings=[],
    )  # fmt: skip
    job_states = {
        JobKey(job.name): JobState(job=job.name, position=now - 1, epoch=now - 1, schedules=job.schedules)
        for job in jobs
    }
    return View(
        config=config, now=now, job_states=job_states, rows={}, holds=Holds(pauses=pauses or {}), overridden=frozenset(),
        cadence=300, busy=frozenset(),
    )  # fmt: skip


def forecast_of(view, start=START, end=START + DAY, outages=(), only=None):
    return [
        (datetime.fromtimestamp(run, ZoneInfo(ZONE)).strftime("%d %H:%M"),
         slot and datetime.fromtimestamp(slot, ZoneInfo(ZONE)).strftime("%d %H:%M"), str(key))
        for run, slot, key in forecast.simulate(view, start, end, outages, only and [JobKey(name) for name in only.split()])
    ]  # fmt: skip


def tick_by_tick(job, start, end, outages, cadence=300, pauses=None):
    """Return the runs of a naive simulation that plans every single tick."""
    job_state = JobState(job=job.name, position=start - 1, epoch=start - 1, schedules=job.schedules)
    found, planned = [], 0
    for now in range(-(-start // cadence) * cadence, end, cadence):
        if any(first <= now < last for first, last in outages):
            continue
        in_force = {name: until for name, until in (pauses or {}).items() if until is None or until > now}
        while True:
            plan = plan_job(job, job_state, now, holds=Holds(pauses=in_force, planned=planned))
            for skip in plan.skips:
                job_state = msgspec.structs.replace(
                    job_state, position=max(job_state.position, skip.span.last)
                )
            if plan.start is None:
                break
            found.append((now, plan.start.claim.slot, JobKey(job.name)))
            job_state = msgspec.structs.replace(job_state, position=plan.start.claim.slot)
        planned = now
    return found


HOURS = st.integers(0, 71).map(lambda hour: START + hour * HOUR)
OUTAGES = st.lists(st.tuples(HOURS, st.integers(1, 30)).map(lambda o: (o[0], o[0] + o[1] * HOUR)), max_size=3)


@settings(max_examples=150, deadline=None)
@given(
    cron=st.sampled_from(["0 * * * *", "*/15 * * * *", "30 2 * * *", "7 */6 * * *", "* 3 * * *", "0 9 * * MON", "@daily"]),
    catch_up=st.sampled_from(["latest", "all", "none"]),
    grace=st.sampled_from([None, 60, HOUR, 5 * HOUR]),
    delay=st.sampled_from([0, 0, 130, 3000]),
    window=st.sampled_from([None, None, Window(22 * 60, 8 * 60), Window(120, 200)]),
    limit=st.sampled_from([3, 100]),
    pause=st.sampled_from([None, START + 20 * HOUR]),
    outages=OUTAGES,
)  # fmt: skip
@example(
    cron="7 */6 * * *", catch_up="none", grace=HOUR, delay=0, window=None, limit=3,
    pause=START + 20 * HOUR, outages=[(START + 8 * HOUR, START + 25 * HOUR)],
)  # fmt: skip
def test_a_forecast_equals_the_simulation_of_every_tick(
    *, cron, catch_up, grace, delay, window, limit, pause, outages
):
    job = a_job(cron, delay, catch_up=catch_up, grace=grace, not_between=window, catch_up_limit=limit)
    pauses = {JobKey("job"): pause} if pause else {}
    expected = tick_by_tick(job, START, START + 3 * DAY, outages, pauses=pauses)

    assert forecast.simulate(a_view(job, pauses=pauses), START, START + 3 * DAY, outages) == expected


def test_a_night_without_ticks_is_caught_up_in_the_morning():
    found = forecast_of(
        a_view(a_job("0 */3 * * *")), outages=[(at("2026-03-28T01:00"), at("2026-03-28T10:02"))]
    )

    assert found[:3] == [
        ("28 00:00", "28 00:00", "job"),
        ("28 10:05", "28 09:00", "job"),
        ("28 12:00", "28 12:00", "job"),
    ]


def test_a_slot_missed_in_an_outage_before_the_span_runs_within_the_span():
    found = forecast_of(
        a_view(a_job("0 3 * * *")), start=at("2026-03-30T08:00"), end=at("2026-03-30T12:00"),
        outages=[(at("2026-03-30T02:00"), at("2026-03-30T09:00"))],
    )  # fmt: skip

    assert found == [("30 09:00", "30 03:00", "job")]


def test_the_span_includes_its_beginning_and_excludes_its_end():
    assert [run[0] for run in forecast_of(a_view(a_job("@daily")), end=START + DAY)] == ["28 00:00"]


def test_a_forecast_of_the_past_assumes_that_the_jobs_existed():
    view = a_view(a_job("@daily"), now=START)

    assert [run[1] for run in forecast_of(view, start=START - 2 * DAY, end=START)] == ["26 00:00", "27 00:00"]


def test_a_budget_spreads_a_catch_up_over_ticks_by_priority():
    jobs = [
        a_job("@daily", name=name, priority=level)
        for name, level in (("a", "low"), ("b", "high"), ("c", "medium"))
    ]

    found = forecast_of(a_view(*jobs, max_runs=1))

    assert [(run[0], run[2]) for run in found] == [("28 00:00", "b"), ("28 00:05", "c"), ("28 00:10", "a")]


def test_under_a_pause_without_an_end_nothing_runs():
    assert forecast_of(a_view(a_job(), pauses={JobKey(""): None})) == []


def test_a_forecast_can_be_limited_to_one_job():
    assert {run[2] for run in forecast_of(a_view(a_job(), a_job(name="other")), only="other")} == {"other"}


@pytest.mark.parametrize("budget", [None, 10])
def test_a_forecast_can_be_limited_to_several_jobs(budget):
    view = a_view(*(a_job(name=name) for name in ("one", "two", "three")), max_runs=budget)

    assert {run[2] for run in forecast_of(view, only="one three")} == {"one", "three"}


@pytest.mark.parametrize("budget", [None, 5])
def test_a_forecast_with_too_many_runs_is_refused(budget, monkeypatch):
    monkeypatch.setattr(forecast, "MOST", 288)  # the real limit would take minutes
    view = a_view(a_job("*/5 * * * *"), max_runs=budget)

    assert len(forecast_of(view, START + DAY, START + 2 * DAY)) == 288
    with pytest.raises(
        ConfigError, match=r"from 2026-03-28.* to 2026-03-29.*: a forecast is limited to 288 runs"
    ):
        forecast.simulate(view, START, START + DAY + MINUTE)


@pytest.mark.parametrize("budget", [None, 5])
@pytest.mark.parametrize(
    "job",
    [
        a_job("2-59/5 * * * *", grace=MINUTE, catch_up="none"),  # every slot is skipped
        a_job("* * * * *", catch_up="all", catch_up_limit=10**9),
    ],
    ids=["nothing runs", "every slot is caught up on"],
)
def test_a_forecast_with_too_long_a_simulation_before_the_span_is_refused(job, budget, monkeypatch):
    monkeypatch.setattr(forecast, "FARTHEST", 5000)  # the real limit would take minutes
    outages = [(START + DAY, START + 30 * DAY)]

    with pytest.raises(ConfigError, match=r"choose .* one nearer to now"):
        forecast.simulate(a_view(job, max_runs=budget), START + 60 * DAY, START + 61 * DAY, outages)


def test_a_pause_that_ends_long_before_the_span_does_not_lengthen_the_simulation(monkeypatch):
    monkeypatch.setattr(forecast, "FARTHEST", 5000)
    view = a_view(a_job("*/5 * * * *"), pauses={JobKey("job"): START + DAY})

    assert len(forecast_of(view, START + 90 * DAY, START + 91 * DAY)) == 288


@pytest.mark.parametrize("tick", [START, START + 1, START + 299, START + 300])
def test_ticks_follow_the_cadence_except_in_an_outage(tick):
    ticks = Ticks(300, [(START + 200, START + 400), (START + 350, START + 700)])

    assert ticks.at_or_after(tick) == (START if tick == START else START + 900)


def test_a_calendar_escapes_special_characters_and_folds_long_lines():
    text = document([(START, START, JobKey("a;b,c\\" + "ü" * 60))], START)

    assert "SUMMARY:a\\;b\\,c\\\\" in text
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert text.replace("\r\n ", "").count("ü") == 120
    assert (escape("a\nb"), list(fold("x"))) == ("a\\nb", ["x"])


NOON = START + 12 * HOUR


def a_lived_view(*jobs, now=NOON, **values):
    """A view at *now* of jobs that exist since START and have no verdict since then; nothing planned since START."""
    view = a_view(*jobs, now=now)
    states = {
        key: msgspec.structs.replace(found, position=START - 1, epoch=START - 1)
        for key, found in view.job_states.items()
    }
    return msgspec.structs.replace(view, job_states=states, **values)


def waiting(retry_at, slot, status="waiting_retry"):
    return OpenRun(
        run_id="r", job="job", slot=slot, status=status, attempt=1, slots=1, trigger="schedule", tick="", boot="",
        retry_at=retry_at,
    )  # fmt: skip


def with_run(view, run, **values):
    key = JobKey("job")
    found = msgspec.structs.replace(view.job_states[key], open_run=run, **values)
    return msgspec.structs.replace(view, job_states={**view.job_states, key: found})


@pytest.mark.parametrize("start", [START, NOON - 30, NOON])
def test_what_is_past_is_history_and_open_slots_are_in_the_plan(start):
    found = forecast_of(a_lived_view(a_job("0 4 * * *"), now=NOON + 60), start=start)

    assert found == [("28 12:05", "28 04:00", "job")]


def test_a_retry_that_is_open_is_in_the_plan_and_starts_at_the_first_tick_after_it():
    view = a_lived_view(a_job("0 4 * * *"), now=NOON + 60)
    view = with_run(view, waiting(NOON + 20 * MINUTE + 30, START + 4 * HOUR))

    assert forecast_of(view) == [("28 12:25", "28 04:00", "job")]
    assert forecast_of(msgspec.structs.replace(view, late=30)) == [("28 12:20", "28 04:00", "job")]


def another(view, retry_at):
    """Return *view* with a run without a slot that waits for a retry, as a step of a chain does."""
    run = msgspec.structs.replace(waiting(retry_at, None), run_id="other", trigger="chain")
    return with_state(view, "job", others=(run,))


@pytest.mark.parametrize("budget", [None, 5])
def test_two_retries_of_one_job_have_their_turns_in_two_ticks_and_one_has_no_slot(budget):
    view = a_lived_view(a_job("0 4 * * *"), now=NOON + 60)
    view = another(with_run(view, waiting(NOON + 2 * MINUTE, START + 4 * HOUR)), NOON + 3 * MINUTE)
    view = msgspec.structs.replace(
        view, config=msgspec.structs.replace(view.config, max_runs=budget) if budget else view.config
    )

    assert forecast.simulate(view, NOON, NOON + HOUR) == [
        (NOON + 5 * MINUTE, START + 4 * HOUR, JobKey("job")),
        (NOON + 10 * MINUTE, None, JobKey("job")),
    ]
    found = [step.if_succeeded for step in steps(view, NOON + 60, NOON + HOUR) if step.start is not None]
    assert found == [False, True]


@pytest.mark.parametrize("budget", [None, 5])
def test_a_retry_that_a_tick_at_work_makes_itself_runs_at_its_instant(budget):
    view = with_run(a_lived_view(a_job("0 4 * * *"), now=NOON + 5), waiting(NOON + 21, START + 4 * HOUR))
    config = msgspec.structs.replace(view.config, max_runs=budget)
    own = (OwnRetry(NOON + 21, JobKey("job"), NOON + 1, budget),)
    at_work = msgspec.structs.replace(view, config=config, own_retries=own)

    def runs(view):
        return [run for run, _, _ in forecast.simulate(view, NOON + 5, NOON + HOUR)]

    assert (runs(view), runs(at_work)) == ([NOON + 5 * MINUTE], [NOON + 21])
    assert next_run(at_work, JobKey("job")) == NOON + 21
    assert forecast.simulate(at_work, NOON + 5, NOON + 20) == []


def test_a_run_that_waits_for_a_decision_runs_never():
    view = with_run(a_lived_view(a_job()), waiting(None, START + 4 * HOUR))

    assert forecast_of(view, end=START + 30 * DAY) == []


def test_a_missed_slot_is_not_taken_for_one_that_a_tick_deferred():
    view = a_lived_view(a_job("0 4 * * *", catch_up="none"))

    assert forecast_of(view) == []


def test_a_span_that_is_over_is_predicted_only_for_jobs_that_did_not_exist_then():
    view = a_lived_view(a_job("0 * * * *"))

    assert forecast_of(view, START, START + 6 * HOUR) == []
    assert len(forecast_of(view, START - 6 * HOUR, START)) == 6


def test_a_job_waits_for_the_jobs_that_it_comes_after():
    first = a_job("0 9 * * *", name="first")
    job = a_job("0 12 * * *", after=("first",))
    view = a_lived_view(first, job, now=NOON + 60)
    late = msgspec.structs.replace(waiting(NOON + HOUR, START + 9 * HOUR), job="first")
    states = dict(view.job_states)
    states[JobKey("first")] = msgspec.structs.replace(states[JobKey("first")], open_run=late)
    retried = msgspec.structs.replace(view, job_states=states)
    states = dict(view.job_states)
    states[JobKey("first")] = msgspec.structs.replace(
        states[JobKey("first")], position=NOON, last_status="failed"
    )
    failed = msgspec.structs.replace(view, job_states=states)

    assert forecast_of(view) == [("28 12:05", "28 09:00", "first"), ("28 12:05", "28 12:00", "job")]
    assert forecast_of(retried) == [("28 13:00", "28 09:00", "first"), ("28 13:00", "28 12:00", "job")]
    assert forecast_of(failed) == []
    assert forecast_of(retried, only="job") == [("28 13:00", "28 12:00", "job")]


def test_ticks_come_at_their_phase():
    view = a_lived_view(a_job("0 4 * * *"), cadence=HOUR, phase=7 * MINUTE)

    assert forecast_of(view) == [("28 12:07", "28 04:00", "job")]


def test_a_start_request_that_waits_is_in_the_plan():
    row = StartRequest(id=1, job="job", event="disk_full", payload={}, depth=0, at=NOON)
    view = a_lived_view(a_job("0 4 * * *"))
    view = msgspec.structs.replace(view, holds=Holds(start_requests=RequestQueue([row])))

    assert [run[:2] for run in forecast_of(view)] == [("28 12:00", "28 04:00"), ("28 12:00", None)]


def test_the_next_run_of_a_job_under_way_is_that_of_its_next_slot():
    view = a_lived_view(a_job("0 4 * * *"))
    view = with_run(view, waiting(None, START + 4 * HOUR, "running"), busy=True)

    assert next_run(view, JobKey("job")) == at("2026-03-29T04:00")


@settings(max_examples=150, deadline=None)
@given(
    cron=st.sampled_from(["0 * * * *", "*/2 * * * *", "30 2 * * *", "0 9 * * MON", "* 13 * * *"]),
    catch_up=st.sampled_from(["latest", "all", "none"]),
    grace=st.sampled_from([None, 60, HOUR]),
    delay=st.sampled_from([0, 0, 130]),
    window=st.sampled_from([None, None, Window(13 * 60, 15 * 60), Window(22 * 60, 8 * 60)]),
    pauses=st.sampled_from([{}, {}, {JobKey("job"): NOON + 2 * HOUR}, {JobKey("job"): None}]),
    now=st.integers(NOON, NOON + HOUR),
    late=st.sampled_from([0, 30]),
    decided=st.booleans(),
)
def test_the_next_run_of_a_job_at_rest_is_that_of_the_simulation(
    *, cron, catch_up, grace, delay, window, pauses, now, late, decided
):
    job = a_job(cron, delay, catch_up=catch_up, grace=grace, not_between=window)
    view = a_view(job, now=now) if decided else a_lived_view(job, now=now)
    view = msgspec.structs.replace(view, late=late, holds=Holds(pauses=pauses))
    found = steps(view, now, now + 30 * DAY)

    assert next_run(view, JobKey("job")) == next((step.tick for step in found if step.run), None)


def with_state(view, name, **changes):
    """Return *view* with a changed state of the job *name*."""
    states = {
        **view.job_states,
        JobKey(name): msgspec.structs.replace(view.job_states[JobKey(name)], **changes),
    }
    return msgspec.structs.replace(view, job_states=states)


def by_hand(name):
    return Job(name=name, schedules=(Schedule("manual", zone=ZONE),), action=Action("command", line="true"))


def test_a_job_behind_one_that_failed_and_does_not_run_again_has_no_next_run():
    view = a_lived_view(by_hand("first"), a_job("* * * * *", after=("first",)))

    assert next_run(view, JobKey("job")) is not None
    assert next_run(with_state(view, "first", last_status="failed"), JobKey("job")) is None
    assert next_run(with_state(view, "first", last_status="failed", busy=True), JobKey("job")) is not None


def test_a_chain_that_runs_lets_the_jobs_behind_its_steps_run():
    chain = msgspec.structs.replace(
        a_job("0 14 * * *", name="all"), action=Action("chain", steps=(("first",),))
    )
    view = a_lived_view(by_hand("first"), a_job("30 * * * *", after=("first",)), chain)
    view = with_state(with_state(view, "first", last_status="failed"), "job", position=NOON)

    assert next_run(view, JobKey("job")) == NOON + 2 * HOUR + 30 * MINUTE


def test_a_slot_without_catch_up_is_missed_in_an_outage_though_ticks_begin_late():
    view = msgspec.structs.replace(a_lived_view(a_job("0 * * * *", catch_up="none")), late=1)
    view = with_state(view, "job", position=NOON)

    runs = forecast_of(view, NOON, NOON + 6 * HOUR, [(NOON + 30 * MINUTE, NOON + 4 * HOUR + 20 * MINUTE)])

    assert [slot for _, slot, _ in runs] == ["28 17:00"]


def test_a_slot_that_a_late_tick_sees_after_ten_minutes_is_missed():
    view = msgspec.structs.replace(a_lived_view(a_job("*/15 * * * *", catch_up="none")), late=1)
    view = with_state(view, "job", position=NOON)

    runs = forecast_of(view, NOON, NOON + HOUR, [(NOON + 25 * MINUTE, NOON + 36 * MINUTE)])

    assert [slot for _, slot, _ in runs] == ["28 12:15", "28 12:45"]


def with_requests(view, events, limit):
    """Return *view* with so many waiting *events* for each job by name, of which a tick starts *limit*."""
    names = [name for name, number in events.items() for _ in range(number)]
    rows = [
        StartRequest(id=number, job=name, event="disk_full", payload={}, depth=0, at=NOON)
        for number, name in enumerate(names)
    ]
    config = msgspec.structs.replace(view.config, max_event_runs=limit)
    crowded = frozenset(events) if len(rows) > limit else frozenset()
    return msgspec.structs.replace(
        view, config=config, crowded=crowded, holds=Holds(start_requests=RequestQueue(rows))
    )


@pytest.mark.parametrize("max_runs", [None, 5])
def test_more_events_than_a_tick_starts_are_spread_over_the_next_ticks(max_runs):
    view = a_lived_view(by_hand("first"), by_hand("second"))
    config = msgspec.structs.replace(view.config, max_runs=max_runs)
    view = with_requests(msgspec.structs.replace(view, config=config), {"first": 5, "second": 2}, limit=3)

    runs = [(run[0], run[2]) for run in forecast_of(view)]

    first, second = ("28 12:00", "first"), ("28 12:00", "second")
    assert sorted(runs[:3]) == [first, first, second]
    assert sorted(runs[3:6]) == [("28 12:05", "first"), ("28 12:05", "first"), ("28 12:05", "second")]
    assert runs[6:] == [("28 12:10", "first")]
    assert next_run(view, JobKey("second")) == NOON


def test_the_next_run_of_a_job_behind_a_crowd_of_events_is_that_of_a_later_tick():
    urgent = [msgspec.structs.replace(by_hand(name), priority="high") for name in ("one", "two")]
    view = with_requests(a_lived_view(by_hand("job"), *urgent), {"one": 1, "two": 1, "job": 1}, limit=2)

    assert next_run(view, JobKey("job")) == NOON + 5 * MINUTE
    assert [run[0] for run in forecast_of(view, only="job")] == ["28 12:05"]


def test_as_many_events_as_a_tick_starts_need_no_common_simulation():
    view = with_requests(a_lived_view(by_hand("first")), {"first": 3}, limit=3)

    assert [run[0] for run in forecast_of(view)] == ["28 12:00"] * 3


@pytest.mark.parametrize("max_runs", [None, 9])
def test_a_chain_with_catch_up_all_runs_all_its_slots_in_one_tick(max_runs):
    chain = msgspec.structs.replace(
        a_job("0 * * * *", name="all", catch_up="all"), action=Action("chain", steps=(("first",),))
    )
    view = a_lived_view(by_hand("first"), chain)
    view = with_state(view, "all", position=NOON - 3 * HOUR)
    view = msgspec.structs.replace(view, config=msgspec.structs.replace(view.config, max_runs=max_runs))

    runs = [run for run in forecast_of(view, end=NOON + HOUR) if run[2] == "all"]

    assert runs == [("28 12:00", f"28 {hour}:00", "all") for hour in ("10", "11", "12")]
