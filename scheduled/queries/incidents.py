"""`incidents` and `notices`: the conditions that are true now, and the notices that are not delivered yet."""

from typing import Any

from scheduled.clock import stamp
from scheduled.core.conditions import in_words
from scheduled.core.records import KnownCondition
from scheduled.instance import Instance
from scheduled.notify.problems import OWNER, about
from scheduled.queries.last_known import config_of
from scheduled.state.open import read_only


def incidents(instance: Instance) -> list[dict[str, Any]]:
    """Return the conditions that handlers or the engine found and that still hold.

    `text` is the condition in words. `job` is null for a condition of the engine that is not about one job. Raise ConfigError if the configuration cannot
    be read.
    """
    zone = config_of(instance).timezone
    with read_only(instance.paths) as ledger:
        found = ledger.conditions()
    return [
        {
            **_subject(item),
            "key": item.condition.key,
            "group": item.condition.group,
            "text": in_words(item.condition),
            "since": stamp(item.since, zone),
            "notified_at": stamp(item.notified_at, zone),
            "payload": item.condition.payload,
        }
        for item in found
    ]


def _subject(item: KnownCondition) -> dict[str, str | None]:
    key = about(item.condition.key) if item.key == OWNER else item.key
    return {"job": key.job or None, "target": key.target or None}


def notices(instance: Instance) -> list[dict[str, Any]]:
    """Return the notices in the outbox, oldest first. Raise ConfigError if the configuration cannot be read."""
    zone = config_of(instance).timezone
    with read_only(instance.paths) as ledger:
        found = ledger.outbox()
    return [
        {
            "id": item.id,
            "recipient": item.notice.recipient,
            "subject": item.notice.subject,
            "body": item.notice.body,
            "tries": item.tries,
            "next_try": stamp(item.next_try, zone),
        }
        for item in found
    ]
