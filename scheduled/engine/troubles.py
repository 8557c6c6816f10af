"""What is wrong now, told when it appears and then at most once a day, so that cron's mail stays worth reading."""

from collections.abc import Mapping

from scheduled.core.conditions import Condition
from scheduled.core.runs import FAILED
from scheduled.engine.runtime import Runtime
from scheduled.sanitize import printable
from scheduled.schedules.zones import DAY
from scheduled.state.ledger import Ledger

OF_JOB = ("job", "ask")  # kinds of its conditions that are about one job
OWNER = ""  # conditions of the runner itself; jobs have names


def job_of(key: str) -> str | None:
    """Return the job that the runner's own condition *key* is about, if it is about one."""
    kind, _, job = key.partition(":")
    return job or None if kind in OF_JOB else None


def current(runtime: Runtime, ledger: Ledger, new: list[str]) -> dict[str, str]:
    """Return everything that is wrong, by key: configuration, failing jobs, and what came up in this tick."""
    found = {f"config:{problem}": problem for problem in (*runtime.config.problems, *runtime.config.warnings)}
    for row in ledger.job_rows():
        if row.job in runtime.config.jobs and row.last_status in FAILED:
            run = ledger.run(row.last_run_id) if row.last_run_id else None
            reason = f": {run.reason}" if run and run.reason else ""
            found[f"job:{row.job}"] = f"{row.job}: {row.last_status}{reason} (scheduled logs {row.job})"
        if row.job in runtime.config.jobs and row.open_reason == "ask":
            found[f"ask:{row.job}"] = (
                f"{row.job}: was interrupted and asks: scheduled rerun, or scheduled skip {row.job}"
            )
    for text in map(printable, (*runtime.troubles, *new)):
        found.setdefault(f"tick:{text}", text)
    return found


def news(ledger: Ledger, troubles: Mapping[str, str], now: float) -> list[str]:
    """Note what is wrong now; return what appeared since the last tick or was last told a day ago."""
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
