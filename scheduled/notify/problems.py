"""The current problems. A tick prints each when it appears and then once a day: cron mails everything that is printed."""

from collections.abc import Iterable, Mapping

from scheduled.core.conditions import Condition
from scheduled.core.jobs import Jobs
from scheduled.core.keys import JobKey, read_label
from scheduled.core.runs import FAILED
from scheduled.printable import printable
from scheduled.schedules.zones import DAY
from scheduled.state.ledger import Conditions, Ledger

OF_JOB = ("job", "ask")  # the kinds of problem that concern one job, or one target of it
OWNER = JobKey(
    ""
)  # the owner of these conditions in the ledger: scheduled itself. The name of a job is never empty.


def about(name: str) -> JobKey:
    """Return the job (and target) that the problem with the key *name* concerns, or OWNER if it concerns no job."""
    kind, _, label = name.partition(":")
    return read_label(label) if kind in OF_JOB else OWNER


def current(ledger: Ledger, jobs: Jobs, problems: Iterable[str], messages: Iterable[str]) -> dict[str, str]:
    """Return the texts of all current problems, by key.

    They are the *problems* of the configuration, the *messages* of this tick, and one text for each of the *jobs* that
    failed in its last run or waits for a decision of the user.
    """
    found = {f"config:{problem}": problem for problem in problems}
    for row in ledger.job_rows():
        if row.job in jobs and row.last_status in FAILED:
            run = ledger.run(row.last_run_id) if row.last_run_id else None
            reason = f": {run.reason}" if run and run.reason else ""
            name = row.key.display_name
            found[f"job:{row.key}"] = f"{name}: {row.last_status}{reason} (scheduled logs {row.job})"
        if row.job in jobs and row.open_reason == "ask":
            found[f"ask:{row.key}"] = (
                f"{row.key.display_name}: was interrupted and waits for a decision: "
                f"run `scheduled rerun {row.last_run_id or 'RUN'}`, or `scheduled skip {row.job}`"
            )
    for text in map(printable, messages):
        found.setdefault(f"tick:{text}", text)
    return found


def news(ledger: Conditions, problems: Mapping[str, str], now: float) -> list[str]:
    """Record the current problems; return the texts of those that are new or were last printed a day ago."""
    known = {item.condition.key: item for item in ledger.conditions(OWNER)}
    ledger.drop_conditions(OWNER, [key for key in known if key not in problems])
    due = []
    for key, text in problems.items():
        item = known.get(key)
        notified_at = item.notified_at if item else None
        if notified_at is None or not now - DAY < notified_at <= now:
            due.append(key)
        ledger.put_condition(OWNER, Condition(key=key, group="problem", payload={"text": text}), now)
    ledger.notified(OWNER, due, now)
    return [problems[key] for key in due]
