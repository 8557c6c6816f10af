"""Notice a changed configuration: an event names what changed since the last tick, or command that changed it."""

import msgspec

from scheduled.config import changes
from scheduled.config.config import Config
from scheduled.core.events import Event
from scheduled.state.ledger import Meta

DIGEST, SUMMARY = "configuration_digest", "configuration_summary"


def note(ledger: Meta, found: Config) -> list[Event]:
    """Remember the configuration, and return the event `configuration_changed` if it differs from the remembered one.

    A new job with a definition that is refused is not added: it counts as new once it is accepted. Call it inside an
    exclusive transaction. The first tick has nothing to compare with.
    """
    digest = changes.digest(found)
    if ledger.meta(DIGEST) == digest:
        return []
    before, after = ledger.meta(SUMMARY), changes.summary(found)
    old = msgspec.json.decode(before, type=changes.Summary) if before is not None else None
    after = changes.without(after, refused(found, old))
    old = after if old is None else old
    if found.problems:
        after = changes.with_missing(old, after)
    ledger.remember(SUMMARY, msgspec.json.encode(after).decode())
    ledger.remember(DIGEST, digest)
    different = changes.between(old, after)
    payload = {key: value for key, value in msgspec.to_builtins(different).items() if value}
    return [Event(name="configuration_changed", payload=payload)] if different else []


def is_remembered(ledger: Meta) -> bool:
    """Return whether there is a configuration to compare with."""
    return ledger.meta(SUMMARY) is not None


def refused(found: Config, known: changes.Summary | None) -> set[str]:
    """Return the jobs of which the definition is refused, without those that are *known* already."""
    return found.written.jobs.keys() - found.jobs.keys() - (known.jobs.keys() if known is not None else set())
