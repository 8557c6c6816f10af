"""Events: immutable past-tense facts, each with a stable public name and a payload of JSON values."""

from collections.abc import Mapping

import msgspec

BOOTED = "machine_booted"  # published by the first tick of a boot; `cron = "@reboot"` starts on this event
_RUN = ("job", "target", "run_id", "scheduled_for", "attempt")
_END = (*_RUN, "status", "reason", "duration_ms", "exit_code")

# The events that the program and its handlers publish, with the fields of their payload. All other events are the user's.
PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "job_started": (*_RUN, "missed"),
    "job_completed": _END,
    "job_failed": _END,
    "job_skipped": (*_END, "slots"),
    "job_interrupted": _END,
    "job_retry_scheduled": _END,
    "approval_requested": (*_RUN[:4], "reason"),
    "run_approved": _RUN[:4],
    "skip_undone": ("job", "target", "scheduled_for", "slots"),
    "configuration_changed": ("added", "removed", "changed", "settings"),
    "task_added": ("at",),
    "event_refused": ("job", "reason"),
    BOOTED: ("boot",),
    "scheduler_toggled": ("enabled",),
    "health_check_complete": ("healthy", "warnings", "errors", "branches", "timestamp"),
    "memory_threshold_exceeded": (
        "branch",
        "file_name",
        "line_count",
        "branch_path",
        "file_path",
        "threshold",
        "timestamp",
        "unit",
        "count",
        "excess",
    ),
    "mail_cleanup_complete": ("auto_opened", "auto_closed", "errors", "timestamp"),
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event: its public *name*, for example `job_failed`, and its *payload* of JSON values."""

    name: str
    payload: Mapping[str, object] = {}
