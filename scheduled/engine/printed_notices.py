"""Notices to a channel of the kind `stderr`: a tick prints them with what it announces, so that cron mails them."""

from scheduled.config import notices
from scheduled.core.channels import STDERR
from scheduled.engine import outgoing
from scheduled.engine.announcing import Printed
from scheduled.engine.runtime import Runtime
from scheduled.state.ledger import Ledger


def channels(runtime: Runtime) -> set[str]:
    """Return the names of the channels of which the notices are printed."""
    return {name for name, one in notices.channels(runtime.config.notify).items() if one.kind == STDERR}


def take(runtime: Runtime, ledger: Ledger) -> list[Printed]:
    """Remove the notices to be printed from the outbox and return them. Call it in the transaction that keeps what is to be printed."""
    from scheduled.notify.routes.dispatch import DispatchRoute  # only if a notice waits

    names, route = channels(runtime), DispatchRoute(outgoing.route_settings(runtime))
    found = []
    for item in ledger.notices_to(names):
        text, notice = route.text(item), item.notice
        output = text.body if text.body != text.subject else ""
        found.append(
            Printed(text=text.subject, job=notice.job, target=notice.target, run_id="", output=output)
        )
        ledger.delivered(item.id)
    return found
