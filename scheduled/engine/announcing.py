"""What a tick announces: the troubles that it prints, with the output of their runs, and the notices about them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from scheduled.config.config import messages
from scheduled.core.approvals import NOT_IN_TIME
from scheduled.core.conditions import Priority
from scheduled.core.events import Event
from scheduled.core.jobs import Job, job_of
from scheduled.core.keys import JobKey
from scheduled.core.troubles import Trouble
from scheduled.engine import cron_watch
from scheduled.engine.runtime import Runtime
from scheduled.errors import ScheduledError
from scheduled.notify import problems
from scheduled.printable import printable
from scheduled.schedules.zones import Instant
from scheduled.state.ledger import Ledger

KEPT = "unprinted"  # in the ledger's meta: what ticks announced, and may not have printed
DUE = "notices_due"  # in the ledger's meta: when a notice is due, if nothing else changes
OF_JOBS: Mapping[str, Priority] = {"critical": "critical", "high": "high", "medium": "normal", "low": "low"}
ENDS = ("job_completed", "job_failed", "job_retry_scheduled", "job_interrupted")


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines of the *output* of the run *run_id*, and the *text* of the announcement to which they belong.

    Of a notice that is printed, the subject and the body; *run_id* is "".
    """

    text: str
    job: str
    target: str
    run_id: str
    output: str


class Announcement(msgspec.Struct, kw_only=True):
    """What to print: *problems*, and *recoveries*, each a sentence, and the *outputs* that belong to them, or to no problem.

    *answers* are addresses to answer the runs that ask, by the problems that they belong to: only a person may get them.
    *posted*: notices were put into the outbox. *undelivered* are errors of their delivery. *kept*: the ledger has what is to
    be printed. *broken_at* is when an expectation of a job can become a trouble by itself.
    """

    problems: list[str] = []
    recoveries: list[str] = []
    outputs: list[Printed] = []
    answers: dict[str, str] = {}
    posted: bool = False
    kept: bool = False
    undelivered: list[str] = []
    broken_at: Instant | None = None

    def add(self, later: "Announcement") -> None:
        """Add what the same tick announced *later*."""
        self.problems += later.problems
        self.recoveries += later.recoveries
        self.outputs += later.outputs
        self.answers |= later.answers
        self.undelivered += later.undelivered
        self.posted |= later.posted
        self.kept |= later.kept
        self.broken_at = later.broken_at


class TickFacts(NamedTuple):
    """What a tick found: *messages* about problems, the notices that were *undelivered*, and the events so far; and its name.

    *troubles* are those that it looked for outside of a transaction, by key.
    """

    messages: list[str]
    undelivered: list[str]
    events: list[Event]
    tick: str
    troubles: Mapping[str, Trouble] = {}


def announce(runtime: Runtime, ledger: Ledger, facts: TickFacts, now: float) -> Announcement:
    """Record the troubles at *now* and the incidents that they are; return what to print about them and *facts*.

    Must be called inside a transaction.
    """
    _name_damaged(runtime, ledger)
    found, troubles = Announcement(), _troubles(runtime, ledger, facts, now)
    _note_error(runtime, ledger, facts, now)
    troubles |= _unmet(runtime, ledger, troubles, now, found)
    known = problems.record(ledger, troubles, now)
    if runtime.config.notify.routes or any(job.notify for job in _with_handlers(runtime)):
        troubles |= problems.found_by_handlers(ledger, runtime.config.jobs)
    if troubles or ledger.incidents():
        from scheduled.engine import incident_notices  # most ticks find no trouble

        failed = _new_failures(facts.events)
        ranked = {name: _ranked(runtime, trouble, failed) for name, trouble in troubles.items()}
        incident_notices.take(runtime, ledger, ranked, known, now, found)
    _add_outputs(runtime, ledger, facts, found)
    if found.problems or found.recoveries or found.outputs or ledger.meta(KEPT):
        from scheduled.engine import unprinted  # most ticks print nothing

        unprinted.keep(runtime, ledger, facts.tick, found)
        found.kept = True
    return found


def _name_damaged(runtime: Runtime, ledger: Ledger) -> None:
    """Remove damaged records of incidents, with a warning for each."""
    for name in ledger.drop_damaged_incidents():
        runtime.add_problem(
            "WARNING",
            f"{runtime.paths.ledger}: the record of the incident {name} was damaged: it is replaced",
        )


def _note_error(runtime: Runtime, ledger: Ledger, facts: TickFacts, now: float) -> None:
    """Record the last thing that the tick could not do, if there is one."""
    if (wrong := [*facts.messages, *facts.undelivered]) or runtime.unrecorded:
        from scheduled.engine import last_error

        last_error.note_tick(ledger, wrong or runtime.problems, now)


def _unmet(
    runtime: Runtime, ledger: Ledger, others: Mapping[str, Trouble], now: float, found: Announcement
) -> dict[str, Trouble]:
    """Return the troubles that expectations of jobs are not met, and note in *found* when the next one can be broken."""
    if not runtime.config.jobs.expecting:
        return {}
    from scheduled.engine import expecting  # most configurations expect nothing

    expected = expecting.find(runtime, ledger, now)
    found.broken_at = expected.next
    return {name: _with_failure(one, others) for name, one in expected.troubles.items()}


def _add_outputs(runtime: Runtime, ledger: Ledger, facts: TickFacts, found: Announcement) -> None:
    """Add to *found* the outputs that are always printed, and the notices to the channel `stderr`."""
    if any(job.mail_output == "always" for job in _ended_jobs(runtime, facts.events)):
        from scheduled.engine import mail_output  # most jobs have the default

        found.outputs += mail_output.of_all(runtime, facts.events, {one.run_id for one in found.outputs})
    if runtime.prints and ledger.next_delivery() is not None:
        from scheduled.engine import printed_notices  # most ticks have nothing to deliver

        found.outputs += printed_notices.take(runtime, ledger)


def clean(runtime: Runtime, ledger: Ledger, found: Announcement) -> None:
    """Remove files that the commit of `announce`, which returned *found*, has made obsolete."""
    if found.kept:
        from scheduled.engine import unprinted

        unprinted.forget_printed(ledger, runtime)


def _troubles(runtime: Runtime, ledger: Ledger, facts: TickFacts, now: float) -> dict[str, Trouble]:
    """Return the current troubles, with those that this tick found."""
    config, new = runtime.config, [*runtime.problems, *facts.messages]
    found = problems.current(ledger, config.jobs, messages(config), new, now)
    if config.jobs.with_gate:
        from scheduled.engine import tick_gates

        found |= problems.of_kind("gate", tick_gates.problems(ledger, config.jobs))
    if config.jobs.with_changing_targets:
        from scheduled.engine import target_lists

        found |= problems.of_kind("targets", target_lists.problems(ledger, config.jobs))
    if config.metrics.textfile:
        from scheduled.engine import textfile

        found |= textfile.problems(ledger)
    found |= cron_watch.troubles(ledger)
    if runtime.pings is not None:
        from scheduled.engine import pings

        found |= pings.troubles(runtime, ledger, now)
    found |= {**facts.troubles, **_unanswered(facts.events)}
    if (url := config.interfaces.web.external_url) is not None:
        found = _with_links(runtime, ledger, url, found)
    known = {trouble.text for trouble in found.values()}
    undelivered = [text for text in map(printable, facts.undelivered) if text not in known]
    return found | problems.of_kind("notice", {f"notice:{text}": text for text in undelivered})


def _unanswered(events: Iterable[Event]) -> dict[str, Trouble]:
    """Return a trouble for each run without a slot that was skipped in this tick because it was not approved in time.

    That a slot was skipped is a trouble that lasts, see `never_run`.
    """
    found = {}
    for event in events:
        payload = event.payload
        if (
            event.name == "job_skipped"
            and payload.get("reason") == NOT_IN_TIME
            and not payload.get("scheduled_for")
        ):
            key = JobKey(str(payload["job"]), str(payload.get("target") or ""))
            run_id = str(payload.get("run_id") or "")
            text = (
                f"{key.display_name}: skipped: it was {NOT_IN_TIME}; `scheduled rerun {run_id}` runs it now"
            )
            name = f"{problems.UNANSWERED}:{key}{problems.RUN}{run_id}"
            found[name] = Trouble(text=text, kind=problems.UNANSWERED, subject=key)
    return found


def _with_links(runtime: Runtime, ledger: Ledger, url: str, found: dict[str, Trouble]) -> dict[str, Trouble]:
    """Return *found* with the addresses to answer the runs that ask; without them, and a line in the log, if none can be made."""
    if not any(trouble.kind in ("approval", "ask") for trouble in found.values()):
        return found
    from scheduled.config.web_hosts import external  # rarely needed
    from scheduled.notify import answer_links

    try:
        return answer_links.with_links(ledger, runtime.paths, external(url), runtime.config.jobs, found)
    except ScheduledError as error:
        runtime.log_line("WARNING", f"notices have no address to answer: {error}")
        return found


def _with_failure(trouble: Trouble, others: Mapping[str, Trouble]) -> Trouble:
    """Return the *trouble* of a job of which something is expected; if the job fails or does not run, it follows from that."""
    names = [problems.name_of(trouble.subject), f"skipped:{trouble.subject}"]
    return msgspec.structs.replace(trouble, cause=next((name for name in names if name in others), ""))


def _new_failures(events: Iterable[Event]) -> dict[JobKey, int]:
    """Return how many runs of each job or target failed since its last success, according to *events*."""
    found: dict[JobKey, int] = {}
    for event in events:
        if event.name in ("job_failed", "job_completed"):
            key = JobKey(str(event.payload["job"]), str(event.payload.get("target") or ""))
            found[key] = found.get(key, 0) + 1 if event.name == "job_failed" else 0
    return found


def _ranked(runtime: Runtime, trouble: Trouble, failed: Mapping[JobKey, int]) -> Trouble:
    """Return *trouble* with the priority of its job, and the number of runs that *failed* in this tick."""
    job = job_of(runtime.config.jobs, trouble.subject)
    priority = trouble.priority if job is None else OF_JOBS[job.priority]
    new = max(1, failed.get(trouble.subject, 1))
    return msgspec.structs.replace(trouble, priority=priority, new=new)


def _with_handlers(runtime: Runtime) -> Iterator[Job]:
    jobs = runtime.config.jobs
    yield from (jobs[name] for names in jobs.calling.values() for name in names if name in jobs)


def _ended_jobs(runtime: Runtime, events: Iterable[Event]) -> Iterator[Job]:
    """Yield the jobs with a run that has ended, or waits for its next attempt, by *events*."""
    for event in events:
        if event.name in ENDS and event.payload.get("job") in runtime.config.jobs:
            yield runtime.config.jobs[str(event.payload["job"])]
