"""`ack`, `mute` and `unmute`: what a person wants to hear about incidents.

Each command checks its arguments first and raises ConfigError without a change if one is not valid. With *dry_run* it
returns the result without making the change.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from scheduled import clock
from scheduled.clock import stamp
from scheduled.commands.changing import changing
from scheduled.config.named import known_or_former
from scheduled.core.incidents import Incident
from scheduled.core.keys import JobKey
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.errors import ConfigError, UnknownError
from scheduled.instance import Instance
from scheduled.notify.incident_texts import name as subject_of
from scheduled.schedules.instants import ahead
from scheduled.state.open import read_only


def ack(instance: Instance, names: Sequence[str] = (), *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Acknowledge the open incidents of jobs or targets, or those with the keys *names*; without one, all.

    They get no reminders any more; their recovery is announced. Raise UnknownError if a name has no open incident.
    """
    runtime = open_runtime(instance)
    with read_only(runtime.paths) as ledger:
        chosen = _open(ledger.incidents().values(), names)
    now = clock.now()
    if not dry_run and chosen:
        with changing(runtime) as ledger:
            for one in _open(ledger.incidents().values(), names):
                ledger.put_incident(msgspec.structs.replace(one, acknowledged_at=one.acknowledged_at or now))
    at = stamp(now, runtime.zone)
    return [
        {**_subject(one.key), "key": one.name, "text": one.text, "acknowledged_at": at, "dry_run": dry_run}
        for one in chosen
    ]


def _open(incidents: Iterable[Incident], names: Sequence[str]) -> list[Incident]:
    """Return the open incidents that *names* mean. Raise UnknownError for a name that means none."""
    found = [one for one in incidents if one.is_open]
    chosen: dict[str, Incident] = {}
    for name in names:
        meant = [one for one in found if name in (one.name, one.job, str(one.key), subject_of(one))]
        if not meant:
            raise UnknownError(f"{name}: has no open incident; `scheduled incidents` lists those there are")
        chosen |= {one.name: one for one in meant}
    return list(chosen.values()) if names else found


def mute(
    instance: Instance, jobs: Sequence[str], until: str | None = None, *, dry_run: bool = False
) -> list[dict[str, Any]]:
    """Make no notices about *jobs* (or targets) until the instant *until* or until `unmute`; they still run.

    *until* is a duration (`2d`, `+2h`), a time of day or an ISO 8601 instant. Raise ConfigError if there is no such job, or
    *until* is not valid.
    """
    runtime = open_runtime(instance)
    end = None if until is None else _ahead(until, runtime)
    chosen = [known_or_former(runtime.config, text, ()) for text in jobs]
    if not dry_run:
        with changing(runtime) as ledger:
            for key in chosen:
                ledger.mute(key, end)
    ends = stamp(end, runtime.zone)
    return [{**_subject(key), "muted": True, "until": ends, "dry_run": dry_run} for key in chosen]


def _ahead(until: str, runtime: Runtime) -> int:
    duration = until[:1].isdigit() and until[-1:].isalpha() and until[-1:] != "Z"
    try:
        return ahead(f"+{until}" if duration else until, runtime.zone, clock.now())
    except ConfigError as error:
        why = str(error).removeprefix("until: ")
        raise ConfigError(f"--for {until}: {why}; a duration is for example 2d or 3h") from None


def unmute(instance: Instance, jobs: Sequence[str], *, dry_run: bool = False) -> list[dict[str, Any]]:
    """Make notices about *jobs* (or targets) again. Raise ConfigError if there is no such job."""
    runtime = open_runtime(instance)
    with read_only(runtime.paths) as ledger:
        before = ledger.mutes(int(clock.now()))
    chosen = [known_or_former(runtime.config, text, before) for text in jobs]
    if not dry_run and not before.keys().isdisjoint(chosen):
        with changing(runtime) as ledger:
            for key in chosen:
                ledger.unmute(key)
    return [
        {**_subject(key), "muted": False, "was_muted": key in before, "dry_run": dry_run} for key in chosen
    ]


def _subject(key: JobKey) -> dict[str, str | None]:
    return {"job": key.job or None, "target": key.target or None}
