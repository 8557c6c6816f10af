"""What `skip` does with a job with targets: something with each of them, and one document about all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from scheduled.clock import stamp
from scheduled.core.keys import JobKey
from scheduled.core.runs import Span
from scheduled.errors import ConfigError

T = TypeVar("T")


def document(named: JobKey, spans: Mapping[JobKey, Span | None], zone: str) -> dict[str, Any]:
    """Return what was *named*, the first and the last slot of *spans*, and, for a job with targets, those of each target."""
    found = [span for span in spans.values() if span is not None]
    whole = {
        "job": named.job,
        "target": named.target or None,
        "first": stamp(min((span.first for span in found), default=None), zone),
        "last": stamp(max((span.last for span in found), default=None), zone),
    }
    if named in spans:
        return whole
    slots = {key.target: span.count for key, span in spans.items() if span is not None}
    return {**whole, "targets": [{"target": target, "slots": count} for target, count in slots.items()]}


def of_each(keys: Sequence[JobKey], find: Callable[[JobKey], T]) -> list[T]:
    """Return what *find* finds for each key, without those for which it raises ConfigError; raise it if it does for all."""
    found, errors = list[T](), list[ConfigError]()
    for key in keys:
        try:
            found.append(find(key))
        except ConfigError as error:
            errors.append(error)
    if errors and not found:
        raise errors[0]
    return found
