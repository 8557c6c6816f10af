"""The notices about incidents: their recipients, their time and their text."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from scheduled.config import notices
from scheduled.config.notice_times import notice_times
from scheduled.core import routing
from scheduled.core.conditions import Notice, is_mailbox
from scheduled.core.event_notices import link
from scheduled.core.incidents import Incident, Message, Policy
from scheduled.core.jobs import job_of
from scheduled.core.keys import JobKey
from scheduled.core.records import KnownCondition
from scheduled.core.troubles import Trouble
from scheduled.engine import mail_output, printed_notices
from scheduled.engine.announcing import DUE, Announcement, Printed
from scheduled.engine.runtime import Runtime
from scheduled.notify import digest, incident_texts, incidents, outbox
from scheduled.notify.problems import FOUND
from scheduled.printable import printable
from scheduled.state.ledger import Ledger

PREFIX = "[SCHEDULED] "  # of the subjects of all mails in the workspace
# The kinds of trouble that notices are not delivered: ticks print them. Of several dead channels each would get notices about the others.
NOT_SENT = ("notice", "channel")
LINES = 10  # of output in a notice


def take(
    runtime: Runtime,
    ledger: Ledger,
    troubles: Mapping[str, Trouble],
    known: Mapping[str, KnownCondition],
    now: float,
    found: Announcement,
) -> None:
    """Record the incidents that the *troubles* are, post the notices that are due, and add what to print to *found*."""
    policy = policy_of(runtime, ledger, now)
    for message in incidents.advance(ledger, runtime.config.jobs, troubles, policy, now, known):
        text, answer = incident_texts.text(message, now, runtime.zone), _answer(message, troubles)
        outputs = (
            [] if message.kind == "recovery" else mail_output.of_incidents(runtime, ledger, text, message)
        )
        if any(one.kind != FOUND for one in message.incidents):
            (found.recoveries if message.kind == "recovery" else found.problems).append(text)
            found.answers |= {text: answer} if answer else {}
            found.outputs += outputs
        found.posted |= _post(
            runtime, ledger, message, _Text(printable(text), _last_lines(outputs), answer), now
        )
    due = incidents.next_due(ledger, policy)
    ledger.remember(DUE, str(due or 0))


def _last_lines(outputs: Sequence[Printed]) -> str:
    """Return the last lines of *outputs*, each below the name of its job if there are several."""
    found = []
    for one in outputs:
        name = JobKey(one.job, one.target).display_name
        found += [f"{name}:"] if len(outputs) > 1 else []
        found += one.output.splitlines()[-LINES // len(outputs) :]
    return "\n".join(map(printable, found))


def _answer(message: Message, troubles: Mapping[str, Trouble]) -> str:
    """Return the address with which the recipient answers the run that *message* is about; "" if it does not ask."""
    found = [troubles[one.name].link for one in message.incidents if one.name in troubles]
    return found[0] if len(found) == 1 else ""


def policy_of(runtime: Runtime, ledger: Ledger, now: float) -> Policy:
    """Return when notices are made at *now* (UTC seconds)."""
    remind_every, quiet_until = notice_times(runtime.config.notify, runtime.zone, int(now))
    return Policy(remind_every=remind_every, quiet_until=quiet_until, muted=ledger.mutes(int(now)))


class _Text(NamedTuple):
    """The sentence of a notice, the last lines of output, and the address with which its recipient answers."""

    body: str
    output: str
    answer: str


def _post(runtime: Runtime, ledger: Ledger, message: Message, text: _Text, now: float) -> bool:
    """Put a notice about *message* for each recipient into the outbox; return whether there is one."""
    recipients = _recipients(runtime, message)
    if message.kind != "recovery":
        _remember(ledger, message, recipients)
    for recipient in recipients:
        notice = _notice(runtime, message, recipient, text)
        if notice.priority == "low" and not message.is_pressing and runtime.config.notify.digest is not None:
            digest.add(ledger, notice, runtime.config.notify.digest, runtime.zone, now)
        else:
            names = sorted(one.name for one in message.incidents)
            outbox.post(ledger, outbox.notice_id(recipient, message.kind, str(now), *names), notice, now)
    return bool(recipients)


def _notice(runtime: Runtime, message: Message, recipient: str, text: _Text) -> Notice:
    first, priority = message.incidents[0], message.priority
    run_id = "" if message.kind == "recovery" else first.run_id
    page = link(notices.external_url(runtime.config.interfaces.web.external_url), run_id)
    return Notice(
        recipient=recipient,
        subject=f"{PREFIX * is_mailbox(recipient)}{incident_texts.headline(message)}",
        body=f"{text.body}\n\nDetails: {runtime.config.notify.footer_command}"
        if is_mailbox(recipient)
        else text.body,
        priority="normal" if message.kind == "recovery" and priority != "low" else priority,
        upsert_key=_upsert_key(message),
        kind="recovery" if message.kind == "recovery" else "incident",
        job=first.job,
        target=first.target,
        output=text.output,
        link=text.answer if text.answer and _is_for_people(runtime, recipient) else page,
        verdict="recovered" if message.kind == "recovery" else first.kind,
    )


def _remember(ledger: Ledger, message: Message, recipients: Sequence[str]) -> None:
    """Record who gets *message*: they get the recovery, too, also those who were concerned by a follower only."""
    known = ledger.incidents()
    for one in message.incidents:
        incident = known[one.name]
        united = tuple(dict.fromkeys([*incident.recipients, *recipients]))
        if united != incident.recipients:
            ledger.put_incident(msgspec.structs.replace(incident, recipients=united))


def _is_for_people(runtime: Runtime, recipient: str) -> bool:
    """Return whether only people read the notices to *recipient*: agents read mailboxes and session memory."""
    channel = notices.channels(runtime.config.notify).get(recipient)
    return channel is not None and channel.kind != "memory"


def _upsert_key(message: Message) -> str:
    """Return the key with which a notice replaces an older one: only one about the same incidents, so that none is lost."""
    names = sorted(one.name for one in (*message.incidents, *message.followers))
    return incidents.key_of_notice(names[0]) if len(names) == 1 else f"incidents:{outbox.notice_id(*names)}"


def _recipients(runtime: Runtime, message: Message) -> Sequence[str]:
    """Return the recipients of a notice. A tick prints what is about an incident anyway, but for what handlers found."""
    concerned = (*message.incidents, *message.followers)
    found = dict.fromkeys(name for one in concerned for name in _of_incident(runtime, one))
    if message.kind == "recovery":
        found |= dict.fromkeys(name for one in message.incidents for name in one.recipients)
    if any(one.kind != FOUND for one in message.incidents):
        for name in printed_notices.channels(runtime):
            found.pop(name, None)
    return list(found)


def _of_incident(runtime: Runtime, incident: Incident) -> Sequence[str]:
    if incident.kind in NOT_SENT:
        return ()
    job = job_of(runtime.config.jobs, incident.key)
    matter = routing.Matter(
        name=routing.INCIDENT,
        priority=incident.priority,
        subject=incident.key,
        notify=job.notify if job is not None else (),
    )
    return routing.recipients(notices.rules(runtime.config.notify), matter)
