"""`notify --test`: send a notice at once, to see whether a channel, an address or a route works."""

import os
from typing import Any

from scheduled.config import notices
from scheduled.config.config import Config
from scheduled.core.channels import Channel
from scheduled.core.conditions import Notice, is_mailbox
from scheduled.core.records import OutboxItem
from scheduled.engine import outgoing
from scheduled.engine.runtime import open_runtime
from scheduled.errors import UnknownError
from scheduled.instance import Instance
from scheduled.notify.routes.base import Route, RouteSettings, UndeliverableError
from scheduled.notify.routes.dispatch import DispatchRoute

KIND = "test"


def try_notice(instance: Instance, to: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Send a test notice to the channel or address *to*, or to the recipients of the route with this name or number.

    Return what happened for each recipient; with *dry_run* only what would be sent. It is not put into the outbox, and no
    job is affected. Raise UnknownError if there is no such channel or route.
    """
    runtime = open_runtime(instance)
    settings = outgoing.route_settings(runtime)
    route = DispatchRoute(settings)
    sent = [
        _sent(route, settings, _item(recipient, to), dry_run=dry_run)
        for recipient in _recipients(runtime.config, settings, to)
    ]
    if any(one["delivered"] for one in sent):
        route.finish()
    return {"to": to, "dry_run": dry_run, "notices": sent}


def _recipients(config: Config, settings: RouteSettings, to: str) -> list[str]:
    if is_mailbox(to) or to in settings.channels:
        return [to]
    rules = notices.named_rules(config.notify)
    by_number = dict(zip(map(str, range(1, len(rules) + 1)), rules.values(), strict=True))
    if (rule := rules.get(to) or by_number.get(to)) is not None:
        return list(rule.to)
    known = ", ".join([*settings.channels, *rules])
    raise UnknownError(
        f"no channel or route is called {to}; write an address such as @flow, or one of {known}"
    )


def _item(recipient: str, to: str) -> OutboxItem:
    notice = Notice(
        recipient=recipient,
        subject="Test notice",
        body=f"A test: `scheduled notify --test {to}` sent this to {recipient}. There is nothing to do.",
        kind=KIND,
        verdict=KIND,
    )
    return OutboxItem(id=os.urandom(16).hex(), notice=notice, tries=0, next_try=0)


def _sent(
    route: DispatchRoute, settings: RouteSettings, item: OutboxItem, *, dry_run: bool
) -> dict[str, Any]:
    """Send *item*, unless it is a dry run; return what happened."""
    channel, text = settings.channels.get(item.notice.recipient), route.text(item)
    reason = _problem(route, item) if not dry_run else ""
    return {
        "recipient": item.notice.recipient,
        "channel": _kind(item.notice.recipient, channel),
        "delivered": not dry_run and not reason,
        "reason": reason,
        "subject": text.subject,
        "body": text.body,
    }


def _kind(recipient: str, channel: Channel | None) -> str | None:
    """Return what kind of channel a recipient is; None if there is no such channel."""
    if is_mailbox(recipient):
        return "mailbox"
    return None if channel is None else channel.kind


def _problem(route: Route, item: OutboxItem) -> str:
    """Deliver *item*; return why that failed, "" if it did not."""
    try:
        route.deliver(item)
    except UndeliverableError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - as in the outbox: one recipient must not block the others
        return f"{error or type(error).__name__}"
    route.recorded(item)
    return ""
