"""When epochs begin and end as jobs are added, changed and removed. History is never replayed."""

from datetime import datetime

import msgspec
import pytest

from scheduled.core import epochs, planner
from scheduled.core.epochs import EpochChange
from scheduled.core.jobs import Action, Job
from scheduled.core.keys import JobKey
from scheduled.core.runs import JobState, OpenRun, Span
from scheduled.core.zone_changes import zone_changes
from scheduled.schedules.schedule import Schedule


def at(text):
    return int(datetime.fromisoformat(f"2026-02-03T{text}+00:00").timestamp())


HOURLY, HALF_PAST = Schedule("cron", "0 * * * *"), Schedule("cron", "30 * * * *")
OLD = Job(name="job", schedules=(HOURLY,), action=Action("command", words=("true",)))
NOW = at("14:10:30")
THIS_MINUTE = at("14:10:00") - 1


def changed(**values):
    return {"job": msgspec.structs.replace(OLD, **values)}


def job_state(position="14:00:00", **values):
    values = {
        "job": "job",
        "position": at(position),
        "epoch": at("00:00:00"),
        "schedules": (HOURLY,),
        **values,
    }
    return {JobKey("job"): JobState(**values)}


def run(slot, status):
    return OpenRun(
        run_id="r", job="job", slot=at(slot), status=status, attempt=1, slots=1, trigger="schedule", tick="", boot=""
    )  # fmt: skip


def changes(jobs, job_states, unknown=False, now=NOW):
    return epochs.epoch_changes(jobs, job_states, unknown, now)


def started_after(jobs, job_states, now):
    """Return the slots that would start at *now* once the changes are written."""
    found = epochs.after(job_states, changes(jobs, job_states, now=now))
    return [start.claim.slot for start in planner.plan(jobs, found, now).starts]


def test_the_epoch_of_a_new_job_begins_with_the_current_minute():
    assert [EpochChange(job="job", boundary=THIS_MINUTE, begins=(HOURLY,), ends=False)] == changes(
        changed(), {}
    )


@pytest.mark.parametrize(
    ("now", "expected"), [("14:00:00", ["14:00:00"]), ("14:00:59", ["14:00:00"]), ("14:01:00", [])]
)
def test_a_new_job_runs_the_slot_of_the_current_minute_but_no_older_one(now, expected):
    assert [at(slot) for slot in expected] == started_after(changed(), {}, at(now))


def test_a_new_interval_job_is_first_due_after_one_interval():
    every = Schedule("every", "3600")
    jobs = changed(schedules=(every,))
    new = epochs.after({}, changes(jobs, {}, now=at("14:10:30")))

    assert [[], [at("15:10:00")], [at("15:10:00")]] == [
        [start.claim.slot for start in planner.plan(jobs, new, at(now)).starts]
        for now in ("15:09:59", "15:10:00", "15:30:00")
    ]


def test_restarts_do_not_delay_an_interval():
    jobs = changed(schedules=(Schedule("every", "3600"),))
    first = epochs.after({}, changes(jobs, {}))

    assert changes(jobs, first, now=NOW + 3000) == []


def test_an_edit_after_a_new_zone_of_the_host_continues_an_interval_from_its_last_slot():
    def every(hours, zone):
        daily = Schedule("cron", "0 0 * * *", zone=zone)  # the zone moves its slots, so another epoch begins
        return changed(schedules=(Schedule("every", str(hours * 3600), zone=zone), daily))

    first = epochs.after({}, changes(every(1, "UTC"), {}, now=at("08:00:00")))
    moves = zone_changes(every(1, "UTC"), every(1, "Asia/Tokyo"), first, at("10:20:00"))
    moved = epochs.after(first, moves)
    jobs = every(4, "Asia/Tokyo")
    edited = epochs.after(moved, changes(jobs, moved, now=at("10:40:00")))

    assert [[], [at("14:00:00")]] == [
        [start.claim.slot for start in planner.plan(jobs, edited, at(now)).starts]
        for now in ("13:59:59", "14:00:00")
    ]


def test_an_anchor_fixes_the_phase_of_an_interval():
    jobs = changed(schedules=(Schedule("every", "7200", anchor=at("01:15:00")),))

    assert [at("15:15:00")] == started_after(jobs, epochs.after({}, changes(jobs, {})), at("16:00:00"))


def test_unchanged_schedules_change_no_epoch():
    assert changes(changed(), job_state()) == []


def test_a_change_of_the_command_alone_begins_no_epoch():
    assert changes(changed(action=Action("command", words=("false",)), priority="high"), job_state()) == []


@pytest.mark.parametrize(
    "schedule", [HALF_PAST, Schedule("cron", "0 * * * *", "Europe/Berlin"), Schedule("every", "3600")]
)
def test_another_schedule_or_zone_ends_an_epoch_and_begins_one_now(schedule):
    assert [EpochChange(job="job", boundary=THIS_MINUTE, begins=(schedule,), ends=True)] == changes(
        changed(schedules=(schedule,)), job_state()
    )


def test_open_slots_of_the_old_schedule_are_skipped_as_one_span():
    (change,) = changes(changed(schedules=(HALF_PAST,)), job_state("10:00:00"))

    assert Span(at("11:00:00"), at("14:00:00"), 4) == change.skipped


def test_an_edit_replays_no_history():
    assert started_after(changed(schedules=(HALF_PAST,)), job_state("08:00:00"), NOW) == []


def test_an_edit_in_the_minute_of_a_claimed_slot_does_not_claim_it_again():
    quarterly = Schedule("cron", "*/15 * * * *")

    assert started_after(changed(schedules=(quarterly,)), job_state("14:00:00"), at("14:00:30")) == []
    assert [at("14:00:00")] == started_after(
        changed(schedules=(quarterly,)), job_state("13:00:00"), at("14:00:30")
    )


def test_an_edit_abandons_a_waiting_retry():
    waiting = run("13:00:00", "waiting_retry")

    (change,) = changes(changed(schedules=(HALF_PAST,)), job_state("12:00:00", open_run=waiting))

    assert (waiting, Span(at("14:00:00"), at("14:00:00"), 1)) == (change.abandoned, change.skipped)


def test_a_run_in_progress_keeps_its_slot_after_an_edit():
    running = job_state("13:00:00", open_run=run("14:00:00", "running"), busy=True)

    (change,) = changes(changed(schedules=(HALF_PAST,)), running, now=at("14:00:30"))

    assert (at("14:00:00"), None, None) == (change.boundary, change.abandoned, change.skipped)


@pytest.mark.parametrize("jobs", [{}, changed(enabled=False)])
def test_the_epoch_of_a_job_that_is_removed_or_disabled_ends(jobs):
    (change,) = changes(jobs, job_state("12:00:00"))

    assert (change.begins, change.ends, change.boundary) == ((), True, THIS_MINUTE)
    assert Span(at("13:00:00"), at("14:00:00"), 2) == change.skipped
    assert epochs.after(job_state("12:00:00"), [change]) == {}


def test_a_disabled_job_without_an_epoch_changes_nothing():
    assert changes(changed(enabled=False), {}) == []


def test_a_job_that_is_enabled_again_does_not_catch_up():
    assert started_after(changed(), {}, NOW) == []
    assert [at("15:00:00")] == started_after(
        changed(), epochs.after({}, changes(changed(), {})), at("15:00:00")
    )


def test_a_file_that_cannot_be_read_ends_no_epoch():
    assert changes({}, job_state(), unknown=True) == []


def test_with_a_broken_file_edits_of_other_jobs_still_count():
    (change,) = changes(changed(schedules=(HALF_PAST,)), job_state(), unknown=True)

    assert change.begins == (HALF_PAST,)


BOTH = (HOURLY, HALF_PAST)


def test_several_schedules_have_the_slots_of_each_and_a_shared_slot_counts_once():
    times = epochs.slots_of((HOURLY, HALF_PAST, Schedule("cron", "0 12 * * *")), at("00:00:00"))

    assert epochs.span_between(times, at("11:45:00"), at("14:00:00")) == Span(
        at("12:00:00"), at("14:00:00"), 5
    )
    assert started_after(changed(schedules=BOTH), job_state("12:40:00", schedules=BOTH), NOW) == [
        at("14:00:00")
    ]


@pytest.mark.parametrize("schedules", [BOTH[::-1], (*BOTH, HOURLY)])
def test_neither_the_order_of_schedules_nor_a_duplicate_is_an_edit(schedules):
    assert changes(changed(schedules=schedules), job_state(schedules=BOTH)) == []


@pytest.mark.parametrize(
    ("before", "now"), [((HOURLY,), BOTH), (BOTH, (HOURLY,)), (BOTH, (HOURLY, Schedule("every", "60")))]
)
def test_adding_removing_or_changing_one_of_several_schedules_ends_the_epoch(before, now):
    (change,) = changes(changed(schedules=now), job_state("12:00:00", schedules=before))

    assert (change.begins, change.ends, change.boundary) == (now, True, THIS_MINUTE)
    assert change.skipped == epochs.span_between(epochs.slots_of(before, 0), at("12:00:00"), THIS_MINUTE)


def test_all_slots_of_a_job_are_delayed_by_the_longest_jitter_of_its_schedules():
    late = (HOURLY, msgspec.structs.replace(HALF_PAST, delay=600))
    job = changed(schedules=late)

    assert started_after(job, job_state("13:00:00", schedules=late), at("14:09:59")) == [at("13:30:00")]
    assert started_after(job, job_state("13:00:00", schedules=late), NOW) == [at("14:00:00")]
