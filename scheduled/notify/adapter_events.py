"""Fire the events of a tick into the `Trigger` of a workspace (`[compat] trigger`)."""

from collections.abc import Sequence

from scheduled.core.events import Event
from scheduled.notify.adapter import Adapter, Answer, Call, call
from scheduled.notify.session_bus import payload_of


def fire(adapter: Adapter, target: str, events: Sequence[Event], zone: str) -> list[str]:
    """Call `fire(NAME, **payload)` of *target* for each of *events*, in order; return a warning for each failure.

    Events with the same failure share a warning. Instants in a payload are texts in *zone*.
    """
    calls = [Call(method="fire", args=[event.name], keywords=payload_of(event, zone)) for event in events]
    answers = call(adapter, target, calls)
    names = [event.name for event in events]
    reasons = [_failure(answer) for answer in answers.given]
    reasons += [answers.error] * (len(names) - len(reasons))
    if answers.error and len(answers.given) == len(names):
        reasons[-1] = reasons[-1] or answers.error
    return [
        f"[compat] trigger: {', '.join(failed)}: {reason}"
        for reason, failed in _by_reason(names, reasons).items()
    ]


def _failure(answer: Answer) -> str:
    """Return the reason if an event was not handled. `Trigger.fire` does not raise the errors of its handlers."""
    if answer.error:
        return answer.error
    failed = answer.value.get("failed") if isinstance(answer.value, dict) else 0
    return f"{failed} of its handlers failed; their program logs the errors" if failed else ""


def _by_reason(names: Sequence[str], reasons: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for name, reason in zip(names, reasons, strict=True):
        if reason:
            found.setdefault(reason, {})[name] = None
    return {reason: list(failed) for reason, failed in found.items()}
