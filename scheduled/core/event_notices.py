"""The notices about events, for the rules of `[[notify.routes]]` that name events."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from scheduled.core.conditions import Notice, Priority
from scheduled.core.events import Event
from scheduled.core.keys import JobKey
from scheduled.core.routing import INCIDENT, PRIORITIES, Matter, Rule, recipients
from scheduled.printable import printable
from scheduled.schedules.durations import duration

URGENCY: Mapping[str, Priority] = {
    "job_failed": "high",
    "job_interrupted": "high",
    "event_refused": "high",
    "job_started": "low",
    "job_completed": "low",
    "job_retry_scheduled": "low",
}
HEADLINES = {
    "job_started": "{} started",
    "job_completed": "{} succeeded",
    "job_failed": "{} failed",
    "job_skipped": "{} was skipped",
    "job_interrupted": "{} was interrupted",
    "job_retry_scheduled": "{} failed and is retried",
    "skip_undone": "{}: a skip was undone",
    "event_refused": "{}: a start was refused",
}
ENDS = ("job_completed", "job_failed", "job_interrupted", "job_retry_scheduled")  # an attempt has ended
# Fields that the headline, the link or the rest of the sentence has.
KNOWN = ("job", "target", "run_id", "reason", "duration_ms", "priority")
LONGEST_VALUE = 200
SECOND = 1000  # ms
USUAL = {"attempt": 1, "missed": 0, "slots": 1}
STATUSES = ("success", "failed", "skipped", "interrupted")  # which the headline has


def _no_output(_run_id: str, _attempt: int) -> str:
    return ""


class EventRoutes(msgspec.Struct, frozen=True, kw_only=True):
    """The *rules* that name events, and the address of the web interface for the links of their notices ("": none).

    *output* returns the last lines of an attempt of a run, given the id of the run.
    """

    rules: tuple[Rule, ...]
    external_url: str = ""
    output: Callable[[str, int], str] = _no_output

    def notices(self, event: Event) -> Iterator[Notice]:
        """Yield the notices about *event*, one for each recipient."""
        key = subject_of(event)
        matter = Matter(name=event.name, priority=_priority(event), subject=key)
        found = recipients(self.rules, matter)
        output = self._output_of(event) if found else ""
        for recipient in found:
            yield Notice(
                recipient=recipient,
                subject=_headline(event, key),
                body=_sentence(event),
                priority=matter.priority,
                kind=event.name,
                job=key.job,
                target=key.target,
                output=output,
                link=link(self.external_url, _text(event.payload.get("run_id", ""))),
                verdict=_text(event.payload.get("status", "")),
            )

    def _output_of(self, event: Event) -> str:
        run_id, attempt = event.payload.get("run_id"), event.payload.get("attempt")
        ended = event.name in ENDS and isinstance(run_id, str) and isinstance(attempt, int)
        return self.output(str(run_id), int(str(attempt))) if ended else ""


def subject_of(event: Event) -> JobKey:
    """Return the job or target that *event* is about; JobKey("") if it is about none."""
    return JobKey(_text(event.payload.get("job", "")), _text(event.payload.get("target", "")))


def event_routes(rules: Iterable[Rule], external_url: str) -> EventRoutes | None:
    """Return the routes of events; None if no rule names one."""
    found = tuple(rule for rule in rules if any(name != INCIDENT for name in rule.on))
    return EventRoutes(rules=found, external_url=external_url) if found else None


def link(external_url: str, run_id: str) -> str:
    """Return the address of the page of a run, in the web interface at *external_url*; "" without one of them."""
    if not external_url or not run_id:
        return ""
    from urllib.parse import quote

    return f"{external_url.rstrip('/')}/runs/{quote(run_id, safe='')}"


def _priority(event: Event) -> Priority:
    """Return the priority of *event*: an event of the user may have it in its payload."""
    given = event.payload.get("priority")
    own: Priority = URGENCY.get(event.name, "normal")
    return PRIORITIES[PRIORITIES.index(given)] if given in PRIORITIES else own


def _headline(event: Event, key: JobKey) -> str:
    form = HEADLINES.get(event.name)
    if form is not None and key.job:
        return form.format(key.display_name)
    return f"{event.name.replace('_', ' ')}{f': {key.display_name}' if key.job else ''}"


def _sentence(event: Event) -> str:
    """Return what *event* has beside its headline, in one line."""
    payload = event.payload
    parts = [_text(payload["reason"])] if payload.get("reason") else []
    if isinstance(spent := payload.get("duration_ms"), int):
        parts.append(f"after {duration(spent // 1000)}" if spent >= SECOND else "after less than 1s")
    is_of_job = event.name in HEADLINES
    parts += [
        f"{name.replace('_', ' ')} {_text(value)}"
        for name, value in payload.items()
        if value is not None and name not in KNOWN and not (is_of_job and _is_usual(name, value))
    ]
    return ", ".join(parts)


def _is_usual(name: str, value: object) -> bool:
    """Return whether a field of an event about a job has a value that is of no interest, or one that its reason has too."""
    return name == "exit_code" or value == USUAL.get(name) or (name == "status" and value in STATUSES)


def _text(value: object) -> str:
    """Return a value of a payload as one line of bounded length."""
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return printable(text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]} ...")
