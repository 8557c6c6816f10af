"""`incidents` and `notices`: the conditions that are true now, and the notices that are not delivered yet."""

from collections.abc import Container
from typing import Any

from scheduled import clock, question
from scheduled.clock import stamp
from scheduled.config.config import Config
from scheduled.core.conditions import Condition, in_words
from scheduled.core.records import KnownCondition
from scheduled.engine import cron_watch, expected_ticks
from scheduled.engine.dropped import without_subject
from scheduled.instance import Instance
from scheduled.notify import problems
from scheduled.notify.problems import OWNER
from scheduled.queries.incident_details import Recorded, details, subject_of
from scheduled.queries.last_known import config_of
from scheduled.state.ledger import Ledger
from scheduled.state.open import read_only

STOPPED = f"{cron_watch.KIND}:ticks"  # the key of the incident that ticks have stopped


def incidents(instance: Instance) -> list[dict[str, Any]]:
    """Return the conditions that handlers or the engine found and that still hold, without those that are only facts.

    That ticks have stopped, so that none finds anything, is a remark beside them.

    `text` is the condition in words. `job` is null for a condition of the engine that is not about one job. Raise ConfigError if the configuration cannot
    be read.
    """
    config = config_of(instance)
    zone = config.timezone
    with read_only(instance.paths) as ledger:
        config.override(ledger.overrides())
        found = _current(ledger, config)
        stopped = expected_ticks.problem(expected_ticks.ticks(ledger, instance.paths, clock.now()), zone)
        if stopped and not any(item.condition.key == STOPPED for item in found):
            instance.paths.remarks.append(stopped)
        question.refuse_long(len(found))
        recorded = Recorded.of(ledger)
        return [
            {
                **_subject(item),
                "key": item.condition.key,
                "group": item.condition.group,
                "text": in_words(item.condition),
                "notified_at": stamp(item.notified_at, zone),
                "severity": item.condition.severity,
                "payload": item.condition.payload,
                **details(recorded, ledger, config, instance.paths, item),
            }
            for item in question.each(found)
        ]


def _current(ledger: Ledger, config: Config) -> list[KnownCondition]:
    """Return the conditions of the ledger; a job counts as failing by its runs, which may be newer than the last tick."""
    jobs, gone = config.jobs, {*without_subject(ledger, config)}
    failing = {
        problems.name_of(key): (key, found.text) for key, found in problems.failing(ledger, jobs).items()
    }
    conditions = (item for item in question.each(ledger.conditions()) if item.condition.severity != "fact")
    conditions = (item for item in conditions if item.key not in gone)
    known = [item for item in conditions if _still_true(item, failing)]
    rows = {row.key: row for row in ledger.job_rows()}
    names = {item.condition.key for item in known if item.key == OWNER}
    new = [
        KnownCondition(
            job=OWNER.job,
            condition=Condition(key=name, group="problem", payload={"text": text}),
            since=rows[key].last_run_at or 0.0,
            notified_at=None,
        )
        for name, (key, text) in failing.items()
        if name not in names
    ]
    return [*known, *new]


def _still_true(item: KnownCondition, failing: Container[str]) -> bool:
    name = item.condition.key
    return item.key != OWNER or not problems.is_about_failing(name) or name in failing


def _subject(item: KnownCondition) -> dict[str, str | None]:
    key = subject_of(item)
    return {"job": key.job or None, "target": key.target or None}


def notices(instance: Instance) -> list[dict[str, Any]]:
    """Return the notices in the outbox, oldest first. Raise ConfigError if the configuration cannot be read."""
    zone = config_of(instance).timezone
    with read_only(instance.paths) as ledger:
        found = ledger.outbox()
    question.refuse_long(len(found))
    return [
        {
            "id": item.id,
            "recipient": item.notice.recipient,
            "subject": item.notice.subject,
            "body": item.notice.body,
            "tries": item.tries,
            "next_try": stamp(item.next_try, zone),
            "error": item.error,
        }
        for item in found
    ]
