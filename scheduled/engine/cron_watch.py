"""Whether cron can start ticks, looked at once an hour by any tick, and by `status`: the crontab may change without a tick."""

from contextlib import suppress

import msgspec

from scheduled.core.troubles import Trouble
from scheduled.engine import heartbeat
from scheduled.schedules.zones import HOUR, Instant
from scheduled.state.ledger import Ledger, Meta

META = "cron_watch"
KIND = "cron"


class _Seen(msgspec.Struct, frozen=True):
    """What was found, and when (UTC seconds)."""

    at: Instant
    found: dict[str, str]


_decode = msgspec.json.Decoder(_Seen).decode


def is_watched(ledger: Meta) -> bool:
    """Return whether `install` was done, so that the crontab has to have a block."""
    return heartbeat.is_installed(ledger) and ledger.meta("demo") is None


def refresh(ledger: Ledger, now: float) -> None:
    """Look again if that was an hour ago, or if something was wrong. Call it outside of a transaction: it runs `crontab`."""
    if not is_watched(ledger):
        return
    seen = _seen(ledger)
    if seen is None or seen.found or not 0 <= now - seen.at < HOUR:
        found = look()
        with ledger.transaction(durable=False):
            ledger.remember(META, msgspec.json.encode(_Seen(int(now), found)).decode())


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
