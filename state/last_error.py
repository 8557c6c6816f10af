"""What failed last, as the ledger keeps it and as the snapshot shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from scheduled.clock import stamp
from scheduled.printable import printable
from scheduled.state.ledger import Meta
from scheduled.state.validation import is_instant

META = "last_error"


class LastError(msgspec.Struct, frozen=True, kw_only=True):
    """A *text* for people, and when it was found (UTC seconds); of a job with the run that failed."""

    text: str
    at: float
    job: str | None = None
    target: str | None = None
    run_id: str | None = None


def shown(ledger: Meta, zone: str) -> dict[str, Any] | None:
    """Return what the snapshot shows, with the instant in *zone*; None if nothing has failed yet."""
    value = ledger.meta(META)
    if value is None:
        return None
    try:
        found = msgspec.json.decode(value, type=LastError)
    except msgspec.MsgspecError:  # another version of the program wrote another form
        return None
    return {
        **msgspec.to_builtins(found),
        "text": printable(found.text),
        "at": stamp(int(found.at), zone),
    }


def restored(document: Mapping[str, Any]) -> str | None:
    """Return the value of the ledger for what a snapshot's *document* shows; None if that is nothing, or not valid."""
    entry = document.get(META)
    if not isinstance(entry, dict):
        return None
    try:
        at = datetime.fromisoformat(entry["at"]).timestamp()
        found = msgspec.convert({**entry, "at": at}, LastError)
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    return msgspec.json.encode(found).decode() if is_instant(int(at)) else None
