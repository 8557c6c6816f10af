"""What a prediction assumes, in words for a terminal and as fields for programs."""

from collections.abc import Iterable, Mapping
from typing import Any

from scheduled.clock import minute
from scheduled.core.keys import JobKey
from scheduled.queries.last_known import NOTHING_RUNS
from scheduled.queries.next_zone import NextZone, follows_host
from scheduled.queries.simulation.dependencies import steps_of, with_all_before
from scheduled.queries.view import View
from scheduled.schedules.durations import duration
from scheduled.schedules.schedule import counts_from_end
from scheduled.schedules.zones import Instant

CADENCE, GATE, ZONE, SUCCESS, CHAIN = "cadence", "gate", "zone", "success", "chain"
BUDGET, TARGETS, DURATION, OVERLAP, APPROVAL = "budget", "targets", "duration", "overlap", "approval"
IF_SUCCEEDED = "of two runs of a job that are due now, the second one waits for the next tick only if the first one succeeds"


def of_run(view: View, key: JobKey) -> dict[str, Any]:
    """Return `{"assumed": [...]}` for the instant of a predicted run of *key*; {} if nothing special is assumed.

    `cadence` means that it is not known whether or how often ticks come, `gate` that the job's gate is taken as open,
    `chain` that the job is a chain, or comes after one, with gated steps: their gates are taken as open, so that it ends, `zone`
    that it is not known in which time zone the next tick will be, which the schedules of the job follow, `targets` that the list
    of the job changes by itself: the last known targets are taken as those of the run, and `duration` that its runs take as long
    as the median of the last ones: its interval counts from their ends, and `overlap` that
    runs of a job with this key end before its next slot, and one under way before the next tick, and `approval` that a run
    which asks for approval gets it at once.
    """
    gated = view.config.jobs[key.job].only_if is not None
    unknown = view.cadence_source == "assumed" or view.stopped_at is not None
    doubtful = bool(view.next_zone.doubt) and follows_host(view.config, key.job)
    found = [CADENCE] * unknown + [GATE] * gated
    from_end = counts_from_end(view.config.jobs[key.job].schedules)
    found += [OVERLAP] * (view.config.jobs[key.job].overlap != "wait" and not from_end)
    found += [CHAIN] * _has_gated_steps(view, key.job) + [ZONE] * doubtful
    found += [TARGETS] * view.config.jobs[key.job].has_changing_targets
    found += [DURATION] * from_end
    found += [APPROVAL] * (view.config.jobs[key.job].approve is not None)
    return {"assumed": found} if found else {}


def _has_gated_steps(view: View, name: str) -> bool:
    """Return whether *name*, or what it comes after, is a chain with steps that have gates."""
    jobs = view.config.jobs
    before = with_all_before(jobs, [name]) if jobs[name].after or jobs[name].action.steps else ()
    return any(jobs[step].only_if is not None for chain in before for step in steps_of(jobs, chain))


def of_chains(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note if the predicted runs *entries* assume that chains with gated steps end; it names the jobs."""
    names = dict.fromkeys(entry["job"] for entry in entries if CHAIN in entry.get("assumed", ()))
    return [f"chains end (assumed: the gates of their steps are open): {', '.join(names)}"] if names else []


def of_gates(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note if the predicted runs *entries* assume that gates are open; it names their jobs."""
    names = dict.fromkeys(entry["job"] for entry in entries if GATE in entry.get("assumed", ()))
    return [f"gates are open (assumed) of {', '.join(names)}"] if names else []


def of_approvals(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note if the predicted runs *entries* assume that they are approved at once; it names their jobs."""
    names = dict.fromkeys(entry["job"] for entry in entries if APPROVAL in entry.get("assumed", ()))
    return [f"runs are approved at once (assumed) of {', '.join(names)}"] if names else []


def of_overlaps(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note if the predicted runs *entries* are of jobs with `overlap`: how long they last is not known."""
    names = dict.fromkeys(entry["job"] for entry in entries if OVERLAP in entry.get("assumed", ()))
    return [f"runs end before the next slot of their job (assumed): {', '.join(names)}"] if names else []


def of_targets(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note if predicted runs are for the last known targets of lists that change by themselves; it names the jobs."""
    names = dict.fromkeys(entry["job"] for entry in entries if TARGETS in entry.get("assumed", ()))
    return [f"the targets stay as they are now (assumed) of {', '.join(names)}"] if names else []


def of_durations(view: View, entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note if the predicted runs *entries* assume how long runs take; it has the jobs and their durations."""
    names = dict.fromkeys(entry["job"] for entry in entries if DURATION in entry.get("assumed", ()))
    found = {key.job: state.expected for key, state in view.job_states.items() if key.job in names}
    texts = [f"{name} takes {duration(found[name]) if found.get(name) else 'no time'}" for name in names]
    return (
        [f"runs take as long as the median of the last ones (assumed): {', '.join(texts)}"] if texts else []
    )


def with_success(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the *entry* of a run that waits for the next tick only if another run of its job, due before it, succeeds.

    If that fails, the run starts in the same tick.
    """
    return {**entry, "assumed": [*entry.get("assumed", ()), SUCCESS]}


def without_budget(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the *entry* of a run that is so far ahead that the budget of its tick is not simulated."""
    return {**entry, "assumed": [*entry.get("assumed", ()), BUDGET]}


def of_budget(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a note if predicted runs are so far ahead that the budget of their ticks is not simulated."""
    late = any(BUDGET in entry.get("assumed", ()) for entry in entries)
    return ["runs far ahead are not held back by `max_runs` (assumed)"] if late else []


def ticks(view: View) -> str:
    """Return how often ticks come, and how that is known."""
    every = f"every {duration(view.cadence)}"
    known = {
        "installed": "as installed",
        "observed": "as they have come so far",
        "assumed": "assumed: no crontab entry starts them",
    }
    if view.stopped_at is None:
        return f"{every} ({known[view.cadence_source]})"
    return f"{every} again (assumed: none has come since {_last(view)})"


def zone(found: NextZone) -> list[str]:
    """Return a note about the time zone of the next tick if it changes, or if it is only assumed; [] otherwise."""
    where = "schedules without `timezone` follow"
    if found.doubt:
        return [f"{where} {found.zone} (assumed: {found.doubt}; a `timezone` in scheduled.toml decides it)"]
    if found.changes:
        return [f"{where} {found.zone} from the next tick on, and {found.kept} until then"]
    return []


def no_tick(view: View) -> str:
    """Return the sentence, with a space before it, that nothing runs since no tick comes; "" if ticks come."""
    if view.stopped_at is None:
        return ""
    return f" But no tick has come since {_last(view)}: nothing runs until ticks come again (see `scheduled status`)."


def _last(view: View) -> str:
    return minute(view.stopped_at, view.zone)


def of_forecast(view: View, span: tuple[Instant, Instant], *, empty: bool) -> list[str]:
    """Return the notes about a forecast of *span*: what is history, and what is assumed about the rest.

    *empty*: it has no runs. That of a span that is over has only runs of jobs that did not exist then.
    """
    start, end = span
    if view.config.unreadable and end > view.now:
        return [NOTHING_RUNS]
    now = minute(view.now, view.zone)
    notes = [
        f"ticks come {ticks(view)}",
        *zone(view.next_zone),
        "every run succeeds at once, every gate is open, and nothing is edited",
    ]
    if end <= view.now:
        listed = "no run is predicted" if empty else "these are runs of jobs that did not exist then"
        return [f"this span is over: `scheduled history` shows what ran, and {listed}"]
    return (
        [*notes, f"before {now} it is history: `scheduled history` shows it"] if start < view.now else notes
    )
