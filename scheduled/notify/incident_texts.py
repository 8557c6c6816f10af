"""Incidents in words: the text of a notice, and its headline."""

import re
from collections.abc import Sequence

from scheduled.clock import minute
from scheduled.core.incidents import ASKS, Incident, Message, rest_of
from scheduled.notify.problems import FOUND
from scheduled.schedules.durations import duration
from scheduled.schedules.zones import MINUTE

ADVICE = re.compile(r"(?: \([^()]*\)|; (?:check|start|create|correct|let|use|move|remove|write) [^;]*)+$")
NAMED = 5  # jobs that a text names
HEARTBEAT = "heartbeat"  # the kind of those that are not received; the jobs themselves may be well
WORDS = {  # of the headlines
    "approval": "waits for approval",
    "ask": "waits for a decision",
    "channel": "a channel does not take notices",
    "config": "a problem in the configuration",
    "cron": "cron does not start ticks",
    "deadman": "the dead-man file can't be touched",
    "found": "errors found",
    "gate": "its gate gave no answer",
    HEARTBEAT: "heartbeats do not arrive",
    "metrics": "metrics can't be written",
    "skipped": "does not get to run",
    "slow": "takes long",
    "targets": "its targets can't be read",
    "tick": "a problem",
    "unanswered": "was not approved in time",
}


def text(message: Message, now: float, zone: str) -> str:
    """Return the sentence about *message*, with instants in *zone* (an IANA name)."""
    if message.kind == "recovery":
        return _recovered(message.incidents, now, zone)
    first, *others = message.incidents
    what, advice = _split(_several(message.incidents) if others else first.text)
    if message.kind == "urgent":
        what += "; it is critical now"
    if message.kind == "flapping":
        what += f"; flapping: {_times(first, now)}; the next notice comes when it has been away for {about(rest_of(first))}"
    elif first.kind not in ASKS and (message.kind != "first" or now - first.since >= MINUTE):
        what += f"; since {minute(min(one.since for one in message.incidents), zone)}{_failures(message.incidents)}"
    others = [one for one in message.followers if one.key not in {cause.key for cause in message.incidents}]
    if others:
        what += f"; because of it also: {_names(others)}"
    return f"{what}{advice}"


def _split(sentence: str) -> tuple[str, str]:
    """Return *sentence* without the commands at its end, and these, in parentheses."""
    what, opening, advice = sentence.rpartition(" (scheduled ")
    return (what, f"{opening}{advice}") if opening and advice.endswith(")") else (sentence, "")


def headline(message: Message) -> str:
    """Return a few words: what is troubled, and how."""
    names = _names(message.incidents, most=3)
    first = message.incidents[0]
    kind = WORDS.get(first.kind, first.kind.replace("_", " "))
    words = {"recovery": f"over: {kind}", "flapping": "flapping", "reminder": f"still {kind}"}
    if first.is_about_failing:
        words |= {"recovery": "up again", "reminder": "still failing"}
    return f"{names}: {words.get(message.kind, kind)}"


def about(seconds: float) -> str:
    """Return a duration such as `45s`, `12m` or `3d4h`: without seconds from two minutes on."""
    whole = max(0, int(seconds))
    return duration(whole if whole < 2 * MINUTE else whole - whole % MINUTE)


def name(incident: Incident) -> str:
    """Return the job or target of *incident*, or `scheduled`."""
    return incident.key.display_name or "scheduled"


def _names(incidents: Sequence[Incident], most: int = NAMED) -> str:
    found = list(dict.fromkeys(map(name, incidents)))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def _several(incidents: Sequence[Incident]) -> str:
    signs = {one.sign for one in incidents}
    if all(one.kind == FOUND for one in incidents) and len(signs) == 1:
        return f"{name(incidents[0])}: found {len(incidents)} errors (scheduled incidents)"
    if all(one.kind == HEARTBEAT for one in incidents):
        return f"{len(incidents)} heartbeats are not received: {_names(incidents)} (scheduled incidents)"
    sign = incidents[0].sign if len(signs) == 1 and incidents[0].sign else "for different reasons"
    return f"{len(incidents)} jobs at once: {_names(incidents)}: {sign} (scheduled incidents)"


def _recovered(incidents: Sequence[Incident], now: float, zone: str) -> str:
    first, *others = incidents
    ended = max(one.ended_at or now for one in incidents)
    lasted = about(max((one.ended_at or now) - one.since for one in incidents))
    when = f"{f' since {minute(ended, zone)},' if now - ended >= MINUTE else ''} after {lasted}"
    failures = _failures(incidents)
    if others and first.kind == FOUND:
        return f"{name(first)}: {len(incidents)} errors are over{when}"
    if others and all(one.kind == HEARTBEAT for one in incidents):
        return f"{len(incidents)} heartbeats are received again: {_names(incidents)}:{when}"
    if others:
        return f"{len(incidents)} jobs up again: {_names(incidents)}:{when}{failures}"
    if first.is_about_failing:
        return f"{name(first)}: up again{when}{failures}"
    subject = f"{name(first)}: " if first.job else ""
    return f"{subject}over{when}: {_without_advice(first.text).removeprefix(f'{name(first)}: ')}"


def _without_advice(sentence: str) -> str:
    """Return *sentence* without what to do about it, which is in parentheses at its end or behind the last semicolon."""
    what = _split(sentence)[0]
    return ADVICE.sub("", what)


def _failures(incidents: Sequence[Incident]) -> str:
    number = sum(one.failures for one in incidents)
    return f", {number} failed run{'s' * (number != 1)}" if number else ""


def _times(incident: Incident, now: float) -> str:
    times = len(incident.openings)
    return f"{times} times in {about(now - incident.openings[0])}"
