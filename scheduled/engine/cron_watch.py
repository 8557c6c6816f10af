"""Whether cron starts ticks, looked at once an hour by any tick, and by `status`: the crontab may change without a tick.

A tick that a person or an interface starts also notices that those of cron do not come. It may come before the first one
after a sleep of the machine, so it counts only if another one, after the time of two ticks of cron, finds the same.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from scheduled.core.troubles import Trouble
from scheduled.engine import heartbeat
from scheduled.paths import Paths
from scheduled.schedules.zones import HOUR, Instant
from scheduled.state.ledger import Ledger, Meta

if TYPE_CHECKING:
    from scheduled.engine.expected_ticks import Ticks

META = "cron_watch"
KIND = "cron"


class _Seen(msgspec.Struct, frozen=True):
    """What was *found*, and *at* which instant (UTC seconds). *missed_at* is when the ticks of cron were first missed."""

    at: Instant
    found: dict[str, str]
    missed_at: Instant | None = None


_decode = msgspec.json.Decoder(_Seen).decode


def is_watched(ledger: Meta) -> bool:
    """Return whether `install` was done, so that the crontab has to have a block."""
    return heartbeat.is_installed(ledger) and ledger.meta("demo") is None


def refresh(ledger: Ledger, paths: Paths, now: float, zone: str, *, unattended: bool) -> None:
    """Look again if that was an hour ago, or if something was wrong. Call it outside of a transaction: it runs `crontab`.

    *unattended*: cron started the tick. *zone* is that of the texts.
    """
    if not is_watched(ledger):
        return
    seen, missed = _seen(ledger), None if unattended else _missed(ledger, paths, now)
    if seen is None or seen.found or missed is not None or not 0 <= now - seen.at < HOUR:
        found = look(stopped=missed is not None)
        missed_at = None
        if missed is not None:
            missed_at = int(now) if seen is None or seen.missed_at is None else min(seen.missed_at, int(now))
            if not found and now - missed_at > 2 * missed.cadence.seconds:
                from scheduled.engine import expected_ticks

                found = {f"{KIND}:ticks": expected_ticks.problem(missed, zone) or ""}
        with ledger.transaction(durable=False):
            ledger.remember(META, msgspec.json.encode(_Seen(int(now), found, missed_at)).decode())


def _missed(ledger: Meta, paths: Paths, now: float) -> "Ticks | None":
    """Return the ticks of cron if they have stopped at *now*."""
    from scheduled.engine import expected_ticks  # a tick of cron does not need it

    found = expected_ticks.ticks(ledger, paths, now)
    return found if found.state == "stopped" else None


def troubles(ledger: Meta) -> dict[str, Trouble]:
    """Return what was wrong when a tick last looked."""
    seen = _seen(ledger) if is_watched(ledger) else None
    return {} if seen is None else {key: Trouble(text=text, kind=KIND) for key, text in seen.found.items()}


def _seen(ledger: Meta) -> _Seen | None:
    with suppress(msgspec.MsgspecError):  # another version of the program wrote another form
        return _decode(ledger.meta(META) or "null")
    return None


def look(*, stopped: bool = False) -> dict[str, str]:
    """Return what is wrong with the crontab, by the key of the trouble; if ticks have *stopped*, also whether no cron runs.

    Nothing is returned about a crontab that can't be read.
    """
    from scheduled.install import cron_checks
    from scheduled.install.crontab_list import listed

    found = {"cron:stopped": cron_checks.NO_CRON} if stopped and cron_checks.is_cron_missing() else {}
    return found | cron_checks.of_crontab(crontab) if (crontab := listed() or _read()) is not None else found


def _read() -> bytes | None:
    """Return the crontab of which nothing was listed: b"" if there is none, None if it can't be read."""
    from scheduled.install.crontab_command import CrontabError, read

    try:
        return read()
    except CrontabError:
        return None
