"""The current problems. A tick prints each when it appears and then once a day: cron mails everything that is printed."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from scheduled.core.approvals import needs_decision
from scheduled.core.conditions import Condition, in_words
from scheduled.core.configured_jobs import Jobs
from scheduled.core.events import Event
from scheduled.core.jobs import job_of, keys_of
from scheduled.core.judgement import decides_health, without_newer
from scheduled.core.keys import JobKey, read_label
from scheduled.core.records import JobRow, KnownCondition, RunRow
from scheduled.core.runs import FAILED, OpenRun
from scheduled.core.troubles import OF_SCHEDULED, Trouble
from scheduled.notify import long_waits, never_run, outbox
from scheduled.printable import printable
from scheduled.state.ledger import Conditions, Ledger

FAILING, ASK, UNANSWERED = "job", "ask", "unanswered"
RUN = "#"  # separates the job and the id of a run in a key; neither an id nor the name of a job has it
OF_JOB = (
    FAILING,
    ASK,
    UNANSWERED,
    "skipped",
    "gate",
    "targets",
    "late",
    "slow",
    "heartbeat",
)  # the kinds of problem that concern one job, or one target of it
FOUND, MOST = "found", 100  # the kind of what handlers found; how many of them get notices
UNMET = ("late", "slow")  # the kinds that `expectations` finds
OWNER = OF_SCHEDULED  # the owner of these conditions in the ledger


def about(name: str) -> JobKey:
    """Return the job (and target) that the problem with the key *name* concerns, or OWNER if it concerns no job."""
    kind, _, label = name.partition(":")
    if kind in (ASK, UNANSWERED):
        label = label.rpartition(RUN)[0] or label
    return read_label(label) if kind in OF_JOB else OWNER


def key_of_question(run: OpenRun) -> str:
    """Return the key of the problem that *run* waits for a person. Of runs for slots only one waits, and others take its place."""
    return f"{ASK}:{run.key}" if run.slot is not None else f"{ASK}:{run.key}{RUN}{run.run_id}"


def name_of(key: JobKey) -> str:
    """Return the key of the condition that *key* is failing."""
    return f"{FAILING}:{key}"


def is_about_failing(name: str) -> bool:
    """Return whether the condition with the key *name* is that a job is failing."""
    return name.startswith(f"{FAILING}:")


def is_unmet(name: str, key: JobKey) -> bool:
    """Return whether the condition with the key *name* is that an expectation of *key* is broken."""
    return name.partition(":")[0] in UNMET and about(name) == key


def failing(ledger: Ledger, jobs: Jobs) -> dict[JobKey, Trouble]:
    """Return a trouble for each enabled job that is failing.

    Of its runs that had to succeed, the newest that has ended failed. Only a success ends this: a run that is skipped
    does not.
    """
    found = {}
    for row in ledger.job_rows(sorted(ledger.keys_without_success())):
        job = job_of(jobs, row.key)
        if job is None or not job.enabled:
            continue
        status, run = _newest(ledger, row)
        if status in FAILED:
            reason, run_id = (run.reason, run.run_id) if run is not None else ("", "")
            text = _failed(row.key, str(status), reason, named(jobs, row.key))
            found[row.key] = Trouble(
                text=text,
                kind=str(status),
                subject=row.key,
                run_id=run_id,
                sign=f"{status}: {why}" if (why := without_newer(reason)) else str(status),
                failed=row.failure_count,
            )
    return found


def failed_while_disabled(jobs: Jobs, events: Iterable[Event]) -> list[str]:
    """Return a text for each disabled job that failed according to *events*: the user started it, and gets an answer."""
    return failed(
        event
        for event in events
        if event.payload.get("job") in jobs and not jobs[str(event.payload["job"])].enabled
    )


def failed(events: Iterable[Event]) -> list[str]:
    """Return a text for each run that failed according to *events*, as `failing` does for jobs."""
    payloads = [event.payload for event in events if event.name == "job_failed"]
    return [
        _failed(
            JobKey(str(payload["job"]), str(payload.get("target", ""))),
            str(payload["status"]),
            str(payload["reason"]),
        )
        for payload in payloads
    ]


def named(jobs: Jobs, key: JobKey) -> str:
    """Return how a command names *key*: otherwise than a job with the name that is the label of this target."""
    return key.unlike_jobs if key.target and key.display_name in jobs else key.display_name


def _failed(key: JobKey, status: str, reason: str, name: str = "") -> str:
    return f"{key.display_name}: {status}{f': {reason}' if reason else ''} (scheduled logs {name or key.display_name})"


def _newest(ledger: Ledger, row: JobRow) -> tuple[str | None, RunRow | None]:
    """Return the newest run of *row* that had to succeed, with its status. Its record may be pruned."""
    if decides_health(row.last_status):
        return row.last_status, ledger.run(row.last_run_id) if row.last_run_id else None
    run = ledger.last_decided(row.key)
    return (run.status if run is not None else None), run


def errors_found(ledger: Conditions, jobs: Jobs) -> list[str]:
    """Return a text for each enabled job with the errors that its handler found, the first three in full."""
    found: dict[str, list[str]] = {}
    for item in ledger.conditions():
        job = job_of(jobs, item.key)
        if item.condition.severity == "error" and job is not None and job.enabled:
            found.setdefault(item.key.display_name, []).append(printable(in_words(item.condition)))
    return [f"{name}: {_some(texts)} (scheduled incidents)" for name, texts in found.items()]


def found_by_handlers(ledger: Conditions, jobs: Jobs) -> dict[str, Trouble]:
    """Return a trouble for each error that a handler of an enabled job found, the oldest MOST of them.

    They get notices, but a tick does not print them: the handler sends mails about them.
    """
    found = {}
    enabled = (
        key for key in ledger.condition_keys() if (job := job_of(jobs, key)) is not None and job.enabled
    )
    for item in ledger.error_conditions(enabled, MOST):
        text = f"{item.key.display_name}: {printable(in_words(item.condition))} (scheduled incidents)"
        name = name_of_error(item)
        found[name] = Trouble(
            text=text, kind=FOUND, subject=item.key, sign=f"found by {item.key.display_name}"
        )
    return found


def name_of_error(item: KnownCondition) -> str:
    """Return the name of the incident that the condition *item* of a handler is."""
    return f"{FOUND}:{item.key}:{item.condition.key}"


def _some(texts: Sequence[str], most: int = 3) -> str:
    more = f"; and {len(texts) - most} more" if len(texts) > most else ""
    return "; ".join(texts[:most]) + more


def current(
    ledger: Ledger, jobs: Jobs, problems: Mapping[str, str], messages: Iterable[str], now: float
) -> dict[str, Trouble]:
    """Return all current troubles at *now* (UTC seconds), by key.

    They are the *problems* of the configuration, by their names, the *messages* of this tick, and one for each of the *jobs* that
    is failing, waits for a decision of the user or does not get to run, and one for each channel that fails.
    """
    found = {f"config:{name}": Trouble(text=text, kind="config") for name, text in problems.items()}
    found |= {name_of(key): trouble for key, trouble in failing(ledger, jobs).items()}
    if asking := [run for run in ledger.open_runs() if run.job in jobs and needs_decision(run)]:
        from scheduled.notify import asking_runs  # few runs ask

        found |= asking_runs.troubles(asking, jobs)
    found |= of_kind("skipped", long_waits.problems(ledger, jobs, now) | never_run.problems(ledger, jobs))
    channels = outbox.failing_channels(ledger, now)
    failing_channels = {name: printable(text) for name, text in channels.items()}
    found |= {
        outbox.key_of_channel(name): Trouble(text=text, kind="channel")
        for name, text in failing_channels.items()
    }
    found = {name: _with_cause(jobs, trouble, found) for name, trouble in found.items()}
    for text in map(printable, messages):
        if text not in failing_channels.values():  # a trouble that lasts until the next attempt
            found.setdefault(f"tick:{text}", Trouble(text=text, kind="tick"))
    return found


def _with_cause(jobs: Jobs, trouble: Trouble, found: Mapping[str, Trouble]) -> Trouble:
    """Return *trouble* with its cause among those *found*: a failing step of its chain, or a failing job that it comes after."""
    job = job_of(jobs, trouble.subject)
    if job is None or not (job.after or job.action.steps):
        return trouble
    others = (*job.after, *(name for step in job.action.steps for name in step))
    names = (name_of(key) for other in others if other in jobs for key in keys_of(jobs[other]))
    return msgspec.structs.replace(trouble, cause=next((name for name in names if name in found), ""))


def of_kind(kind: str, texts: Mapping[str, str]) -> dict[str, Trouble]:
    """Return troubles of *kind* with these *texts*, by key."""
    return {key: Trouble(text=text, kind=kind, subject=about(key)) for key, text in texts.items()}


def remember(ledger: Conditions, texts: Iterable[str], now: float) -> None:
    """Record problems that a command found, such as a repair of the ledger: `status` shows them until the next tick."""
    for text in map(printable, texts):
        condition = Condition(key=f"tick:{text}", group="problem", payload={"text": text})
        ledger.put_condition(OWNER, condition, now)


def record(ledger: Conditions, troubles: Mapping[str, Trouble], now: float) -> dict[str, KnownCondition]:
    """Record the current troubles as conditions; return the recorded ones before, by name."""
    known = {item.condition.key: item for item in ledger.conditions(OWNER)}
    ledger.drop_conditions(OWNER, [name for name in known if name not in troubles])
    for name, trouble in troubles.items():
        condition = Condition(key=name, group="problem", payload={"text": trouble.text})
        ledger.put_condition(OWNER, condition, now)
    return known
