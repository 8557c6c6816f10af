"""The settings of a job in words, as the user writes them: for `show` and the pages of the web."""

from collections.abc import Mapping
from typing import Any

from scheduled.core import gate_words
from scheduled.core.jobs import Job
from scheduled.queries import describe, expectation_words
from scheduled.schedules.durations import duration

HIDDEN = ("name", "schedules", "action", "description", "source", "enabled", "warnings")
DURATIONS = (
    "timeout", "kill_after", "start_delay", "grace", "gate_deadline", "delay", "max_delay", "jitter", "cpu",
)  # fmt: skip
SIZES = ("output_limit", "memory", "file_size")


def in_words(job: Job, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the *settings* of *job*, plain values, in words; without those that only other settings imply."""
    hidden = HIDDEN if job.between is None else (*HIDDEN, "not_between")  # the time outside of the window
    found = {name: _named(name, value) for name, value in settings.items() if name not in hidden}
    return found | {name: text for name, text in _of_values(job).items() if name in found}


def _of_values(job: Job) -> dict[str, str]:
    """Return the settings of *job* that have words of their own."""
    windows = {"between": job.between, "not_between": job.not_between}
    found = {name: describe.window(value) for name, value in windows.items() if value is not None}
    if job.only_if is not None:
        found["only_if"] = gate_words.with_else(job.only_if)
    if job.fails_if is not None:
        found["fails_if"] = describe.fails_if(job.fails_if)
    if job.expect is not None:
        found["expect"] = expectation_words.in_words(job.expect)
    if job.approve is not None:
        by, default = job.approve.by, job.approve.default
        found["approve"] = "yes" if by is None else f"within {duration(by)}, otherwise {default}"
    if job.umask is not None:
        found["umask"] = f"{job.umask:03o}"
    return found


def _named(name: str, value: Any) -> str:
    """Return the value of a setting in words; durations and sizes with their units."""
    if name == "for_each" and isinstance(value, dict):
        return value_in_words(value["listed"] or ("branches" if value["branches"] else value["command"]))
    if isinstance(value, int) and name in DURATIONS:
        return duration(value)
    return describe.size(value) if isinstance(value, int) and name in SIZES else value_in_words(value)


def value_in_words(value: object) -> str:
    """Return a plain value as text; a dash for one that is not set."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_named(key, inner)}" for key, inner in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(value_in_words, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)
