"""The part `Conditions` of the contract of the ledger."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from scheduled.core.conditions import Condition, Notice
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition, OutboxItem
from scheduled.schedules.zones import Instant


class Conditions(Protocol):
    """Running totals, conditions, and the outbox of notices."""

    def count(self, key: JobKey, name: str, amount: int) -> None:
        """Add *amount* to the running total *name* of *key*; a new total begins at 0."""

    def totals(self) -> dict[JobKey, dict[str, int]]:
        """Return the running totals of every key by name; a key without totals is missing."""

    def conditions(self, key: JobKey | None = None) -> list[KnownCondition]:
        """Return the conditions that were true at the last check, oldest first.

        Return those of *key*, or of all keys if it is None. `JobKey("")` holds the conditions that ticks find themselves.
        """

    def error_conditions(self, keys: Iterable[JobKey], limit: int) -> list[KnownCondition]:
        """Return the conditions of *keys* with the severity `error` that were true at the last check, oldest first, at most *limit*."""

    def condition_count(self, key: JobKey) -> int:
        """Return how many conditions of *key* were true at the last check."""

    def condition_keys(self) -> list[JobKey]:
        """Return the keys with conditions, `JobKey("")` included. The work does not grow with the number of conditions."""

    def put_condition(self, key: JobKey, condition: Condition, since: float) -> None:
        """Record that *condition* of *key* is true.

        *since* is the instant when it appeared. For a known condition the recorded instant is kept, and only payload,
        group and event are replaced.
        """

    def drop_conditions(self, key: JobKey, names: Sequence[str]) -> None:
        """Delete the conditions of *key* with these condition keys: they are no longer true."""

    def forget_conditions(self, key: JobKey, limit: int) -> None:
        """Delete conditions of *key*, at most *limit*, which nothing checks any more."""

    def notified(self, key: JobKey, names: Sequence[str], at: float) -> None:
        """Record that the user was notified at *at* of the conditions of *key* with these condition keys."""

    def post(self, item_id: str, notice: Notice, at: float) -> None:
        """Add a notice to the outbox, due at *at*; do nothing if the outbox holds its id already."""

    def replace_notices(self, recipient: str, upsert_key: str, item_id: str) -> None:
        """Delete the undelivered notices to *recipient* with *upsert_key*, but for the one with the id *item_id*.

        The work does not grow with the number of other notices.
        """

    def drop_notices(self, upsert_key: str) -> None:
        """Delete the undelivered notices with *upsert_key*, to all recipients."""

    def due_notices(self, now: Instant, limit: int, without: Collection[str] = ()) -> list[OutboxItem]:
        """Return the undelivered notices that are due at *now*, oldest first, at most *limit*; none to recipients in *without*."""

    def notices_to(self, recipients: Collection[str], prefix: str = "") -> list[OutboxItem]:
        """Return the undelivered notices to *recipients* of which the upsert key begins with *prefix*, oldest first."""

    def tried_notices(self, now: Instant, claimed: str, unless: Collection[str]) -> list[OutboxItem]:
        """Return for each recipient the oldest undelivered notice with an attempt that failed, oldest first.

        Notices of which the error begins with one of *unless* do not count, nor do those with the error *claimed* that are
        not due at *now*.
        """

    def outbox_size(self) -> tuple[int, int]:
        """Return how many notices are undelivered, and how often the delivery of one of them was tried, at most."""

    def next_delivery(self) -> Instant | None:
        """Return the earliest instant at which a notice is due; None if all are delivered."""

    def outbox(self) -> list[OutboxItem]:
        """Return the undelivered notices, oldest first, those that are not due yet included."""

    def delivered(self, item_id: str) -> None:
        """Delete a notice from the outbox after its delivery."""

    def claim_notice(self, item_id: str, now: Instant, next_try: Instant, error: str) -> bool:
        """Claim a notice that is due at *now* for one attempt: record in advance that it fails with *error*.

        Return False, and change nothing, if another process has claimed or delivered it.
        """

    def put_off(self, item_id: str, next_try: Instant, error: str) -> None:
        """Set the instant of the next attempt, and the last *error*, of a notice; this counts as no attempt."""

    def put_off_due(self, recipient: str, now: Instant, next_try: Instant, error: str) -> None:
        """Put off, as `put_off` does, all notices to *recipient* that are due at *now*."""

    def undelivered(self, item_id: str, next_try: Instant, error: str) -> None:
        """Record a failed delivery with its *error*, and the instant of the next attempt."""
