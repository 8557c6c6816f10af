"""What is wrong now, printed when it appears and then at most once a day, so that cron's mail stays worth reading."""

from collections.abc import Iterable, Mapping

from scheduled.core.conditions import Condition
from scheduled.core.jobs import Jobs
from scheduled.core.keys import JobKey, read_label
from scheduled.core.runs import FAILED
from scheduled.printable import printable
from scheduled.schedules.zones import DAY
from scheduled.state.ledger import Conditions, Ledger

OF_JOB = ("job", "ask")  # kinds of its conditions that are about one job, or one target of it
OWNER = JobKey("")  # conditions of the runner itself; jobs have names


def about(name: str) -> JobKey:
    """Return what the runner's own condition *name* is about: a job, a target of one, or the runner itself."""
    kind, _, label = name.partition(":")
    return read_label(label) if kind in OF_JOB else OWNER


def current(ledger: Ledger, jobs: Jobs, problems: Iterable[str], messages: Iterable[str]) -> dict[str, str]:
    """Return everything that is wrong, by key.

    That is: *problems* of the configuration, those of *jobs* that failed or ask, and *messages* of this tick.
    """
    found = {f"config:{problem}": problem for problem in problems}
    for row in ledger.job_rows():
        if row.job in jobs and row.last_status in FAILED:
            run = ledger.run(row.last_run_id) if row.last_run_id else None
            reason = f": {run.reason}" if run and run.reason else ""
            name = row.key.for_people
            found[f"job:{row.key}"] = f"{name}: {row.last_status}{reason} (scheduled logs {row.job})"
        if row.job in jobs and row.open_reason == "ask":
            found[f"ask:{row.key}"] = (
                f"{row.key.for_people}: was interrupted and asks: scheduled rerun, or scheduled skip {row.job}"
            )
    for text in map(printable, messages):
        found.setdefault(f"tick:{text}", text)
    return found


def news(ledger: Conditions, troubles: Mapping[str, str], now: float) -> list[str]:
    """Note what is wrong now; return what appeared since the last tick or was last printed a day ago."""
    known = {item.condition.key: item for item in ledger.conditions(OWNER)}
    ledger.drop_conditions(OWNER, [key for key in known if key not in troubles])
    due = []
    for key, text in troubles.items():
        item = known.get(key)
        notified_at = item.notified_at if item else None
        if notified_at is None or not now - DAY < notified_at <= now:
            due.append(key)
        ledger.put_condition(OWNER, Condition(key=key, group="trouble", payload={"text": text}), now)
    ledger.notified(OWNER, due, now)
    return [troubles[key] for key in due]
